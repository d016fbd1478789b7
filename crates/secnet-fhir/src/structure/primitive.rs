//! How the primitive types of FHIR R4 are written: the expressions of the specification's page on data types and what
//! it says beside them, by hand.

use std::borrow::Cow;

use crate::Period;
use crate::error::quote;
use crate::json::{Json, kind};
use crate::limits::MAX_STRING_CHARS;
use crate::patient::is_id;

/// A primitive type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primitive {
    Base64Binary,
    Boolean,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Oid,
    PositiveInt,
    /// `string` and `markdown`.
    Text(&'static str),
    Time,
    UnsignedInt,
    /// `uri`, `url` and `canonical`.
    Uri(&'static str),
    Uuid,
    Xhtml,
}

impl Primitive {
    /// All of them.
    pub(super) const ALL: [Self; 20] = [
        Self::Base64Binary,
        Self::Boolean,
        Self::Code,
        Self::Date,
        Self::DateTime,
        Self::Decimal,
        Self::Id,
        Self::Instant,
        Self::Integer,
        Self::Oid,
        Self::PositiveInt,
        Self::Text("string"),
        Self::Text("markdown"),
        Self::Time,
        Self::UnsignedInt,
        Self::Uri("uri"),
        Self::Uri("url"),
        Self::Uri("canonical"),
        Self::Uuid,
        Self::Xhtml,
    ];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|primitive| primitive.name() == name)
    }

    /// As the specification names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Base64Binary => "base64Binary",
            Self::Boolean => "boolean",
            Self::Code => "code",
            Self::Date => "date",
            Self::DateTime => "dateTime",
            Self::Decimal => "decimal",
            Self::Id => "id",
            Self::Instant => "instant",
            Self::Integer => "integer",
            Self::Oid => "oid",
            Self::PositiveInt => "positiveInt",
            Self::Text(name) | Self::Uri(name) => name,
            Self::Time => "time",
            Self::UnsignedInt => "unsignedInt",
            Self::Uuid => "uuid",
            Self::Xhtml => "xhtml",
        }
    }

    /// Is this a value of the type? The error says why not.
    pub(super) fn check(self, value: &Json<'_>) -> Result<(), Cow<'static, str>> {
        match (self, value) {
            (_, Json::Null) => Err("null is not allowed; leave the element out".into()),
            (_, Json::Array(_)) => Err("expected a single value, found an array".into()),
            // Any number that JSON has is a decimal.
            (Self::Boolean, Json::Bool(_)) | (Self::Decimal, Json::Number(_)) => Ok(()),
            (Self::Boolean, other) => Err(expected("true or false", other)),
            (Self::Decimal, other) => Err(expected("a number", other)),
            (Self::Integer | Self::PositiveInt | Self::UnsignedInt, Json::Number((number, _))) => {
                self.check_whole(number)
            }
            (Self::Integer | Self::PositiveInt | Self::UnsignedInt, other) => {
                Err(expected("a whole number", other))
            }
            (_, Json::String(text)) => self.check_text(text),
            (_, other) => Err(expected("a string", other)),
        }
    }

    fn check_whole(self, number: &str) -> Result<(), Cow<'static, str>> {
        let digits = number.strip_prefix('-').unwrap_or(number);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{} is not a whole number", quote(number)).into());
        }
        let Ok(value) = number.parse::<i32>() else {
            let number = quote(number);
            return Err(format!("{number} is outside the 32 bits of a FHIR integer").into());
        };
        let no_sign = !number.starts_with('-');
        match self {
            Self::PositiveInt if value < 1 => {
                Err(format!("{number} is not a positiveInt (1 or more)").into())
            }
            Self::UnsignedInt if !no_sign => {
                Err(format!("{number} is not an unsignedInt (0 or more)").into())
            }
            _ => Ok(()),
        }
    }

    fn check_text(self, text: &str) -> Result<(), Cow<'static, str>> {
        if text.is_empty() {
            let name = self.name();
            return Err(format!("an empty {name} is not allowed; leave the element out").into());
        }
        if matches!(self, Self::Text(_)) && text.chars().nth(MAX_STRING_CHARS).is_some() {
            let reason = format!("more than the {MAX_STRING_CHARS} characters that FHIR allows");
            return Err(reason.into());
        }
        if !self.is_form_of(text) {
            return Err(format!("`{}` is not a valid {}", quote(text), self.name()).into());
        }
        let has_day = matches!(self, Self::Date | Self::DateTime | Self::Instant);
        if has_day && Period::from_date(text).is_none() {
            return Err(format!("`{}` is not a day of the calendar", quote(text)).into());
        }
        Ok(())
    }

    /// Does the text, which is not empty, have the form of this type?
    fn is_form_of(self, text: &str) -> bool {
        match self {
            Self::Base64Binary => is_base64(text),
            Self::Code => is_code(text),
            Self::Date => is_date(text),
            Self::DateTime => is_date(text) || is_instant(text),
            Self::Id => is_id(text),
            Self::Instant => is_instant(text),
            Self::Oid => is_oid(text),
            Self::Text(_) => !text.chars().any(|c| c < ' ' && !matches!(c, '\t' | '\n' | '\r')),
            Self::Time => is_time(text),
            Self::Uri(_) => !text.contains(char::is_whitespace),
            Self::Uuid => is_uuid(text),
            Self::Xhtml => true,
            // Not texts in JSON.
            Self::Boolean
            | Self::Decimal
            | Self::Integer
            | Self::PositiveInt
            | Self::UnsignedInt => false,
        }
    }
}

fn expected(what: &str, found: &Json<'_>) -> Cow<'static, str> {
    format!("expected {what}, found {}", kind(found)).into()
}

/// Groups of four characters with white space between, padding in the last alone (RFC 4648).
fn is_base64(text: &str) -> bool {
    let mut count = 0usize;
    let mut padding = 0usize;
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' if count.is_multiple_of(4) => continue,
            b'=' => padding = padding.saturating_add(1),
            b'+' | b'/' if padding == 0 => {}
            _ if byte.is_ascii_alphanumeric() && padding == 0 => {}
            _ => return false,
        }
        count = count.saturating_add(1);
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}

/// White space only inside, and one at a time.
fn is_code(text: &str) -> bool {
    text.split(char::is_whitespace).all(|word| !word.is_empty())
}

fn is_oid(text: &str) -> bool {
    let Some((root, arcs)) = text.strip_prefix("urn:oid:").and_then(|oid| oid.split_once('.'))
    else {
        return false;
    };
    let is_arc = |arc: &str| arc == "0" || (is_digits(arc) && !arc.starts_with('0'));
    matches!(root, "0" | "1" | "2") && arcs.split('.').all(is_arc)
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let year = parts.next().is_some_and(|year| year.len() == 4 && is_digits(year));
    let rest = parts.by_ref().take(2).all(|part| part.len() == 2 && is_digits(part));
    year && rest && parts.next().is_none() && !text.starts_with("0000")
}

/// `YYYY-MM-DDThh:mm:ss(.fff)` and a zone.
fn is_instant(text: &str) -> bool {
    let Some((date, rest)) = text.split_once('T') else { return false };
    let Some(zone_at) = rest.find(['Z', '+', '-']) else { return false };
    let Some((time, zone)) = rest.split_at_checked(zone_at) else { return false };
    date.len() == 10 && is_date(date) && is_time(time) && is_zone(zone)
}

/// `hh:mm:ss(.fff)`; 60 is a leap second.
fn is_time(text: &str) -> bool {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let mut limits = [23, 59, 60].into_iter();
    let parts = clock.split(':').all(|part| {
        let limit = limits.next().unwrap_or(0);
        part.len() == 2 && is_digits(part) && part.parse().is_ok_and(|value: u8| value <= limit)
    });
    parts && clock.len() == "hh:mm:ss".len() && fraction.is_none_or(is_digits)
}

/// `Z`, or up to 14 hours to the east or west.
fn is_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else { return text == "Z" };
    let is_clock = offset.len() == "hh:mm".len() && is_time(&format!("{offset}:00"));
    is_clock && (offset < "14" || offset == "14:00")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
