//! Verbs that work on the files of a folder have no `--url`; whoever gives them one is told why, and what to do instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::{Exit, Failure};

/// What says where a node is.
const ELSEWHERE: [&str; 4] = ["--url", "--keys", "--ca", "--print-curl"];

/// Verbs of a folder: why, and what to do.
const LOCAL: [(&[&str], &str, &str); 6] = [
    (
        &["guard"],
        "what the guard has learnt, and what it was told, stays in the data centre and is signed with its own key",
        "do it in the data centre's folder while no node serves it, without --url; elsewhere owners say what decisions were with `secnet guard feedback`, and `secnet log --as OWNER` has their reasons",
    ),
    (
        &["backup", "restore", "fsck", "doctor", "config"],
        "it reads the files of the node itself, its keys among them",
        "do it on the node's machine, without --url; a node that serves makes its own backups (`secnet up`)",
    ),
    (
        &["init", "up", "net", "dev", "demo"],
        "it makes or serves a folder on this machine",
        "leave --url out; `secnet ready --url URL` asks whether a node serves",
    ),
    (
        &["receipt"],
        "a receipt is verified without any node: that is what it is for",
        "leave --url out; `secnet receipt save` takes it",
    ),
    (
        &["witness"],
        "a witness looks at several places",
        "give their addresses without --url: secnet witness http://127.0.0.1:8420 --kept FILE",
    ),
    (&["bench"], "it measures this machine", "leave --url out"),
];

/// If a verb of a folder was given a node's address: why it takes none.
pub(crate) fn refused(error: &clap::Error, args: &[String]) -> Option<Failure> {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let is_elsewhere = ELSEWHERE.iter().any(|own| unknown == own);
    if error.kind() != ErrorKind::UnknownArgument || !is_elsewhere {
        return None;
    }
    let named = |verbs: &[&str]| args.iter().any(|arg| verbs.contains(&arg.as_str()));
    let (_, why, hint) = LOCAL.iter().find(|(verbs, ..)| named(verbs))?;
    Some(Failure::new("not-remote", *why).hint(*hint).exit(Exit::Usage))
}
