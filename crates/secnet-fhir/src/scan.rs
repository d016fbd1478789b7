//! One cheap pass over the bytes before any parser builds anything: depth, counts, end of the value.
//!
//! Parsers recurse and allocate; this pass does neither, so absurd input costs one read of itself.

use crate::error::Problem;
use crate::limits::MAX_MEMBERS;

/// What one pass may find at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) nesting: usize,
    pub(crate) values: usize,
}

/// Checks the first JSON value of `bytes` against `bounds` and gives the offset just past it.
///
/// Only brackets, commas and strings are looked at; whether it is JSON is the parser's question. A
/// value that never closes ends at the end of the input.
pub(crate) fn first_value_end(bytes: &[u8], bounds: Bounds) -> Result<usize, Problem> {
    // The member count of every open object or array; its length is the depth.
    let mut open: Vec<(bool, usize)> = Vec::new();
    let mut values = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for (offset, &byte) in bytes.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                if open.len() >= bounds.nesting {
                    return Err(Problem::TooDeep { limit: bounds.nesting, offset });
                }
                open.push((byte == b'{', 1));
                values = values.saturating_add(1);
            }
            b',' => {
                values = values.saturating_add(1);
                if let Some((is_object, members)) = open.last_mut() {
                    *members = members.saturating_add(1);
                    if *is_object && *members > MAX_MEMBERS {
                        return Err(Problem::TooMany {
                            what: "members in one JSON object",
                            limit: MAX_MEMBERS,
                        });
                    }
                }
            }
            b'}' | b']' => {
                open.pop();
                if open.is_empty() {
                    return Ok(offset.saturating_add(1));
                }
            }
            _ => {}
        }
        if values > bounds.values {
            return Err(Problem::TooMany { what: "JSON values", limit: bounds.values });
        }
    }
    Ok(bytes.len())
}
