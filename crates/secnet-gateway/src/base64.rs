//! Bytes in JSON: base64url without padding (RFC 4648 section 5). What passes here is sealed, signed or public, and much of
//! it, so it is not coded in constant time.

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;

/// Bytes that are text in JSON.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = "base64url", pattern = "^[A-Za-z0-9_-]*$")]
pub(crate) struct Base64(pub Vec<u8>);

impl From<Vec<u8>> for Base64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Base64Display::new(&self.0, &URL_SAFE_NO_PAD))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes());
        bytes.map(Self).map_err(|_| D::Error::custom("not base64url without padding"))
    }
}

/// The text of some bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_text_of_some_bytes_is_taken() {
        let read = |text: &str| serde_json::from_str::<Base64>(&format!("\"{text}\"")).ok();
        assert_eq!(read("-_8"), Some(Base64(vec![0xfb, 0xff])));
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
        // Padded, of the other alphabet, with bits that say nothing, cut off.
        for other in ["-_8=", "+/8", "-_9", "-", "-_8\\n"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
