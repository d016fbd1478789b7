//! Server-sent events (WHATWG HTML, section 9.2), taken apart: bytes in, events out.

use crate::failure::{Exit, Failure};

/// Longest event, in bytes: whoever sends more without an end is not listened to.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// One event: where it stands, and what it says, if it says anything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub id: Option<u64>,
    pub data: Option<String>,
}

/// What has come of a stream and is not yet an event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    rest: Vec<u8>,
}

impl Events {
    /// Bytes that came; the events that are complete with them.
    ///
    /// # Errors
    /// One is too long, or no text.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Told>, Failure> {
        let mut told = Vec::new();
        for byte in bytes {
            // Lines may end as in HTTP.
            if *byte != b'\r' {
                self.rest.push(*byte);
            }
            if self.rest.ends_with(b"\n\n") {
                let text = core::mem::take(&mut self.rest);
                told.push(event(core::str::from_utf8(&text).map_err(|_| unusable())?));
            }
            if self.rest.len() > MAX_EVENT_BYTES {
                return Err(unusable());
            }
        }
        Ok(told)
    }
}

fn event(text: &str) -> Told {
    let mut told = Told::default();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => told.id = value.parse().ok().or(told.id),
            "data" => match &mut told.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => told.data = Some(value.to_owned()),
            },
            // A comment, or what is not of use here.
            _ => {}
        }
    }
    told
}

fn unusable() -> Failure {
    Failure::new("bad-answer", "what the node's stream says cannot be used")
        .hint("is there a SecNet node of this version at the address?")
        .exit(Exit::Verification)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_their_bytes_come() {
        let text =
            ": here\nid: 7\n\nid: 8\r\ndata: {\"a\":1}\r\n\r\ndata: one\ndata:two\n\ndata: not";
        let expected = [
            Told { id: Some(7), data: None },
            Told { id: Some(8), data: Some("{\"a\":1}".into()) },
            Told { id: None, data: Some("one\ntwo".into()) },
        ];
        for part in [1, 2, 5, text.len()] {
            let mut events = Events::default();
            let told: Vec<Told> =
                text.as_bytes().chunks(part).flat_map(|part| events.push(part).unwrap()).collect();
            assert_eq!(told, expected, "{part} bytes at once");
        }
    }

    #[test]
    fn an_event_without_an_end_and_one_that_is_no_text_are_refused() {
        let mut events = Events::default();
        let part = vec![b'x'; MAX_EVENT_BYTES];
        assert_eq!(events.push(&part).unwrap(), []);
        assert_eq!(events.push(b"x").unwrap_err().code, "bad-answer");
        assert!(Events::default().push(b"data: \xff\n\n").is_err());
    }
}
