//! When a certificate ends. Of X.509 only the way to that field is read: TLS itself judges the rest.

use core::str::FromStr as _;

use secnet_types::Timestamp;

use crate::dates::Moment;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The last moment of a certificate in DER; none if that cannot be read.
pub(crate) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = of_kind(der, SEQUENCE)?;
    let (mut rest, _) = of_kind(certificate, SEQUENCE)?;
    if let Some((_, after)) = of_kind(rest, VERSION) {
        rest = after;
    }
    // Serial number, algorithm, issuer.
    for kind in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = of_kind(rest, kind)?.1;
    }
    let (validity, _) = of_kind(rest, SEQUENCE)?;
    let (_, _, end) = element(validity)?;
    let (kind, text, _) = element(end)?;
    time(kind, core::str::from_utf8(text).ok()?)
}

/// RFC 5280, section 4.1.2.5: seconds are always there, and the zone is always Z.
fn time(kind: u8, text: &str) -> Option<Timestamp> {
    let (century, rest) = match kind {
        UTC_TIME if text.get(..2)? < "50" => ("20", text),
        UTC_TIME => ("19", text),
        GENERALIZED_TIME => text.split_at_checked(2)?,
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at.checked_add(2)?);
    let [year, month, day] = [part(0)?, part(2)?, part(4)?];
    let [hour, minute, second] = [part(6)?, part(8)?, part(10)?];
    if rest.get(12..) != Some("Z") {
        return None;
    }
    let moment = format!("{century}{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    Moment::from_str(&moment).ok().map(Moment::start)
}

/// The content of the first element, if it is of this kind, and what follows it.
fn of_kind(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (kind, content, rest) = element(der)?;
    (kind == wanted).then_some((content, rest))
}

/// The first element: kind, content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = bytes.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*kind, content, rest))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_the_one_that_others_read() {
        let pem = include_bytes!("../../../secnet-gateway/tests/it/tls/first.pem");
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        // As `openssl x509 -noout -enddate` says.
        assert_eq!(not_after(&der).unwrap().to_string(), "2126-11-02T11:40:56Z");
    }

    #[test]
    fn both_ways_of_writing_a_time_are_read_and_others_are_not() {
        let said = |kind, text| time(kind, text).map(|time| time.to_string());
        assert_eq!(said(UTC_TIME, "261126154558Z").unwrap(), "2026-11-26T15:45:58Z");
        assert_eq!(said(UTC_TIME, "991126154558Z").unwrap(), "1999-11-26T15:45:58Z");
        assert_eq!(said(GENERALIZED_TIME, "20491126154558Z").unwrap(), "2049-11-26T15:45:58Z");
        for (kind, text) in
            [(UTC_TIME, "2611261545Z"), (UTC_TIME, "2é"), (INTEGER, "261126154558Z")]
        {
            assert_eq!(said(kind, text), None);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let pem = include_bytes!("../../../secnet-gateway/tests/it/tls/first.pem");
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        for length in 0..der.len() {
            // Cut off anywhere: no panic, and nothing that was not there.
            assert_eq!(not_after(&der[..length]), None);
        }
        assert_eq!(not_after(&[0x30, 0x85, 1, 1, 1, 1, 1]), None);
    }
}
