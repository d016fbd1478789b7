//! Sealed objects: nothing opens but what was sealed, whole or by range; outboards serve their own content only.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secnet_crypto::{Address, HEADER_LEN, Header, ObjectKey, Outboard, RangeReader, open_object};
use secnet_fuzz::{seeds, split};

static OBJECT: LazyLock<Vec<u8>> = LazyLock::new(seeds::object);

fuzz_target!(|input: &[u8]| {
    let [outboard, object] = split(input);
    let key = ObjectKey::from_bytes(seeds::OBJECT_KEY);
    match open_object(&key, b"aad", object) {
        Ok(content) => {
            assert_eq!(object, *OBJECT, "an object that nobody sealed");
            assert_eq!(*content, seeds::SECRET);
            assert!(open_object(&key, b"other", object).is_err());
        }
        Err(_) => assert_ne!(object, *OBJECT),
    }
    if let Some(head) = object.first_chunk::<HEADER_LEN>()
        && let Ok(header) = Header::parse(head)
    {
        assert_eq!(header.to_bytes(), *head, "a second byte form of one header");
    }
    if let Some(head) = object.get(..RangeReader::HEAD_LEN)
        && let Ok(reader) = RangeReader::new(&key, b"aad", head)
    {
        let len = reader.content_len();
        for range in [0..len, 0..0, len..len, len..u64::MAX, u64::MAX..0] {
            let mut content = Vec::new();
            if let Ok(sealed) = reader.sealed_range(range.clone())
                && let Some(sealed) = object.get(sealed.start as usize..sealed.end as usize)
                && reader.read(range.clone(), sealed, &mut content).is_ok()
            {
                assert_eq!(content, seeds::SECRET[range.start as usize..range.end as usize]);
            }
        }
    }
    let address = Address::of(object);
    if let Ok(read) = Outboard::from_bytes(address, outboard) {
        assert_eq!(read.to_bytes(), outboard, "a second byte form of one outboard");
        let len = object.len() as u64;
        if read.content_len() == len {
            assert_eq!(read.verify_slice(0, object), Ok(()));
        }
        assert_eq!(read.covering(0..u64::MAX), 0..read.content_len());
    }
});
