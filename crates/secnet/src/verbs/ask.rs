//! `secnet ask`

use clap::Args;
use secnet_types::{Amount, AskId, Bargain, DatasetId, Operation, Party};
use serde_json::json;

use super::{PriceArgs, ScopeArgs};
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::groups;
use crate::node::Node;
use crate::output::Output;
use crate::sign;
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
    /// For this group that the asker runs, instead of the asker alone.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
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
                format!("accepted the counter-offer to {ask}: {price} a use"),
                format!("accept the counter-offer to {ask}: {price} a use"),
            ))
        }
        (_, Some(ask)) => Some((
            Operation::WithdrawAsk { ask },
            format!("took {ask} back"),
            format!("take {ask} back"),
        )),
        (None, None) => None,
    };
    if let Some((operation, said, would)) = change {
        let operation = (operation, Enclosures::default());
        if sign::order(node, globals, out, &asker, operation, &would).await?.is_some() {
            out.result(&json!({ "done": said }), |_| said.clone());
        }
        return Ok(());
    }
    let (scope, price) = (args.scope, args.price);
    let Some(dataset) = args.dataset else {
        return Err(Failure::new("usage", "say what to ask for")
            .hint("secnet ask DATASET --as NAME --purpose treatment")
            .exit(crate::failure::Exit::Usage));
    };
    let listed = node.pdc.view(|v| v.state.dataset(dataset).map(|d| d.terms.price)).flatten();
    let to = match &args.group {
        Some(name) => Party::Group(groups::find(node, name)?),
        None => Party::Member(asker.member()),
    };
    let wish = Permission {
        dataset,
        to,
        purposes: scope.purposes()?,
        actions: scope.actions(),
        scope: scope.scope()?,
        window: price.time.window()?,
        uses: price.uses,
        price: price.price.or(listed).unwrap_or(Amount::ZERO),
        emergency: false,
    };
    let deadline = crate::system::SystemClock.now().plus_ms(ANSWER_DAYS * 24 * 60 * 60 * 1000);
    let would = format!("ask for {dataset} at {} a use", wish.price);
    let operation = actions::prepare_ask(&wish, deadline);
    let Some(command) = sign::order(node, globals, out, &asker, operation, &would).await? else {
        return Ok(());
    };
    let ask = AskId::derive(asker.member(), command.value.id);
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
