//! An HTTP request's target and body as columns.

use std::collections::BTreeMap;

use super::shape::{count, decoded, form, is_sign, length, signs};
use crate::table::{Column, TableError};

/// Most parameters that get columns of their own.
pub const MAX_PARAMETERS: usize = 64;
/// A parameter gets columns if at least this share of the requests that are learnt from has it.
const LEAST_SHARE: f64 = 0.005;
/// A parameter is a choice if so many values make up [`CHOSEN_SHARE`] of what is given for it.
const MAX_CHOICES: usize = 64;
const CHOSEN_SHARE: f64 = 0.8;
/// Longest list of names, and longest value, that is told apart, in characters.
const LONGEST: usize = 256;
/// What a request has for a parameter that it has not.
const ABSENT: &str = "(absent)";

/// Which parameters get columns: learnt from the training requests, their labels not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestParts {
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameter {
    name: String,
    /// Do few values make up nearly all that is given for it?
    is_choice: bool,
}

impl RequestParts {
    /// From requests, each its target, and the body of a form, if it has one, as if it were the target's query:
    /// `http://shop/buy?id=3&n=2`.
    #[must_use]
    pub fn learnt<'a>(requests: impl IntoIterator<Item = &'a str>) -> Self {
        let mut met: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
        let mut all = 0_u32;
        for request in requests {
            all += 1;
            for (name, value) in Request::of(request).parameters {
                *met.entry(name).or_default().entry(value).or_default() += 1;
            }
        }
        let times = |values: &BTreeMap<String, u32>| values.values().sum::<u32>();
        let mut often: Vec<(u32, String, BTreeMap<String, u32>)> = met
            .into_iter()
            .map(|(name, values)| (times(&values), name, values))
            .filter(|(times, name, _)| {
                f64::from(*times) >= LEAST_SHARE * f64::from(all) && name.len() <= LONGEST / 2
            })
            .collect();
        often.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        often.truncate(MAX_PARAMETERS);
        let parameters = often.into_iter().map(|(times, name, values)| {
            let mut counts: Vec<u32> = values.into_values().collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            let chosen: u32 = counts.iter().take(MAX_CHOICES).sum();
            Parameter { name, is_choice: f64::from(chosen) >= CHOSEN_SHARE * f64::from(times) }
        });
        let mut parameters: Vec<Parameter> = parameters.collect();
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        Self { parameters }
    }

    /// The columns of requests: `path`, `parameters` (their names in order), `length`, `values length`, `longest value`, `signs`
    /// (neither letters nor digits, in all values); and for each parameter `?NAME form`, `?NAME signs`, `?NAME length`, and
    /// `?NAME` itself if few values are nearly all. Values are decoded once.
    ///
    /// # Errors
    /// [`TableError`]: the limits of columns.
    pub fn columns(&self, requests: &[String]) -> Result<Vec<Column>, TableError> {
        let requests: Vec<Request> = requests.iter().map(|request| Request::of(request)).collect();
        let words = |name: &str, of: &dyn Fn(&Request) -> String| {
            Column::categorical(name, &requests.iter().map(of).collect::<Vec<String>>())
        };
        let numbers = |name: &str, of: &dyn Fn(&Request) -> f64| {
            Column::numeric(name, requests.iter().map(of).collect())
        };
        let mut columns = vec![
            words("path", &|request| request.path.clone())?,
            words("parameters", &Request::names)?,
            numbers("length", &|request| request.length)?,
            numbers("values length", &|request| {
                request.values().map(length).fold(0.0, |all, own| all + own)
            })?,
            numbers("longest value", &|request| request.values().map(length).fold(0.0, f64::max))?,
            numbers("signs", &|request| {
                request.values().map(|v| count(v, is_sign)).fold(0.0, |all, own| all + own)
            })?,
        ];
        for Parameter { name, is_choice } in &self.parameters {
            let or_absent = |of: fn(&str) -> String| {
                move |request: &Request| request.value(name).map_or_else(|| ABSENT.to_owned(), of)
            };
            if *is_choice {
                columns.push(words(&format!("?{name}"), &or_absent(shortened))?);
            }
            columns.push(words(&format!("?{name} form"), &or_absent(form))?);
            columns.push(words(&format!("?{name} signs"), &or_absent(signs))?);
            let long = |request: &Request| request.value(name).map_or(f64::NAN, length);
            columns.push(numbers(&format!("?{name} length"), &long)?);
        }
        Ok(columns)
    }
}

/// A request, taken apart.
struct Request {
    path: String,
    /// Name and value, decoded, in order.
    parameters: Vec<(String, String)>,
    length: f64,
}

impl Request {
    fn of(text: &str) -> Self {
        let (target, query) = text.split_once('?').unwrap_or((text, ""));
        // An absolute target names its host, which is no part of the path.
        let path = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
            None => target,
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name), decoded(value))
            })
            .collect();
        Self { path: shortened(path), parameters, length: length(text) }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        shortened(&names.join(","))
    }

    /// The first of this name.
    fn value(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    fn values(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(_, value)| value.as_str())
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Values;

    fn word(columns: &[Column], name: &str, row: usize) -> String {
        let column = columns.iter().find(|column| column.name() == name);
        let column = column.unwrap_or_else(|| panic!("no column {name}"));
        match column.values() {
            Values::Numeric(values) => values[row].to_string(),
            other => other.words().nth(row).unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn a_request_is_taken_apart() {
        let usual: Vec<String> =
            (0..100).map(|n| format!("http://shop:80/buy?id={}&who=n%6{n}me", n % 3)).collect();
        let parts = RequestParts::learnt(usual.iter().map(String::as_str));
        let odd = ["http://shop/buy?id=1%27+or&idA=4&rare", "/x.old", "http://shop"];
        let columns = parts.columns(&odd.map(str::to_owned)).unwrap_or_else(|e| panic!("{e}"));
        let row = |name: &str| (0..3).map(|row| word(&columns, name, row)).collect::<Vec<_>>();
        assert_eq!(row("path"), ["/buy", "/x.old", "/"]);
        assert_eq!(row("parameters"), ["id,idA,rare", "", ""]);
        assert_eq!(row("?id"), ["1' or", ABSENT, ABSENT]);
        assert_eq!(row("?id form"), ["9' a", ABSENT, ABSENT]);
        assert_eq!(row("?id signs"), [" '", ABSENT, ABSENT]);
        assert_eq!(row("?id length"), ["5", "NaN", "NaN"]);
        assert_eq!(row("longest value"), ["5", "0", "0"]);
        assert_eq!(row("signs"), ["2", "0", "0"]);
        assert!(columns.iter().all(|column| column.name() != "?who"), "anything is given for it");
        assert!(columns.iter().any(|column| column.name() == "?who form"));
    }

    #[test]
    fn no_more_columns_than_the_limit() {
        let many: Vec<String> = (0..MAX_PARAMETERS + 20).map(|n| format!("p{n}=1")).collect();
        let request = format!("/a?{}", many.join("&"));
        let parts = RequestParts::learnt([request.as_str()]);
        assert_eq!(parts.parameters.len(), MAX_PARAMETERS);
        assert!(RequestParts::learnt([]).parameters.is_empty());
    }
}
