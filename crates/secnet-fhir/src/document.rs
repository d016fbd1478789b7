//! From bytes to resources: one resource, a Bundle, or NDJSON.

use crate::Limits;
use crate::bundle::{self, Entry};
use crate::error::{FhirError, Place, Problem};
use crate::limits::{BUNDLE_LEVELS, MAX_NESTING};
use crate::patient::Names;
use crate::resource::{self, Resource};
use crate::scan::{Bounds, first_value_end};

/// Reads a document of either format: one resource or Bundle as JSON, or NDJSON.
///
/// It is NDJSON if its first line is a whole JSON object and more lines follow. Say
/// [`parse_ndjson`] instead where the format is known, so that a damaged first line costs only itself.
///
/// # Errors
/// What is wrong with the document or the Bundle as a whole; each resource has a result of its own.
pub fn parse_document<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Resources<'a>, FhirError> {
    let trimmed = trim(without_mark(bytes));
    if trimmed.is_empty() {
        return Err(Problem::Empty.at(Place::Document));
    }
    if is_ndjson(trimmed) {
        return Ok(parse_ndjson(bytes, limits));
    }
    parse_json(trimmed, limits).map_err(|problem| problem.at(Place::Document))
}

/// Reads NDJSON, one resource a line; blank lines are skipped, lines may end in CRLF.
#[must_use]
pub fn parse_ndjson<'a>(bytes: &'a [u8], limits: &Limits) -> Resources<'a> {
    let rest = Some(without_mark(bytes));
    Resources { limits: *limits, names: Names::new(), inner: Inner::Lines { rest, line: 0 } }
}

/// Reads one line of NDJSON; `None` for a blank line. A caller that streams a file holds one line only.
///
/// # Errors
/// What is wrong with the line. `line` is its number, counted from 1, for the message.
pub fn parse_line<'a>(
    bytes: &'a [u8],
    line: u64,
    limits: &Limits,
) -> Result<Option<Resource<'a>>, FhirError> {
    let trimmed = trim(bytes);
    if trimmed.is_empty() {
        return Ok(None);
    }
    resource::parse(trimmed, None, &Names::new(), limits)
        .map(Some)
        .map_err(|problem| problem.at(Place::Line(line)))
}

/// The resources of a document, read one at a time.
#[derive(Debug)]
pub struct Resources<'a> {
    limits: Limits,
    names: Names,
    inner: Inner<'a>,
}

#[derive(Debug)]
enum Inner<'a> {
    One(Option<&'a [u8]>),
    Lines { rest: Option<&'a [u8]>, line: u64 },
    Entries(std::iter::Enumerate<std::vec::IntoIter<Entry<'a>>>),
}

impl<'a> Iterator for Resources<'a> {
    type Item = Result<Resource<'a>, FhirError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.inner {
            Inner::One(bytes) => {
                let bytes = bytes.take()?;
                let parsed = resource::parse(bytes, None, &self.names, &self.limits);
                Some(parsed.map_err(|problem| problem.at(Place::Document)))
            }
            Inner::Lines { rest, line } => loop {
                let bytes = (*rest)?;
                let mut halves = bytes.splitn(2, |byte| *byte == b'\n');
                let first = halves.next().unwrap_or_default();
                *rest = halves.next();
                *line = line.saturating_add(1);
                if let Some(found) = parse_line(first, *line, &self.limits).transpose() {
                    return Some(found);
                }
            },
            Inner::Entries(entries) => {
                let (index, entry) = entries.next()?;
                Some(self.read_entry(index, &entry))
            }
        }
    }
}

impl<'a> Resources<'a> {
    fn read_entry(&self, index: usize, entry: &Entry<'a>) -> Result<Resource<'a>, FhirError> {
        let place = Place::Entry(index);
        let bytes = entry.resource.ok_or_else(|| {
            Problem::invalid("resource", "the entry has no resource, nothing to take in").at(place)
        })?;
        resource::parse(bytes, entry.fallback_id.as_deref(), &self.names, &self.limits)
            .map_err(|problem| problem.at(place))
    }
}

fn parse_json<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Resources<'a>, Problem> {
    if bytes.len() > limits.max_bundle_bytes {
        let limit = limits.max_bundle_bytes;
        return Err(Problem::TooLarge { what: "bundle", size: bytes.len(), limit });
    }
    let nesting = limits.nesting().saturating_add(BUNDLE_LEVELS);
    first_value_end(bytes, Bounds { nesting, values: usize::MAX })?;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Problem::NotUtf8 { offset: error.valid_up_to() })?;
    if !bundle::is_bundle(text)? {
        return Ok(Resources {
            limits: *limits,
            names: Names::new(),
            inner: Inner::One(Some(bytes)),
        });
    }
    let (entries, names) = bundle::split(text, limits)?;
    let inner = Inner::Entries(entries.into_iter().enumerate());
    Ok(Resources { limits: *limits, names, inner })
}

/// Whether the first line is a whole JSON object with another line after it.
fn is_ndjson(trimmed: &[u8]) -> bool {
    let mut halves = trimmed.splitn(2, |byte| *byte == b'\n');
    let (Some(first), Some(_)) = (halves.next(), halves.next()) else { return false };
    let first = trim(first);
    if !(first.starts_with(b"{") && first.ends_with(b"}")) {
        return false;
    }
    // A first line beyond the limits is that line's problem, not the document's.
    first_value_end(first, Bounds { nesting: MAX_NESTING, values: usize::MAX })
        .map_or(true, |end| end == first.len())
}

/// Without the byte order mark, which is no part of the first resource.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Without the white space that JSON allows around a value.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
    let end =
        bytes.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last.saturating_add(1));
    bytes.get(start..end).unwrap_or_default()
}
