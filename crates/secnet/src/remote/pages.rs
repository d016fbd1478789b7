//! Lists of a node elsewhere, page after page.

use secnet_types::Amount;
use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::{Answer, Remote, missing};
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;

/// Entries in a page that is asked for.
const PAGE: usize = 1000;
/// Most pages that are followed: a node that never comes to an end is not read for ever.
const MAX_PAGES: usize = 1000;
/// Longest list, in bytes of its pages: as many entries as are followed, of the length that they have.
const MAX_LIST_BYTES: u64 = 512 * 1024 * 1024;

/// How many pages, and how much of them, is still read of one list.
pub(crate) struct Pages {
    left: usize,
    bytes: u64,
}

impl Default for Pages {
    fn default() -> Self {
        Self { left: MAX_PAGES, bytes: MAX_LIST_BYTES }
    }
}

impl Pages {
    /// The page at this path, asked even if calls are printed.
    pub(crate) async fn next(
        &mut self,
        remote: &Remote,
        who: &Identity,
        path: &str,
    ) -> Result<Value, Failure> {
        self.left = self.left.checked_sub(1).ok_or_else(endless)?;
        remote.client.look_within(who, path, &mut self.bytes).await
    }
}

impl Remote {
    /// A whole list: these fields of all of its pages, put together. None if the call was printed, which is then the one for
    /// the first page.
    pub(crate) async fn all(
        &self,
        who: &Identity,
        path: &str,
        lists: &[&str],
    ) -> Result<Option<Value>, Failure> {
        if self.client.prints() {
            let first = format!("{path}{}limit={PAGE}", mark(path));
            self.client.show(who, &first).await?;
            return Ok(None);
        }
        self.gather(who, path, lists).await.map(Some)
    }

    /// As [`Remote::all`], asked even if calls are printed: what is signed depends on it.
    pub(crate) async fn gather(
        &self,
        who: &Identity,
        path: &str,
        lists: &[&str],
    ) -> Result<Value, Failure> {
        let mut found = Map::new();
        let (mut after, mut pages) = (None, Pages::default());
        loop {
            let from = after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
            let page = format!("{path}{}limit={PAGE}{from}", mark(path));
            let page = pages.next(self, who, &page).await?;
            let Value::Object(mut page) = page else { return Err(missing("next")) };
            let next = page.remove("next");
            for (name, value) in page {
                let grows = lists.contains(&name.as_str());
                match (found.entry(name), value) {
                    (Entry::Vacant(free), value) => drop(free.insert(value)),
                    (Entry::Occupied(mut known), Value::Array(more)) if grows => {
                        if let Value::Array(all) = known.get_mut() {
                            all.extend(more);
                        }
                    }
                    (Entry::Occupied(_), _) => {}
                }
            }
            match next {
                None | Some(Value::Null) => return Ok(Value::Object(found)),
                Some(Value::String(next)) if is_plain(&next) => after = Some(next),
                Some(_) => return Err(missing("next")),
            }
        }
    }

    /// What an account has now.
    pub(crate) async fn balance(&self, who: &Identity) -> Result<Option<Amount>, Failure> {
        let Some(statement) = self.client.show(who, "/v1/statement?limit=1").await? else {
            return Ok(None);
        };
        let balance = super::text(&statement, "balance")?;
        balance.parse().map(Some).map_err(|error: secnet_types::MoneyError| super::wrong(&error))
    }

    /// Change something that is no command; false if the call was printed.
    pub(crate) async fn put(
        &self,
        who: &Identity,
        path: &str,
        body: Option<&Value>,
    ) -> Result<bool, Failure> {
        match self.client.put(who, path, body).await? {
            Answer::Printed => Ok(false),
            Answer::Done(_) | Answer::Accepted(_) => Ok(true),
        }
    }
}

fn mark(path: &str) -> char {
    if path.contains('?') { '&' } else { '?' }
}

/// Where to go on is put into an address as it came: nothing but what ids are written with.
fn is_plain(next: &str) -> bool {
    !next.is_empty()
        && next.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':'))
}

fn endless() -> Failure {
    Failure::new("bad-answer", "the node's list does not come to an end")
        .hint("is there a SecNet node of this version at the address?")
        .exit(Exit::Verification)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_go_on_cannot_change_what_is_asked_for() {
        assert!(is_plain("sngrant1qqq") && is_plain("given:sngrant1qqq"));
        for wrong in ["", "a&as=b", "a b", "a?b", "a/../b", "a%26", "a\r\nx: y", "ä"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }
}
