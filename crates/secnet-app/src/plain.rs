//! Text that people are shown.

/// Does a terminal obey this character, or a reader's eye: a control character, or one that turns the direction of writing?
#[must_use]
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Is this text that shows as what it is, in one line?
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.contains(is_obeyed)
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_is_obeyed_is_not_plain() {
        assert!(is_plain("Ångström 東京 🏥") && is_plain(""));
        for text in ["a\nb", "a\tb", "\u{1b}[2K", "\u{9b}", "\u{7f}", "a\u{202e}b", "\u{2066}"] {
            assert!(!is_plain(text), "{text:?}");
        }
    }
}
