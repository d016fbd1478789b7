//! `secnet openapi`: the document of the HTTP door, from the code.

use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(out: Output) -> Result<(), Failure> {
    let failed = |error: serde_json::Error| {
        Failure::new("openapi", "the document cannot be written").because(&error)
    };
    let text = secnet_gateway::openapi().to_pretty_json().map_err(failed)?;
    let value: Value = serde_json::from_str(&text).map_err(failed)?;
    out.result(&value, |_| text.clone());
    Ok(())
}
