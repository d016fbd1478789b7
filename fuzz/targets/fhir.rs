//! Health records: one resource, a Bundle, NDJSON. The bytes are kept, labels follow from them alone, limits hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_fhir::{FhirError, Limits, Resource, parse_document, parse_line, parse_ndjson};

const LIMITS: Limits = Limits {
    max_resource_bytes: 16 * 1024,
    max_bundle_bytes: 48 * 1024,
    max_bundle_entries: 16,
    max_nesting: 16,
    max_values: 2000,
    max_codes: 4,
};

fuzz_target!(|input: &[u8]| {
    if let Ok(resources) = parse_document(input, &LIMITS) {
        check(input, resources);
    }
    check(input, parse_ndjson(input, &LIMITS));
    // A streaming caller reads line by line and sees the same.
    let streamed = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let lines = (1..).zip(streamed.split(|byte| *byte == b'\n'));
    let streamed = lines.filter_map(|(number, line)| parse_line(line, number, &LIMITS).transpose());
    assert!(streamed.eq(parse_ndjson(input, &LIMITS)), "the stream differs from the whole");
});

fn check<'a>(input: &[u8], all: impl Iterator<Item = Result<Resource<'a>, FhirError>>) {
    for found in all.take(64) {
        let resource = match found {
            Ok(resource) => resource,
            Err(error) => {
                let said = error.to_string();
                assert!(
                    !said.is_empty() && said.len() < 4096,
                    "an error as long as its cause: {said}"
                );
                continue;
            }
        };
        let bytes = resource.bytes.as_ptr_range();
        let whole = input.as_ptr_range();
        assert!(whole.start <= bytes.start && bytes.end <= whole.end, "copied bytes");
        assert!(resource.bytes.starts_with(b"{") && resource.bytes.ends_with(b"}"));
        assert!(resource.bytes.len() <= LIMITS.max_resource_bytes);
        assert!(resource.codes.len() <= LIMITS.max_codes);
        assert!((1..=64).contains(&resource.id.len()));
        assert!(resource.period.is_none_or(|period| period.start_ms <= period.end_ms));
        // Alone it is the same record, unless its id or its patient's came from the Bundle around it.
        if let Ok(Some(alone)) = parse_line(resource.bytes, 1, &LIMITS) {
            assert_eq!(alone.resource_type, resource.resource_type);
            assert_eq!(alone.sensitivity, resource.sensitivity);
            assert_eq!(alone.category, resource.category);
            assert_eq!(alone.codes, resource.codes);
        }
    }
}
