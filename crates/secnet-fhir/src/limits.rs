//! Every limit of this crate, with its name and its reason.

/// Most bytes of one resource. FHIR servers commonly stop at 10 to 16 MiB; documents carry base64.
pub const MAX_RESOURCE_BYTES: usize = 16 * 1024 * 1024;

/// Most bytes of one Bundle. It is held in memory whole; larger sets come as NDJSON.
pub const MAX_BUNDLE_BYTES: usize = 256 * 1024 * 1024;

/// Most entries of one Bundle.
pub const MAX_BUNDLE_ENTRIES: usize = 250_000;

/// Deepest nesting of objects and arrays in one resource. Real resources stay below 16; what the
/// limit allows must be validated within the 2 MiB stack of an ordinary thread, and a test does so.
pub const MAX_NESTING: usize = 32;

/// Resources inside one another: a resource and those it contains.
pub(crate) const MAX_RESOURCE_LEVELS: usize = 2;

/// How many levels a Bundle wraps around each of its resources: the Bundle, `entry`, the entry.
pub(crate) const BUNDLE_LEVELS: usize = 3;

/// How deep the parser goes: what [`crate::scan`] lets through, and a scalar in the innermost.
pub(crate) const MAX_PARSED_NESTING: usize = MAX_NESTING + BUNDLE_LEVELS + 1;

/// Most characters of a `string` or `markdown`, by FHIR R4.
pub(crate) const MAX_STRING_CHARS: usize = 1024 * 1024;

/// Most JSON values in one resource. Bounds what the parsed form takes, about 100 bytes a value.
pub const MAX_VALUES: usize = 1_000_000;

/// Most members of one JSON object. The widest R4 type has fewer than 80 elements.
pub const MAX_MEMBERS: usize = 512;

/// Most distinct codes kept for a resource's catalogue entry. Labels are derived from all codes.
pub const MAX_CODES: usize = 64;

/// Most bytes of a code, and of its system, kept for the catalogue.
pub const MAX_CODE_BYTES: usize = 256;

/// Most characters of foreign text repeated in an error.
pub(crate) const MAX_QUOTE_CHARS: usize = 160;

/// The limits that a caller may tighten or, knowing its memory, widen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one resource, see [`MAX_RESOURCE_BYTES`].
    pub max_resource_bytes: usize,
    /// Most bytes of one Bundle, see [`MAX_BUNDLE_BYTES`].
    pub max_bundle_bytes: usize,
    /// Most entries of one Bundle, see [`MAX_BUNDLE_ENTRIES`].
    pub max_bundle_entries: usize,
    /// Deepest nesting, at most [`MAX_NESTING`] (a higher figure is not honoured: the stack is not ours).
    pub max_nesting: usize,
    /// Most JSON values of one resource, see [`MAX_VALUES`].
    pub max_values: usize,
    /// Most codes kept, see [`MAX_CODES`].
    pub max_codes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_resource_bytes: MAX_RESOURCE_BYTES,
            max_bundle_bytes: MAX_BUNDLE_BYTES,
            max_bundle_entries: MAX_BUNDLE_ENTRIES,
            max_nesting: MAX_NESTING,
            max_values: MAX_VALUES,
            max_codes: MAX_CODES,
        }
    }
}

impl Limits {
    /// The nesting limit in force.
    pub(crate) fn nesting(&self) -> usize {
        self.max_nesting.min(MAX_NESTING)
    }
}
