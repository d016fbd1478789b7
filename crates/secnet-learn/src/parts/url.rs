//! A URL as columns: what kind of host, path and query it has. It is never opened or resolved.

use super::shape::{count, entropy, length};
use crate::table::{Column, TableError};

/// Longest word that is told apart, in characters.
const LONGEST: usize = 32;

/// A column's name, and what it says of a URL.
type Part<T> = (&'static str, fn(&Url<'_>) -> T);

/// `scheme`, `top domain`, `domain`, `host is address`, `first folder`, `extension`, and numbers of host, path and query.
///
/// # Errors
/// [`TableError`]: the limits of columns.
pub fn url_columns(urls: &[String]) -> Result<Vec<Column>, TableError> {
    let urls: Vec<Url<'_>> = urls.iter().map(|url| Url::of(url)).collect();
    let words: [Part<String>; 6] = [
        ("scheme", |url| shortened(url.scheme)),
        ("top domain", |url| shortened(url.label(0))),
        ("domain", |url| shortened(url.label(1))),
        ("host is address", |url| url.is_address().to_string()),
        ("first folder", |url| shortened(url.path.split('/').nth(1).unwrap_or_default())),
        ("extension", |url| shortened(url.extension())),
    ];
    let numbers: [Part<f64>; 24] = [
        ("length", |url| length(url.whole)),
        ("host length", |url| length(url.host)),
        ("path length", |url| length(url.path)),
        ("query length", |url| length(url.query)),
        ("labels", |url| url.host.split('.').count() as f64),
        ("longest label", |url| longest(url.host, '.')),
        ("domain length", |url| length(url.label(1))),
        ("depth", |url| count(url.path, |c| c == '/')),
        ("longest folder", |url| longest(url.path, '/')),
        ("digits of host", |url| count(url.host, |c| c.is_ascii_digit())),
        ("digits of path", |url| {
            count(url.path, |c| c.is_ascii_digit()) + count(url.query, |c| c.is_ascii_digit())
        }),
        ("hyphens of host", |url| count(url.host, |c| c == '-')),
        ("vowels of host", |url| {
            count(url.host, |c| "aeiou".contains(c))
                / count(url.host, |c| c.is_ascii_alphabetic()).max(1.0)
        }),
        ("entropy of host", |url| entropy(url.host)),
        ("entropy of path", |url| entropy(url.path)),
        ("dots", |url| count(url.whole, |c| c == '.')),
        ("hyphens", |url| count(url.whole, |c| c == '-')),
        ("underscores", |url| count(url.whole, |c| c == '_')),
        ("ats", |url| count(url.whole, |c| c == '@')),
        ("percents", |url| count(url.whole, |c| c == '%')),
        ("parameters", |url| count(url.query, |c| c == '=')),
        ("capitals", |url| count(url.whole, char::is_uppercase)),
        ("double slashes of path", |url| url.path.matches("//").count() as f64),
        ("has a port", |url| f64::from(u8::from(url.has_port))),
    ];
    let words = words
        .into_iter()
        .map(|(name, of)| Column::categorical(name, &urls.iter().map(of).collect::<Vec<String>>()));
    let numbers =
        numbers.into_iter().map(|(name, of)| Column::numeric(name, urls.iter().map(of).collect()));
    words.chain(numbers).collect()
}

/// A URL, taken apart.
struct Url<'a> {
    whole: &'a str,
    scheme: &'a str,
    /// Without user and port.
    host: &'a str,
    has_port: bool,
    path: &'a str,
    query: &'a str,
}

impl<'a> Url<'a> {
    fn of(whole: &'a str) -> Self {
        let (scheme, rest) = whole.split_once("://").unwrap_or(("", whole));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (path, query) = match target.find(['?', '#']).and_then(|at| target.split_at_checked(at))
        {
            Some((path, query)) => (path, query),
            None => (target, ""),
        };
        let address = authority.rsplit('@').next().unwrap_or(authority);
        let (host, has_port) = address.split_once(':').map_or((address, false), |(h, _)| (h, true));
        Self { whole, scheme, host, has_port, path, query }
    }

    /// A label of the host, counted from the right; the host itself if it has one only.
    fn label(&self, from_right: usize) -> &'a str {
        let mut labels = self.host.rsplit('.');
        labels.nth(from_right).unwrap_or(self.host)
    }

    fn is_address(&self) -> bool {
        !self.host.is_empty() && self.host.chars().all(|c| c.is_ascii_digit() || c == '.')
    }

    /// Of the last part of the path.
    fn extension(&self) -> &'a str {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        last.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

fn longest(text: &str, between: char) -> f64 {
    text.split(between).map(length).fold(0.0, f64::max)
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::of("http://me:pw@a-b.example.co.uk:81/x/y.php?q=1&r=2#z");
        assert_eq!((url.scheme, url.host, url.has_port), ("http", "a-b.example.co.uk", true));
        assert_eq!((url.path, url.query, url.extension()), ("/x/y.php", "?q=1&r=2#z", "php"));
        assert_eq!((url.label(0), url.label(1)), ("uk", "co"));
        assert!(Url::of("http://10.0.0.1/").is_address() && !url.is_address());
        for odd in ["", "x", "://", "http://", "http://?", "a@b@c:1:2/?#"] {
            let columns = url_columns(&[odd.to_owned()]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(columns.len(), 30, "{odd}");
        }
    }
}
