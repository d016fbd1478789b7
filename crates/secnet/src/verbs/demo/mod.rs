//! `secnet demo`: the whole story on real records. Every step is checked; the exit code is 0 only if all behaved.

mod learning;
mod network;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use secnet_app::Outcome;
use secnet_types::{
    Action, Amount, Category, DatasetId, GrantId, Labels, Operation, Party, Purpose, Reason,
    RecordMeta, Scope,
};
use serde_json::json;

use crate::actions::{self, Permission, Wanted};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::ingest::{self, PlainPatient};
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::sample::{self, Cast};
use crate::verbs::{inbox, receipt};
use secnet_app::Enclosures;
use secnet_app::ports::Clock as _;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Use these patients instead: FHIR R4 bundles (.json) or bulk NDJSON (.ndjson), or a folder of them.
    #[arg(long, value_name = "FILE_OR_DIR")]
    patients: Option<PathBuf>,
    /// Tell of a network instead: four validators, each with a release node, and two data centres, as processes on this machine.
    #[arg(long, conflicts_with = "patients")]
    network: bool,
}

/// The story so far.
struct Story<'a> {
    node: &'a Node,
    out: Output,
    hospital: Identity,
    owner: Identity,
    doctor: Identity,
    dataset: DatasetId,
    records: Vec<RecordMeta>,
    steps: Vec<serde_json::Value>,
}

pub(crate) async fn run(globals: &Globals, out: Output, args: DemoArgs) -> Result<(), Failure> {
    let begun = Instant::now();
    let dir = folder(globals)?;
    if args.network {
        return network::run(&dir, out).await;
    }
    let patient = patient(out, args.patients.as_deref())?;
    let node = sample::folder(&dir, "demo").await?;
    let mut story = begin(&node, out, patient).await?;
    let (grant, receipt_file) = story.allowed_use(&dir).await?;
    story.refusals().await?;
    let ward = story.ward().await?;
    let misused = story.hold(grant, &ward).await?;
    story.learning(&misused, &ward).await?;
    story.revocation([ward.grant, grant]).await?;
    story.offline_receipt(&dir, &receipt_file)?;
    story.tampering(&dir, &receipt_file).await?;
    story.money().await?;
    let steps = core::mem::take(&mut story.steps);
    drop(story);
    node.close().await?;

    let seconds = begun.elapsed().as_secs_f32();
    let value = json!({ "ok": true, "dir": dir, "seconds": seconds, "steps": steps });
    out.result(&value, |_| {
        format!("\nEvery step behaved, in {seconds:.1} s. The folder stays: {}", dir.display())
    });
    let at = dir.display();
    out.say(&format!(
        "Look around:\n  secnet --dir {at} log --as ada\n  secnet --dir {at} wallet --as ada\n  secnet --dir {at} receipt verify {}",
        receipt_file.display()
    ));
    Ok(())
}

/// The folder to use: the one that was named, else a fresh one beside the current folder.
fn folder(globals: &Globals) -> Result<PathBuf, Failure> {
    let named = globals.dir_is_named;
    let base = if named { globals.dir.clone() } else { PathBuf::from("demo-data") };
    if !base.exists() {
        return Ok(base);
    }
    if named {
        return Err(Failure::new("exists", format!("`{}` is there already", base.display()))
            .hint("give a folder that is not there yet")
            .exit(Exit::Usage));
    }
    let free =
        (2..10_000).map(|n| PathBuf::from(format!("demo-data-{n}"))).find(|dir| !dir.exists());
    free.ok_or_else(|| {
        Failure::new("exists", "there are too many demo folders here").hint("remove some")
    })
}

fn patient(out: Output, given: Option<&Path>) -> Result<PlainPatient, Failure> {
    let Some(path) = given else { return ingest::sample(ingest::FIRST_SAMPLE) };
    let found = ingest::read(out, &[path.to_path_buf()])?;
    // The story is about what an ordinary grant opens: records without a sensitivity label.
    let plain = |patient: &PlainPatient| {
        patient.records.iter().filter(|record| record.meta.labels.is_empty()).count()
    };
    let most = found.patients.into_values().max_by_key(plain);
    most.filter(|patient| plain(patient) > 0).ok_or_else(|| {
        Failure::new("all-labelled", "every record of these patients has a sensitivity label")
            .hint("the demo tells of ordinary records; give a patient who has some")
    })
}

/// Members, money and data.
async fn begin(node: &Node, out: Output, patient: PlainPatient) -> Result<Story<'_>, Failure> {
    out.say("A network begins: one sequencer, one data centre, one governor.");
    let Cast { hospital, owner, doctor, .. } = sample::cast(node).await?;
    sample::issue(node, doctor.member(), 50).await?;
    out.say("City Hospital vouches for Ada, Dr. Bo and Eve. Dr. Bo's account holds 50.");

    let dataset = sample::register(node, out, &owner, &patient).await?;
    let name = patient.name.unwrap_or_else(|| "a patient".into());
    out.say(&format!(
        "Ada (in the sample data: {name}) seals {} FHIR records, each under its own key, and registers them at 0.25 a use.",
        patient.records.len()
    ));
    let records = patient.records.into_iter().map(|record| record.meta).collect();
    Ok(Story { node, out, hospital, owner, doctor, dataset, records, steps: Vec::new() })
}

/// Tell of a step, if it behaved.
fn check(
    (out, steps): (Output, &mut Vec<serde_json::Value>),
    step: &'static str,
    holds: bool,
    told: &str,
) -> Result<(), Failure> {
    steps.push(json!({ "step": step, "ok": holds, "told": told }));
    if !holds {
        return Err(Failure::new("demo", format!("the step `{step}` did not behave: {told}"))
            .hint("this is a bug; please report it"));
    }
    out.say(told);
    Ok(())
}

impl Story<'_> {
    fn check(&mut self, step: &'static str, holds: bool, told: &str) -> Result<(), Failure> {
        check((self.out, &mut self.steps), step, holds, told)
    }

    fn wanted(&self, purpose: Purpose, scope: Scope) -> Wanted {
        Wanted {
            dataset: self.dataset,
            action: Action::Read,
            purpose,
            scope,
            max_price: Amount(Amount::MICROS),
            id: actions::fresh_request(),
            proof_for: None,
        }
    }

    async fn try_get(
        &self,
        who: &Identity,
        purpose: Purpose,
        scope: Scope,
    ) -> Result<actions::Answered, Failure> {
        let wanted = self.wanted(purpose, scope);
        let answered = actions::get(self.node, who, &wanted, |_, _| ()).await?;
        if matches!(answered.0, Outcome::Released(_)) {
            actions::collected(self.node, who, wanted.id)?;
        }
        Ok(answered)
    }

    /// The category the story is about: laboratory results if there are any without a label.
    fn category(&self) -> Category {
        let count = |c: Category| sample::plain(self.records.iter(), c);
        if count(Category::Laboratory) > 0 {
            return Category::Laboratory;
        }
        Category::ALL.iter().copied().max_by_key(|c| count(*c)).unwrap_or(Category::Other)
    }

    /// Ask, answer, read, pay.
    async fn allowed_use(&mut self, dir: &Path) -> Result<(GrantId, PathBuf), Failure> {
        let category = self.category();
        let wish = Permission {
            dataset: self.dataset,
            to: Party::Member(self.doctor.member()),
            purposes: [Purpose::Treatment].into(),
            actions: [Action::Read].into(),
            scope: actions::scope_of(&[category], Labels::NONE),
            window: actions::days_from_now(30),
            uses: None,
            price: sample::PRICE,
            emergency: false,
        };
        let deadline = crate::system::SystemClock.now().plus_ms(14 * 24 * 60 * 60 * 1000);
        let ask = actions::ask(self.node, &self.doctor, &wish, deadline).await?;
        let waiting = self.node.pdc.inbox(self.owner.member()).await.map_err(access_failure)?;
        let seen = waiting.asks.iter().any(|a| a.id == ask && a.detail.is_some());
        self.check(
            "ask",
            seen,
            &format!(
                "\n1. Dr. Bo asks for Ada's {category} for treatment. It waits in Ada's inbox."
            ),
        )?;
        let grant = inbox::approve(self.node, &self.owner, ask).await?;
        let live = self
            .node
            .pdc
            .view(|v| v.state.grant(grant).is_some_and(|g| v.state.grant_is_live(g, v.time)));
        self.check(
            "grant",
            live == Some(true),
            "   Ada approves, at the price that was asked. The grant is on the ledger.",
        )?;

        let (outcome, opened) = self
            .try_get(&self.doctor, Purpose::Treatment, actions::scope_of(&[category], Labels::NONE))
            .await?;
        let Outcome::Released(delivery) = outcome else {
            return Err(Failure::new(
                "demo",
                "the step `read` did not behave: it was not released",
            ));
        };
        let expected =
            self.records.iter().filter(|r| r.category == category && r.labels.is_empty()).count();
        let sample = opened.first().map(|(_, plain)| summary(plain)).unwrap_or_default();
        self.check("read", opened.len() == expected && expected > 0, &format!(
            "   Dr. Bo reads {} records, such as: {sample}.\n   Policy decided, the guard looked, the decision and the payment of {} are in one block; only then were the keys released.",
            opened.len(), delivery.price,
        ))?;
        let file = dir.join("allowed.receipt");
        files::write_private(&file, &delivery.receipt.to_bytes())?;
        Ok((grant, file))
    }

    /// Policy says no, and says so to each as much as they may know.
    async fn refusals(&mut self) -> Result<(), Failure> {
        let category = self.category();
        let (outcome, _) = self
            .try_get(&self.doctor, Purpose::Research, actions::scope_of(&[category], Labels::NONE))
            .await?;
        self.check("wrong purpose", matches!(outcome, Outcome::Denied(_)),
            "\n2. Dr. Bo asks for the same records for research. Policy refuses: the grant is for treatment.\n   The refusal is on the ledger as well, and Ada sees who tried and why it failed.")?;
        if self.records.iter().any(|record| !record.labels.is_empty()) {
            let (outcome, _) = self
                .try_get(&self.doctor, Purpose::Treatment, actions::scope_of(&[], Labels::ALL))
                .await?;
            let kept = match &outcome {
                Outcome::Released(delivery) => {
                    delivery.records.iter().all(|(meta, _)| meta.labels.is_empty())
                }
                _ => true,
            };
            self.check(
                "sensitive records",
                kept,
                "   He asks for everything, sensitive records too: none of those is released.",
            )?;
        }
        let eve = self.node.identity("eve")?;
        let (hidden, _) = self.try_get(&eve, Purpose::Treatment, Scope::default()).await?;
        let mut nowhere = self.wanted(Purpose::Treatment, Scope::default());
        nowhere.dataset = DatasetId([7; 16]);
        let (missing, _) = actions::get(self.node, &eve, &nowhere, |_, _| ()).await?;
        let alike = matches!((&hidden, &missing), (Outcome::NotVisible, Outcome::NotVisible));
        self.check("stranger", alike, "   Eve, whom nobody granted anything, gets the answer she would get if there were no such data.")?;
        let history = self.node.pdc.history(self.owner.member()).await.map_err(access_failure)?;
        let failed = history
            .iter()
            .filter(|a| !matches!(a.verdict, secnet_types::Verdict::Allow { .. }))
            .count();
        self.check(
            "history",
            failed >= 2,
            &format!(
                "   Ada's history has {} attempts, {failed} of them refused, each with its reason.",
                history.len()
            ),
        )
    }

    async fn revocation(&mut self, grants: [GrantId; 2]) -> Result<(), Failure> {
        let mut begun = Instant::now();
        for grant in grants {
            begun = Instant::now();
            let operation = Operation::Revoke { grant, reason: Reason::NoLongerWanted };
            actions::order(&self.node.pdc, &self.owner, operation, Enclosures::default()).await?;
        }
        let (outcome, _) = self
            .try_get(
                &self.doctor,
                Purpose::Treatment,
                actions::scope_of(&[self.category()], Labels::NONE),
            )
            .await?;
        let refused = !matches!(outcome, Outcome::Released(_));
        let ms = begun.elapsed().as_secs_f64() * 1000.0;
        self.check(
            "revoke",
            refused,
            &format!(
                "\n5. Ada revokes both grants. Dr. Bo's next read is refused, {ms:.0} ms after she signed."
            ),
        )
    }

    fn offline_receipt(&mut self, dir: &Path, file: &Path) -> Result<(), Failure> {
        let verified = receipt::verify(&dir.join("genesis.cbor"), file)?;
        let about = verified.requester() == Some(self.doctor.member());
        self.check("receipt", about, &format!(
            "\n6. The receipt of the first read holds, checked offline from the genesis file alone:\n   Dr. Bo's signed request, the data centre's decision, in block {}, in the certified log of {} events.",
            verified.event.height, verified.log_size))
    }

    /// One flipped byte in a receipt, in a segment, in the ledger: each is found.
    async fn tampering(&mut self, dir: &Path, file: &Path) -> Result<(), Failure> {
        let forged = dir.join("forged.receipt");
        let mut bytes = std::fs::read(file).map_err(|error| Failure::io("read", file, &error))?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        files::write_private(&forged, &bytes)?;
        let found = receipt::verify(&dir.join("genesis.cbor"), &forged).is_err();
        drop(std::fs::remove_file(&forged));
        self.check(
            "forged receipt",
            found,
            "\n7. One bit flipped in the receipt: it no longer holds.",
        )?;

        let said = crate::tamper::segment(self.node, dir).await?;
        self.check(
            "tampered vault",
            said.is_some(),
            &format!("   One bit flipped in the vault, on a copy: {}.", said.unwrap_or_default()),
        )?;
        let said = crate::tamper::ledger(self.node, dir)?;
        self.check(
            "tampered ledger",
            said.is_some(),
            &format!(
                "   One bit flipped in the ledger's file, on a copy: {}.",
                said.unwrap_or_default()
            ),
        )
    }

    async fn money(&mut self) -> Result<(), Failure> {
        let earned = self.node.pdc.statement(self.owner.member()).await.map_err(access_failure)?;
        let paid = self.node.pdc.statement(self.doctor.member()).await.map_err(access_failure)?;
        let conserved = self
            .node
            .pdc
            .view(|v| v.state.audit().is_some_and(|(totals, sum)| totals.supply == sum));
        let hospital = self.node.name_of(self.hospital.member());
        debug_assert_eq!(hospital, "city-hospital");
        self.check("money", conserved == Some(true) && earned.balance > Amount::ZERO, &format!(
            "\n8. Ada has earned {}, Dr. Bo has {} left of 50; the fee went to the treasury. Not a millionth is missing.",
            earned.balance, paid.balance))
    }
}

/// One line about a FHIR resource: what it says, in its own words.
fn summary(plain: &[u8]) -> String {
    let Ok(resource) = serde_json::from_slice::<serde_json::Value>(plain) else {
        return "a record".into();
    };
    let text = |pointer: &str| {
        resource.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
    };
    let what = text("/code/text");
    let what = if what.is_empty() { text("/code/coding/0/display") } else { what };
    match resource.pointer("/valueQuantity/value") {
        Some(value) => format!(
            "{what} = {:.1} {}",
            value.as_f64().unwrap_or_default(),
            text("/valueQuantity/unit")
        ),
        None if what.is_empty() => text("/resourceType"),
        None => what,
    }
}
