//! The address of a door, in one spelling. Whoever is told it calls there: so it says scheme, host and port and nothing else, and
//! without TLS it stays on one machine.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// Longest address, in bytes.
pub const MAX_DOOR_URL_BYTES: usize = 255;
/// Longest part of a host's name, in bytes.
const MAX_LABEL_BYTES: usize = 63;

/// `https://` and a host, or `http://` and a loopback address; with a port where it is not the scheme's. Small letters, no path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DoorUrl(String);

/// A text is not the address of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the address of a door: https:// and a host in small letters, or http:// and a loopback address such as 127.0.0.1, with a port where it is not the scheme's, and nothing after it"
)]
pub struct DoorUrlError;

enum Host<'t> {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Name(&'t str),
}

impl DoorUrl {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host, and port where it is not the scheme's: what callers put into `Host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Does it lead to the machine of whoever calls?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = split(self.authority()).and_then(|(host, _)| Host::parse(host));
        host.is_some_and(|host| match host {
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            host => host.is_loopback(),
        })
    }
}

impl FromStr for DoorUrl {
    type Err = DoorUrlError;

    fn from_str(text: &str) -> Result<Self, DoorUrlError> {
        if text.len() > MAX_DOOR_URL_BYTES {
            return Err(DoorUrlError);
        }
        let (authority, usual_port, plain) = match text.split_once("://") {
            Some(("https", authority)) => (authority, 443, false),
            Some(("http", authority)) => (authority, 80, true),
            _ => return Err(DoorUrlError),
        };
        let (host, port) = split(authority).ok_or(DoorUrlError)?;
        if port.is_some_and(|port| !is_port(port, usual_port)) {
            return Err(DoorUrlError);
        }
        match Host::parse(host) {
            Some(host) if !plain || host.is_loopback() => Ok(Self(text.to_owned())),
            _ => Err(DoorUrlError),
        }
    }
}

/// Host and port. Of an address in brackets the brackets belong to the host.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    let end = authority.rfind(']').map_or(0, |at| at.saturating_add(1));
    let (bracketed, rest) = authority.split_at_checked(end)?;
    if bracketed.is_empty() {
        return Some(rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))));
    }
    match rest.strip_prefix(':') {
        Some(port) => Some((bracketed, Some(port))),
        None => rest.is_empty().then_some((bracketed, None)),
    }
}

/// A port in its one spelling, and not the one that goes without saying.
fn is_port(text: &str, usual: u16) -> bool {
    let number = text.parse::<u16>().ok().filter(|port| *port != 0 && *port != usual);
    number.is_some_and(|port| port.to_string() == text)
}

impl<'t> Host<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let address: Ipv6Addr = inner.parse().ok()?;
            let usable = !address.is_unspecified() && !address.is_multicast();
            return (usable && address.to_string() == inner).then_some(Self::V6(address));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            let usable =
                !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast();
            return usable.then_some(Self::V4(address));
        }
        is_name(text).then_some(Self::Name(text))
    }

    /// A name is not: it leads where some server says.
    const fn is_loopback(&self) -> bool {
        match self {
            Self::V4(address) => address.is_loopback(),
            Self::V6(address) => address.to_canonical().is_loopback(),
            Self::Name(_) => false,
        }
    }
}

/// A host's name in the letters of DNS. The last part begins with a letter: `1.2.3` and `0x7f.1` are numbers to some programs.
fn is_name(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let label = |part: &str| {
        let at_ends = |b: Option<u8>| b.is_some_and(letter);
        part.len() <= MAX_LABEL_BYTES
            && part.bytes().all(|b| letter(b) || b == b'-')
            && at_ends(part.bytes().next())
            && at_ends(part.bytes().last())
    };
    let last = text.rsplit('.').next().unwrap_or(text);
    text.split('.').all(label) && last.starts_with(|c: char| c.is_ascii_lowercase())
}

impl fmt::Display for DoorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for DoorUrl {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0).map(drop)
    }
}

impl<'b, C> Decode<'b, C> for DoorUrl {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str()?.parse().map_err(|_| decode::Error::message("not the address of a door"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port_in_one_spelling() {
        for good in [
            "https://clinic.example",
            "https://clinic-a.example:8420",
            "https://xn--krnten-9ta.example",
            "https://10.0.0.1:8420",
            "https://[2001:db8::1]",
            "https://[2001:db8::1]:8420",
            "http://127.0.0.1:8420",
            "http://127.77.0.1:1",
            "http://[::1]:8420",
        ] {
            let url: DoorUrl = good.parse().unwrap();
            assert_eq!(url.to_string(), good);
            assert_eq!(format!("{}://{}", good.split(':').next().unwrap(), url.authority()), good);
        }
        let long = format!("https://{}.example", "a".repeat(64));
        let longer = format!("https://{}example", "aaaaaaa.".repeat(32));
        for bad in [
            "",
            "clinic.example",
            "https://",
            "https:///",
            "HTTPS://clinic.example",
            "https://Clinic.example",
            "https://clinic.example/",
            "https://clinic.example/v1",
            "https://clinic.example?x",
            "https://clinic.example#x",
            "https://ada@clinic.example",
            "https://ada:word@clinic.example",
            "https://clinic.example:443",
            "https://clinic.example:0443",
            "https://clinic.example:0",
            "https://clinic.example:65536",
            "https://clinic.example:",
            "https://clinic.example:+84",
            "https://clinic.example:1:2",
            "https://clinic..example",
            "https://clinic.example.",
            "https://-clinic.example",
            "https://clinic_a.example",
            "https://clinic.example\\@evil.example",
            "https://clinic.example%2f",
            "https://clinic.example ",
            "https://clinic.example\n",
            "https://kärnten.example",
            "https://1.2.3",
            "https://0x7f.1",
            "https://127.0.0.01",
            "https://0.0.0.0",
            "https://224.0.0.1",
            "https://[::]",
            "https://[::1",
            "https://::1",
            "https://[0:0:0:0:0:0:0:1]",
            "https://[fe80::1%25eth0]",
            "https://[::1]x",
            "https://[::1]:443",
            "http://clinic.example",
            "http://localhost:8420",
            "http://10.0.0.1:8420",
            "http://127.0.0.1:80",
            "ftp://127.0.0.1",
            "file://127.0.0.1",
            &long,
            &longer,
        ] {
            assert_eq!(bad.parse::<DoorUrl>(), Err(DoorUrlError), "{bad}");
        }
    }

    #[test]
    fn what_leads_back_to_the_caller_is_told_apart() {
        let loops = |url: &str| url.parse::<DoorUrl>().unwrap().is_loopback();
        for here in [
            "http://127.0.0.1:1",
            "https://localhost:8420",
            "https://door.localhost",
            "https://[::1]",
            "https://[::ffff:127.0.0.1]",
        ] {
            assert!(loops(here), "{here}");
        }
        for there in ["https://10.0.0.1", "https://clinic.example", "https://localhost.example"] {
            assert!(!loops(there), "{there}");
        }
    }
}
