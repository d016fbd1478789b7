//! Where a call comes from: the address at the other end of its connection, or, if that is one of the reverse proxies that the node's
//! configuration names, the one that the proxy says.
//!
//! Anybody can write `X-Forwarded-For`. It is read from the node's side: each proxy that is trusted vouches for the address that it adds, and
//! the first that is not trusted is the source, whatever stands before it. One header is read, the one that the proxies write: of the other
//! they might pass on what a caller made up. The address is personal data: it goes into what the guard looks at, and nowhere else.

use core::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use secnet_types::AddressBlock;

use crate::Problem;

/// Proxies that a call may have come through; of one that came through more the source is not known.
const MAX_HOPS: usize = 16;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub IpAddr);

/// The header that reverse proxies write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, which most of them write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The reverse proxies before a door.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Their addresses.
    pub trusted: Vec<AddressBlock>,
    /// What they write.
    pub header: ForwardedBy,
}

/// The header is not as RFC 7239 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Malformed;

impl Proxies {
    /// Where a call comes from; nothing if that is not known.
    pub(crate) fn source_of(&self, parts: &Parts) -> Result<Option<IpAddr>, Box<Problem>> {
        let Some(Peer(peer)) = parts.extensions.get().copied() else { return Ok(None) };
        let malformed = |Malformed| Problem::malformed("the header `Forwarded` is malformed");
        self.source(peer, &parts.headers).map_err(malformed)
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|block| block.contains(address))
    }

    fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Option<IpAddr>, Malformed> {
        let mut at = peer.to_canonical();
        if !self.trust(at) {
            return Ok(Some(at));
        }
        let name = match self.header {
            ForwardedBy::XForwardedFor => "x-forwarded-for",
            ForwardedBy::Forwarded => "forwarded",
        };
        let values: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
        let mut hops = 0;
        for value in values.into_iter().rev() {
            let Ok(value) = value.to_str() else { return Ok(None) };
            for hop in self.hops(value)? {
                hops += 1;
                // What no proxy of ours can have written, or hides, is not known; nor is what lies behind.
                let (Some(hop), 0..=MAX_HOPS) = (hop, hops) else { return Ok(None) };
                at = hop;
                if !self.trust(at) {
                    return Ok(Some(at));
                }
            }
        }
        Ok(Some(at))
    }

    /// The addresses of one line, the last first; nothing in place of one that is none.
    fn hops(&self, value: &str) -> Result<Vec<Option<IpAddr>>, Malformed> {
        match self.header {
            ForwardedBy::XForwardedFor => Ok(value.rsplit(',').map(address).collect()),
            ForwardedBy::Forwarded => {
                let elements = split(value, ',')?;
                elements.into_iter().rev().map(forwarded_for).collect()
            }
        }
    }
}

/// An address, which may have a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let found = text.parse().ok().or_else(bare).or_else(with_port);
    found.map(|address: IpAddr| address.to_canonical())
}

/// `for` of one element of `Forwarded`; nothing if it has none, or one that hides the address.
fn forwarded_for(element: &str) -> Result<Option<IpAddr>, Malformed> {
    let mut found = None;
    for pair in split(element, ';')? {
        let pair = pair.trim_matches([' ', '\t']);
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=').ok_or(Malformed)?;
        let value = plain(value)?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return Err(Malformed);
        }
    }
    Ok(found.as_deref().and_then(address))
}

/// The parts of a text between separators that are in no quoted string.
fn split(text: &str, separator: char) -> Result<Vec<&str>, Malformed> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|sign: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match sign {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return !quoted && sign == separator,
        }
        false
    });
    let parts = parts.collect();
    if quoted || escaped { Err(Malformed) } else { Ok(parts) }
}

/// A token, or what a quoted string says: all of it, with nothing before or after.
fn plain(value: &str) -> Result<String, Malformed> {
    let Some(inside) = value.strip_prefix('"') else {
        let token = |sign: char| sign.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(sign);
        let whole = !value.is_empty() && value.chars().all(token);
        return whole.then(|| value.to_owned()).ok_or(Malformed);
    };
    let (mut said, mut signs) = (String::new(), inside.chars());
    loop {
        match signs.next().ok_or(Malformed)? {
            '"' => break,
            '\\' => said.push(signs.next().ok_or(Malformed)?),
            sign => said.push(sign),
        }
    }
    if signs.next().is_none() { Ok(said) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(trusted: &[&str], header: ForwardedBy) -> Proxies {
        let trusted = trusted.iter().map(|block| block.parse().unwrap()).collect();
        Proxies { trusted, header }
    }

    fn found(
        proxies: &Proxies,
        peer: &str,
        lines: &[(&'static str, &str)],
    ) -> Result<String, Malformed> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let source = proxies.source(peer.parse().unwrap(), &headers);
        source.map(|source| source.map_or_else(|| "unknown".into(), |source| source.to_string()))
    }

    const X: &str = "x-forwarded-for";
    const F: &str = "forwarded";

    #[test]
    fn without_a_trusted_proxy_no_header_says_anything() {
        for proxies in [Proxies::default(), behind(&["10.0.0.0/8"], ForwardedBy::XForwardedFor)] {
            for lines in [&[][..], &[(X, "203.0.113.9")], &[(F, "for=203.0.113.9")]] {
                assert_eq!(found(&proxies, "198.51.100.1", lines).unwrap(), "198.51.100.1");
            }
        }
        let mapped = found(&Proxies::default(), "::ffff:198.51.100.1", &[]).unwrap();
        assert_eq!(mapped, "198.51.100.1");
    }

    #[test]
    fn the_first_that_is_not_trusted_seen_from_here_is_the_source() {
        let proxies = behind(&["10.0.0.0/8", "2001:db8:1::/48"], ForwardedBy::XForwardedFor);
        let from = |lines: &[(&'static str, &str)]| found(&proxies, "10.0.0.1", lines).unwrap();
        assert_eq!(from(&[(X, "203.0.113.9")]), "203.0.113.9");
        // What the caller wrote stands further to the left, in the same line or in another.
        assert_eq!(from(&[(X, "127.0.0.1, 192.0.2.1,203.0.113.9 , 10.0.0.2")]), "203.0.113.9");
        assert_eq!(from(&[(X, "127.0.0.1"), (X, "203.0.113.9")]), "203.0.113.9");
        assert_eq!(from(&[(X, "nonsense, \"), (], 203.0.113.9")]), "203.0.113.9");
        // And the other header is not read.
        assert_eq!(from(&[(X, "203.0.113.9"), (F, "for=127.0.0.1")]), "203.0.113.9");
        assert_eq!(from(&[(F, "for=127.0.0.1")]), "10.0.0.1");
        for (said, source) in [
            ("203.0.113.9:1234", "203.0.113.9"),
            ("[2001:db8::9]:443", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1::7", "2001:db8:1::7"),
            ("10.9.9.9", "10.9.9.9"),
            ("unknown", "unknown"),
            ("", "unknown"),
            ("203.0.113.9, ", "unknown"),
            ("203.0.113.9, fe80::1%eth0", "unknown"),
        ] {
            assert_eq!(from(&[(X, said)]), source, "{said}");
        }
        let own = |hops: usize| format!("203.0.113.9{}", ",10.0.0.1".repeat(hops));
        assert_eq!(from(&[(X, &own(MAX_HOPS - 1))]), "203.0.113.9");
        assert_eq!(from(&[(X, &own(MAX_HOPS))]), "unknown");
        let huge = "203.0.113.9,".repeat(2_000) + "198.51.100.7";
        assert_eq!(from(&[(X, &huge)]), "198.51.100.7");
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says_and_not_at_all_if_it_can_be_read_in_two_ways() {
        let proxies = behind(&["10.0.0.0/8"], ForwardedBy::Forwarded);
        let from = |line: &str| found(&proxies, "10.0.0.1", &[(F, line)]);
        for (said, source) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("FOR=\"203.0.113.9:47011\";proto=https;by=10.0.0.1", "203.0.113.9"),
            ("for=127.0.0.1, for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"127.0.0.1, for=\\\"\", for=203.0.113.9;proto=http", "203.0.113.9"),
            ("for=203.0.113.9, for=_hidden", "unknown"),
            ("for=203.0.113.9, for=unknown", "unknown"),
            ("for=203.0.113.9, proto=https", "unknown"),
            ("for=198.51.100.1, for=10.0.0.7", "198.51.100.1"),
        ] {
            assert_eq!(from(said).unwrap(), source, "{said}");
        }
        // A caller who opens a quoted string and has the proxy close it.
        for said in [
            "for=\"127.0.0.1, for=203.0.113.9",
            "for=\"x, for=203.0.113.9;by=\"_proxy\"",
            "for=\"x, for=\"[2001:db8::9]\"",
            "for=203.0.113.9;for=127.0.0.1",
            "for",
            "for=\"203.0.113.9\"x",
            "for=\"203.0.113.9\\",
            "for=[2001:db8::9]",
            "for=",
        ] {
            assert_eq!(from(said), Err(Malformed), "{said}");
        }
        let lines = [(F, "for=\"open"), (F, "for=203.0.113.9")];
        assert_eq!(found(&proxies, "10.0.0.1", &lines).unwrap(), "203.0.113.9");
        assert_eq!(found(&proxies, "10.0.0.1", &[(X, "203.0.113.9")]).unwrap(), "10.0.0.1");
    }
}
