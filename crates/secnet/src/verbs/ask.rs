//! `secnet ask`

use clap::Args;
use secnet_types::{Amount, AskId, Bargain, DatasetId, Operation};
use serde_json::json;

use super::{PriceArgs, ScopeArgs};
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use secnet_app::Enclosures;
use secnet_app::ports::Clock as _;
use secnet_ledger::AskStatus;

/// How long an owner has to answer by default, in days.
const ANSWER_DAYS: u64 = 14;

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The dataset to ask for; or, with --accept or --withdraw, nothing.
    #[arg(required_unless_present_any = ["accept", "withdraw"])]
    dataset: Option<DatasetId>,
    /// Who asks.
    #[arg(long = "as", value_name = "NAME")]
    asker: String,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    price: PriceArgs,
    /// Accept the owner's counter-offer to this ask.
    #[arg(long, value_name = "ASK", conflicts_with = "dataset")]
    accept: Option<AskId>,
    /// Take this ask back.
    #[arg(long, value_name = "ASK", conflicts_with = "dataset")]
    withdraw: Option<AskId>,
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: AskArgs,
) -> Result<(), Failure> {
    let asker = node.identity(&args.asker)?;
    let change = match (args.accept, args.withdraw) {
        (Some(ask), _) => {
            let bargain = offered(node, ask)?;
            let price = bargain.price;
            Some((
                Operation::AcceptCounter { ask, bargain },
                format!("accept the counter-offer to {ask}: {price} a use"),
                format!("accepted the counter-offer to {ask}: {price} a use"),
            ))
        }
        (_, Some(ask)) => Some((
            Operation::WithdrawAsk { ask },
            format!("take {ask} back"),
            format!("took {ask} back"),
        )),
        (None, None) => None,
    };
    if let Some((operation, would, said)) = change {
        if globals.dry_run {
            out.would(&would);
            return Ok(());
        }
        actions::order(&node.pdc, &asker, operation, Enclosures::default()).await?;
        out.result(&json!({ "done": said, "dry_run": false }), |_| said.clone());
        return Ok(());
    }
    let (scope, price) = (args.scope, args.price);
    let Some(dataset) = args.dataset else {
        return Err(Failure::new("usage", "say what to ask for")
            .hint("secnet ask DATASET --as NAME --purpose treatment")
            .exit(crate::failure::Exit::Usage));
    };
    let listed = node.pdc.view(|v| v.state.dataset(dataset).map(|d| d.terms.price)).flatten();
    let wish = Permission {
        dataset,
        to: secnet_types::Party::Member(asker.member()),
        purposes: scope.purposes()?,
        actions: scope.actions(),
        scope: scope.scope(),
        window: actions::days_from_now(price.days),
        uses: price.uses,
        price: price.price.or(listed).unwrap_or(Amount::ZERO),
        emergency: false,
    };
    if globals.dry_run {
        out.would(&format!("ask for {dataset} at {} a use", wish.price));
        return Ok(());
    }
    let deadline = crate::system::SystemClock.now().plus_ms(ANSWER_DAYS * 24 * 60 * 60 * 1000);
    let ask = actions::ask(node, &asker, &wish, deadline).await?;
    let value = json!({ "ask": ask.to_string(), "price": wish.price.to_string(), "answer_by": deadline.to_string() });
    out.result(&value, |_| format!("asked: {ask}; the owner has until {deadline}"));
    Ok(())
}

/// The owner's counter-offer, as it stands.
fn offered(node: &Node, ask: AskId) -> Result<Bargain, Failure> {
    let status = node.pdc.view(|v| v.state.ask(ask).map(|asked| asked.status.clone())).flatten();
    match status {
        Some(AskStatus::Countered(bargain)) => Ok(bargain),
        _ => Err(Failure::new("wrong-ask-state", format!("there is no counter-offer to {ask}"))
            .hint("`secnet inbox` lists what waits for an answer")),
    }
}
