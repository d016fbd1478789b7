//! Several byte strings in one input: each behind its length as 16-bit big-endian, the last without.

/// `N` parts as one input.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    let mut input = Vec::new();
    let (last, first) = parts.split_last().expect("at least one part");
    for part in first {
        input.extend_from_slice(&u16::try_from(part.len()).expect("a short part").to_be_bytes());
        input.extend_from_slice(part);
    }
    input.extend_from_slice(last);
    input
}

/// The parts of an input; lengths beyond its end are cut.
pub fn split<const N: usize>(mut input: &[u8]) -> [&[u8]; N] {
    let mut parts = [[].as_slice(); N];
    let (last, first) = parts.split_last_mut().expect("at least one part");
    for part in first {
        let Some((len, rest)) = input.split_first_chunk::<2>() else { break };
        let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
        (*part, input) = rest.split_at(len);
    }
    *last = input;
    parts
}
