//! Whose segments are at a place that several folders could be pointed at, and whether it can be used.
//!
//! ```text
//! owner      the owner's id in 32 hex digits, and a line feed
//! ```

use std::{fmt, str::FromStr};

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{Error as StoreError, ObjectStoreExt as _, PutPayload, path::Path};
use secnet_crypto::rand_core::Rng as _;

use crate::{SegmentVault, paths};

const OWNER: &str = "owner";
/// Longest part of a server's answer that is repeated, in signs.
const MAX_SAID: usize = 300;
/// Length of the owner's file, in bytes.
const OWNER_LEN: usize = 33;

/// Says whose a place is: random, so that it says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerId([u8; 16]);

impl OwnerId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        let mut id = [0; 16];
        crate::rng().fill_bytes(&mut id);
        Self(id)
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&paths::hex(&self.0))
    }
}

/// The text is no id of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not 32 hexadecimal digits in lower case")]
pub struct NotAnOwner;

impl FromStr for OwnerId {
    type Err = NotAnOwner;

    fn from_str(text: &str) -> Result<Self, NotAnOwner> {
        let number = u128::from_str_radix(text, 16).map_err(|_| NotAnOwner)?;
        let id = Self(number.to_be_bytes());
        // One form only: no sign, no capitals, all digits.
        if id.to_string() == text { Ok(id) } else { Err(NotAnOwner) }
    }
}

/// Why a place cannot be used. What a server says with a refusal is not repeated: it may name keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The server knows no such bucket.
    #[error("there is no such bucket")]
    NoBucket,
    /// The server does not let these credentials do that.
    #[error("the server refuses these credentials, or does not let them do that")]
    Refused,
    /// No answer, or none that can be used.
    #[error("it does not answer as an S3 server does: {0}")]
    Unreachable(String),
    /// There is something else there.
    #[error("there is something there already")]
    Taken,
}

impl SegmentVault {
    /// Whose segments these are, if somebody has claimed the place.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn owner(&self) -> Result<Option<OwnerId>, PlaceError> {
        let found = match self.store().get(&Path::from(OWNER)).await {
            Ok(found) => found.bytes().await.map_err(|error| place(&error))?,
            Err(StoreError::NotFound { .. }) => {
                // A server may say the same of an object without a bucket around it.
                self.is_empty().await?;
                return Ok(None);
            }
            Err(error) => return Err(place(&error)),
        };
        let text = core::str::from_utf8(&found).ok().filter(|text| text.len() == OWNER_LEN);
        let id = text.and_then(|text| text.strip_suffix('\n')?.parse().ok());
        id.map(Some).ok_or(PlaceError::Taken)
    }

    /// Claims the place, where nobody else's objects may be. Claiming one's own place again is fine.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn claim(&self, owner: OwnerId) -> Result<(), PlaceError> {
        match self.owner().await? {
            Some(found) if found == owner => return Ok(()),
            Some(_) => return Err(PlaceError::Taken),
            None if !self.is_empty().await? => return Err(PlaceError::Taken),
            None => {}
        }
        let text = PutPayload::from(format!("{owner}\n").into_bytes());
        self.store().put(&Path::from(OWNER), text).await.map_err(|error| place(&error))?;
        // Somebody else may have claimed it at the same moment: the last one has it.
        if self.owner().await? == Some(owner) { Ok(()) } else { Err(PlaceError::Taken) }
    }

    /// Writes and removes an object that nothing refers to.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn try_writing(&self) -> Result<(), PlaceError> {
        let mut random = [0; 16];
        crate::rng().fill_bytes(&mut random);
        // Where a cut off one is cleared away.
        let probe = paths::staging(random);
        let put = self.store().put(&probe, PutPayload::from_static(b"probe")).await;
        put.map_err(|error| place(&error))?;
        self.store().delete(&probe).await.map_err(|error| place(&error))
    }

    /// Removes everything at a place that this owner has claimed; the claim goes last.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn give_up(&self, owner: OwnerId) -> Result<(), PlaceError> {
        match self.owner().await? {
            Some(found) if found == owner => {}
            Some(_) => return Err(PlaceError::Taken),
            None => return Ok(()),
        }
        let all = self.store().list(None).map_ok(|meta| meta.location).boxed();
        let all: Vec<Path> = all.try_collect().await.map_err(|error| place(&error))?;
        let claim = Path::from(OWNER);
        for path in all.iter().filter(|path| **path != claim).chain([&claim]) {
            match self.store().delete(path).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(place(&error)),
            }
        }
        Ok(())
    }

    async fn is_empty(&self) -> Result<bool, PlaceError> {
        match self.store().list(None).next().await {
            None => Ok(true),
            Some(Ok(_)) => Ok(false),
            Some(Err(error)) => Err(place(&error)),
        }
    }
}

fn place(error: &StoreError) -> PlaceError {
    match error {
        StoreError::NotFound { .. } => PlaceError::NoBucket,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            PlaceError::Refused
        }
        error => match status(&error.to_string()) {
            Some("404") => PlaceError::NoBucket,
            Some("401" | "403") => PlaceError::Refused,
            _ => PlaceError::Unreachable(innermost(error)),
        },
    }
}

/// The HTTP status that an error tells of: that of a refused list is only in its text.
fn status(text: &str) -> Option<&str> {
    text.split_once("status code: ").and_then(|(_, rest)| rest.get(..3))
}

/// The beginning, on one line, of what lies at the bottom of an error, such as `connection refused`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut bottom = error;
    while let Some(below) = bottom.source() {
        bottom = below;
    }
    let words = bottom.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_one_form() {
        let id = OwnerId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        let long = "0".repeat(33);
        for bad in [
            "",
            "0",
            "+0123456789abcdef0123456789abcdef",
            "A0000000000000000000000000000000",
            &long,
        ] {
            assert_eq!(bad.parse::<OwnerId>(), Err(NotAnOwner), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_place_has_one_owner_who_can_leave_it() {
        use secnet_app::ports::Vault as _;
        let vault = SegmentVault::memory();
        let (mine, another) = (OwnerId::random(), OwnerId::random());
        assert_eq!(vault.owner().await, Ok(None));
        vault.claim(mine).await.unwrap();
        vault.claim(mine).await.unwrap();
        assert_eq!(vault.claim(another).await, Err(PlaceError::Taken));
        vault.try_writing().await.unwrap();
        let address = vault.put_segment(b"sealed".as_slice().into()).await.unwrap();
        assert_eq!(vault.give_up(another).await, Err(PlaceError::Taken));
        assert!(vault.contains(address).await.unwrap());
        vault.give_up(mine).await.unwrap();
        assert!(vault.is_empty().await.unwrap(), "the probe is gone as well");
        // What nobody has claimed is not empty by that.
        vault.put_segment(b"another's".as_slice().into()).await.unwrap();
        assert_eq!(vault.claim(mine).await, Err(PlaceError::Taken));
        vault.store().put(&Path::from(OWNER), PutPayload::from_static(b"?")).await.unwrap();
        assert_eq!(vault.owner().await, Err(PlaceError::Taken));
    }
}
