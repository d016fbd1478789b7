//! What a user sees when something does not work, and what a script can rely on.

use std::borrow::Cow;

use secnet_types::RequestId;
use serde::Serialize;

/// Exit codes; the table is in docs/reference/exit-codes.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It failed.
    Failed = 1,
    /// The command line is wrong (clap uses the same).
    Usage = 2,
    /// Denied by policy or consent.
    Denied = 3,
    /// Held or denied by the guard or a rule.
    Held = 4,
    /// Not enough money.
    Funds = 5,
    /// The ledger or the storage cannot be reached or written.
    Unreachable = 6,
    /// A verification found something wrong.
    Verification = 7,
    /// It was not shown that what must be refused is refused, so the node does not serve.
    NotEnforced = 8,
}

/// What somebody says was recorded.
#[derive(Debug, Clone)]
pub(crate) struct Unproven {
    /// A receipt's bytes, or anything.
    pub receipt: Vec<u8>,
}

/// One failure: what, why, and what to do.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    /// A stable word for programs.
    pub code: Cow<'static, str>,
    /// What failed, in one sentence without a period.
    pub message: String,
    /// Why, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Box<str>>,
    /// The request it is about, to be sent again with `secnet get --request`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<str>>,
    /// The receipt of the recorded decision that says so, as whoever refused it gave it: nobody has looked at it yet.
    #[serde(skip)]
    pub decided: Option<Box<Unproven>>,
    /// The process's exit code.
    #[serde(serialize_with = "as_number")]
    pub exit: Exit,
}

// Serde's derive hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn as_number<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*exit as u8)
}

impl Failure {
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            request: None,
            decided: None,
            exit: Exit::Failed,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into_boxed_str());
        self
    }

    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub(crate) fn decided(mut self, receipt: Vec<u8>) -> Self {
        self.decided = Some(Box::new(Unproven { receipt }));
        self
    }

    pub(crate) fn request(mut self, request: RequestId) -> Self {
        self.request = Some(request.to_string().into_boxed_str());
        self
    }

    /// With an error and its sources as causes.
    pub(crate) fn because(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// An input or output error on a path.
    pub(crate) fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new("io", format!("cannot {doing} `{}`", path.display())).because(error)
    }
}
