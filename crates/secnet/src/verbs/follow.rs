//! `secnet follow`

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::output::Output;
use crate::remote::{Events, Remote, RemoteArgs, wrong};
use crate::show::fields::{entries, of};
use crate::show::{Names, effect};

/// How long to wait before a node that has gone away is called again; twice as long after each further time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// And no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Of a node's own alerts so many are known again when it tells them again: as many as it keeps.
const MAX_KNOWN: usize = 1024;

#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    /// Who follows.
    #[arg(long = "as", value_name = "NAME")]
    reader: String,
    /// What administrators are told, instead of what concerns whoever follows: requests that wait, that were stopped or that failed,
    /// and how the node is.
    #[arg(long)]
    alerts: bool,
    /// Begin after this event of the log. Default: with what happens next.
    #[arg(long, value_name = "EVENT")]
    after: Option<u64>,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

impl FollowArgs {
    const fn path(&self) -> &'static str {
        if self.alerts { "/v1/alerts" } else { "/v1/events" }
    }
}

/// Follow what happens at a node, over its restarts, until somebody interrupts or the node ends the right to.
pub(crate) async fn run(globals: &Globals, out: Output, args: &FollowArgs) -> Result<(), Failure> {
    if !args.remote.is_given() {
        return Err(Failure::new("usage", "say which node")
            .hint("secnet follow --as NAME --url http://127.0.0.1:8420; nothing happens in a folder that no node serves")
            .exit(Exit::Usage));
    }
    let (remote, reader, _) = args.remote.open_as(&args.reader, globals, out)?;
    if remote.client.prints() {
        remote.client.print_stream(&reader, args.path(), args.after);
        return Ok(());
    }
    let mut followed = Followed { remote, reader, out, last: args.after, known: VecDeque::new() };
    let (mut wait, mut was_there) = (FIRST_WAIT, false);
    loop {
        match followed.once(args, &mut was_there, &mut wait).await {
            Ok(Over::NobodyReads) => return Ok(()),
            Ok(Over::Ended) => {}
            Err(failure) if was_there && failure.exit == Exit::Unreachable => {
                out.say(&format!("{}; it is called again", failure.message));
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

/// Why a stream is over.
enum Over {
    /// The node ended it: it stops, or the right to follow ends, which the next call shows.
    Ended,
    NobodyReads,
}

/// A node, and how far it has told.
struct Followed {
    remote: Remote,
    reader: Identity,
    out: Output,
    last: Option<u64>,
    /// The node's own alerts, which it tells again whenever it is called.
    known: VecDeque<String>,
}

impl Followed {
    async fn once(
        &mut self,
        args: &FollowArgs,
        was_there: &mut bool,
        wait: &mut Duration,
    ) -> Result<Over, Failure> {
        let client = &self.remote.client;
        let mut stream = client.stream(&self.reader, args.path(), self.last).await?;
        (*was_there, *wait) = (true, FIRST_WAIT);
        let mut events = Events::default();
        while let Some(bytes) = self.remote.client.more(&mut stream).await? {
            for told in events.push(&bytes)? {
                if let Some(data) = told.data
                    && !self.tell(&data)?
                {
                    return Ok(Over::NobodyReads);
                }
                self.last = told.id.or(self.last);
            }
        }
        Ok(Over::Ended)
    }

    /// Print what was told; false if nobody reads it any more.
    fn tell(&mut self, data: &str) -> Result<bool, Failure> {
        let told: Value = serde_json::from_str(data).map_err(|error| wrong(&error))?;
        if let Some(alert) = told.get("alert").and_then(Value::as_str) {
            if self.known.iter().any(|known| known == alert) {
                return Ok(true);
            }
            if self.known.len() == MAX_KNOWN {
                self.known.pop_front();
            }
            self.known.push_back(alert.to_owned());
        }
        let names = self.remote.names();
        self.out.line(&told, |told| line(told, &names))
    }
}

/// For people.
fn line(told: &Value, names: &Names) -> String {
    let said = |field: &str| told.get(field).map(|value| names.say(value)).unwrap_or_default();
    let (time, kind) = (said("time"), said("kind"));
    if told.get("alert").is_some() {
        return format!("{time}  {kind}  {}\n  do: {}", said("said"), said("do"));
    }
    if told.get("decision").is_some() {
        let (who, dataset, decision) = (said("requester"), said("dataset"), said("decision"));
        let by = match of(told, "answer_by") {
            none if none.is_empty() => none,
            by => format!("; the owner answers by {by}"),
        };
        let why = said("reason");
        let of = part(told);
        return format!("{time}  {kind}  {who} asked for {dataset}: {why}, {decision}{by}{of}");
    }
    if told.get("kind").is_some() {
        let (who, dataset, count) = (said("requester"), said("dataset"), said("count"));
        return format!(
            "{time}  {kind}  {who} asked for {dataset}: refused {count} times{}",
            part(told)
        );
    }
    let effects = entries(told, "effects").map(|told| effect::told(told, names));
    format!("{time}  {}", effects.collect::<Vec<_>>().join("; "))
}

/// Of which incident it is a part.
fn part(told: &Value) -> String {
    let incident = told.get("incident").and_then(Value::as_u64);
    incident.map(|incident| format!("; incident {incident}")).unwrap_or_default()
}
