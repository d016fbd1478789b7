//! HTTP requests and URLs taken apart, so that trees and rules see what a text hides: paths, parameters, hosts, and of each
//! what it is made of.

mod request;
mod shape;
mod url;

pub use request::{MAX_PARAMETERS, RequestParts};
pub use url::url_columns;
