//! What a text is made of.

use std::collections::{BTreeMap, BTreeSet};

/// Longest form, and most signs, that are told apart.
const LONGEST: usize = 16;

/// A letter or anything beyond ASCII is `a`, a digit `9`, everything else itself.
fn class(character: char) -> char {
    if character.is_ascii_digit() {
        '9'
    } else if character.is_ascii_alphabetic() || !character.is_ascii() {
        'a'
    } else {
        character
    }
}

/// Neither letter nor digit, and ASCII?
pub(super) fn is_sign(character: char) -> bool {
    !matches!(class(character), 'a' | '9')
}

/// The classes in order, each run of one once: `x-12-ab` is `a-9-a`.
pub(super) fn form(text: &str) -> String {
    let mut form = String::new();
    let mut last = None;
    for class in text.chars().map(class) {
        if last != Some(class) {
            if form.len() == LONGEST {
                break;
            }
            form.push(class);
            last = Some(class);
        }
    }
    form
}

/// The different signs, ascending.
pub(super) fn signs(text: &str) -> String {
    let signs: BTreeSet<char> = text.chars().filter(|c| is_sign(*c)).collect();
    signs.into_iter().take(LONGEST).collect()
}

/// How many characters it has.
pub(super) fn length(text: &str) -> f64 {
    text.chars().count() as f64
}

/// How many of its characters are so.
pub(super) fn count(text: &str, is: impl Fn(char) -> bool) -> f64 {
    text.chars().filter(|c| is(*c)).count() as f64
}

/// Shannon's entropy of its characters, in bits.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    text.chars().for_each(|c| *counts.entry(c).or_default() += 1);
    let all = length(text);
    counts
        .values()
        .map(|count| {
            let share = f64::from(*count) / all;
            -share * share.log2()
        })
        .sum()
}

/// What `+` and `%41` stand for; what is not UTF-8 afterwards becomes U+FFFD, and a `%` without two digits stays.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match (byte, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, beyond @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = beyond;
                    high * 16 + low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_its_form_and_its_signs() {
        assert_eq!(form("45447133f"), "9a");
        assert_eq!(form("c/ año 12, 3ºb"), "a/ a 9, 9a");
        assert_eq!(form(&"a1".repeat(40)).len(), LONGEST);
        assert_eq!(signs("a'b';--c"), "'-;");
        assert_eq!((form(""), signs("")), (String::new(), String::new()));
        assert!((entropy("aabb") - 1.0).abs() < 1e-12 && entropy("") == 0.0);
    }

    #[test]
    fn decoding_takes_what_is_there() {
        assert_eq!(decoded("a+b%27c%"), "a b'c%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(decoded("%c3%b1%ff"), "ñ\u{fffd}");
        assert_eq!(decoded("%2527"), "%27", "once, not until nothing is left");
    }
}
