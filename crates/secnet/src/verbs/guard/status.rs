//! `secnet guard status`: what is known of the past, and whether rules can be learnt from it.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::verbs::rules;

use super::models;

/// What rules are learnt from by default.
const DAYS: u64 = 90;

pub(super) async fn run(node: &Node, out: Output) -> Result<(), Failure> {
    let seen = rules::past_since(node, Some(DAYS)).await?;
    let (misuse, said_fine, presumed_fine, by_answers) = rules::counts(&seen);
    let (needed_misuse, needed_fine) = rules::needed(misuse);
    let enough = misuse >= needed_misuse && said_fine + presumed_fine >= needed_fine;
    let rules = node.pdc.view(|view| {
        let installed: Vec<_> = view.state.installed_rules(node.pdc.member, view.time).collect();
        let watching = installed.iter().filter(|(_, install)| install.simulate).count();
        (installed.len() - watching, watching)
    });
    let models = models::seen(node, &seen).await?;
    let said: Vec<Value> = models.iter().map(|model| model.value.clone()).collect();
    // The ledger lists models as it lists rules.
    let (enforced, watched) = rules.unwrap_or_default();
    let watchers = models.iter().filter(|model| model.watches).count();
    let (enforced, watched) =
        (enforced.saturating_sub(models.len() - watchers), watched.saturating_sub(watchers));
    let value = json!({
        "days": DAYS, "requests": seen.len(), "misuse": misuse, "said_fine": said_fine,
        "presumed_fine": presumed_fine, "by_answers_to_holds": by_answers,
        "needed_misuse": needed_misuse, "needed_fine": needed_fine, "enough": enough,
        "rules_enforced": enforced, "rules_watched": watched, "models": said,
    });
    out.result(&value, |_| {
        let known = format!(
            "{} permitted requests in the past {DAYS} days: {misuse} were misuse, {said_fine} were said to be fine, {presumed_fine} are presumed to be\nof these, {by_answers} were told by answers to holds",
            seen.len()
        );
        let learning = if enough {
            "enough to learn rules from: `secnet rules learn`".to_owned()
        } else {
            format!("too little to learn rules from: at least {needed_misuse} misuse and {needed_fine} others are needed")
        };
        let rules = format!("{enforced} rules are enforced, {watched} only watch");
        let models = models.iter().flat_map(|model| model.lines.clone());
        [known, learning, rules].into_iter().chain(models).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
