//! Parts of addresses, strictly read; what is wrong with them is a problem document like any other.

use core::fmt::Display;
use core::str::FromStr;

use axum::extract::{FromRequestParts, Query as AxumQuery, RawPathParams};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::Problem;

/// Entries in a page unless the caller says otherwise.
pub(crate) const PAGE: usize = 100;

/// In whose name something is read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    /// An owner that lets the caller grant; absent for the caller.
    #[serde(rename = "as")]
    pub owner: Option<String>,
}

/// Where a page begins and how long it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageOf {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// One value in the path.
#[derive(Debug)]
pub(crate) struct At<T>(pub T);

/// Two values in the path.
#[derive(Debug)]
pub(crate) struct AtBoth<A, B>(pub A, pub B);

/// What stands after the question mark.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for At<T>
where
    T: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = Box<Problem>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Box<Problem>> {
        let values = values(parts, state).await?;
        Ok(Self(value(&values, 0)?))
    }
}

impl<A, B, S> FromRequestParts<S> for AtBoth<A, B>
where
    A: FromStr<Err: Display>,
    B: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = Box<Problem>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Box<Problem>> {
        let values = values(parts, state).await?;
        Ok(Self(value(&values, 0)?, value(&values, 1)?))
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Box<Problem>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Box<Problem>> {
        let query = AxumQuery::<T>::try_from_uri(&parts.uri);
        let query = query.map_err(|error| Problem::malformed(format!("the query: {error}")))?;
        Ok(Self(query.0))
    }
}

async fn values<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<RawPathParams, Box<Problem>> {
    let values = RawPathParams::from_request_parts(parts, state).await;
    values.map_err(|_| Problem::malformed("the path is not UTF-8"))
}

fn value<T: FromStr<Err: Display>>(
    values: &RawPathParams,
    place: usize,
) -> Result<T, Box<Problem>> {
    let (name, text) = values.iter().nth(place).unwrap_or_default();
    parse(name, text)
}

/// A value out of its text.
pub(crate) fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Box<Problem>> {
    text.parse().map_err(|error| Problem::malformed(format!("`{name}`: {error}")))
}

/// A value out of its text, where there is one.
pub(crate) fn optional<T: FromStr<Err: Display>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Box<Problem>> {
    text.map(|text| parse(name, text)).transpose()
}

/// How many entries a page has at most.
pub(crate) fn limited(given: Option<usize>, most: usize) -> Result<usize, Box<Problem>> {
    match given {
        None => Ok(PAGE),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::malformed(format!("`limit` is from 1 to {most}"))),
    }
}
