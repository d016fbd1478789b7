//! A page about each kind of problem: what the `type` of a problem document leads to. The pages are made of the tables of
//! `docs/reference/errors.md`, which a test compares with what the sources say.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};

use crate::Problem;
use crate::http::query::At;

const TABLES: &str = include_str!("../../../../docs/reference/errors.md");
const DOOR: &str = "The HTTP door's";
const LEDGER: &str = "The ledger's";

/// What one table says of a code.
#[derive(Debug)]
struct Entry<'t> {
    /// Whose table it is.
    table: &'t str,
    /// What stands beside the code.
    cells: Vec<&'t str>,
}

type Html = ([(HeaderName, &'static str); 3], String);

/// What a kind of problem means, and what to do about it.
#[utoipa::path(get, path = "/problems/{code}", tag = "problems",
    params(("code" = String, Path, description = "The `code` of a problem.", pattern = "^[a-z][a-z0-9-]*$")),
    responses(
        (status = 200, description = "A small page.", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such kind of problem.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn problem(At(code): At<String>) -> Result<Html, Box<Problem>> {
    let entries: Vec<Entry<'static>> = entries(TABLES, &code).collect();
    if entries.is_empty() {
        let hint = "the `code` and the `type` of a problem document name the ones there are";
        let detail = "there is no such kind of problem";
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail, hint));
    }
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    Ok((headers, page(&code, &entries)))
}

/// Every row about a code, in the order of the tables.
fn entries<'t>(tables: &'t str, code: &str) -> impl Iterator<Item = Entry<'t>> {
    let mark = format!("| `{code}` |");
    tables.split("\n## ").skip(1).flat_map(move |section| {
        let (table, rows) = section.split_once('\n').unwrap_or((section, ""));
        let mark = mark.clone();
        rows.lines().filter_map(move |row| {
            let cells = row.strip_prefix(&mark)?.trim_end_matches('|');
            Some(Entry { table, cells: cells.split(" | ").map(str::trim).collect() })
        })
    })
}

fn page(code: &str, entries: &[Entry<'_>]) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<h1>{0}</h1>\n",
        escaped(code)
    );
    for Entry { table, cells } in entries {
        let says = match (*table, cells.as_slice()) {
            (DOOR, [status, when]) => format!("HTTP {status}: {when}."),
            (LEDGER, [message, hint]) => {
                format!("The ledger refuses the command: {message}. Hint: {hint}.")
            }
            (_, cells) => format!("In the program: {}.", cells.join("; ")),
        };
        text.push_str(&format!("<p>{}</p>\n", escaped(&says)));
    }
    text.push_str("<p><a href=\"/openapi.json\">What can be asked of this node</a></p>\n</html>\n");
    text
}

/// As text in HTML; code is shown as it is.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_every_table_says_of_the_code() {
        let found: Vec<_> = entries(TABLES, "denied").collect();
        let tables: Vec<_> = found.iter().map(|entry| entry.table).collect();
        assert_eq!(tables, [DOOR, "The program's", LEDGER]);
        let page = page("denied", &found);
        assert!(page.contains("HTTP 403: ") && page.contains("an explicit denial forbids it"));
        assert_eq!(entries(TABLES, "denie").count(), 0);
        assert_eq!(entries(TABLES, "code").count(), 0);
    }

    #[test]
    fn what_is_no_text_is_escaped() {
        assert_eq!(escaped("<a & `b`>"), "&lt;a &amp; b&gt;");
    }
}
