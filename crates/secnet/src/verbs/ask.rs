//! `secnet ask`

use clap::Args;
use secnet_types::{Amount, AskId, Bargain, DatasetId, Operation, Party, Timestamp};
use serde_json::json;

use super::{PriceArgs, ScopeArgs};
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::groups;
use crate::node::Node;
use crate::output::Output;
use crate::remote::{self, RemoteArgs};
use crate::sign;
use crate::system::SystemClock;
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
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// What is done about an ask: what is ordered, what to say afterwards, and what in a dry run.
struct About {
    operation: Operation,
    said: String,
    would: String,
}

impl About {
    fn accepting(ask: AskId, bargain: Bargain) -> Self {
        let what = format!("the counter-offer to {ask}: {} a use", bargain.price);
        Self {
            operation: Operation::AcceptCounter { ask, bargain },
            said: format!("accepted {what}"),
            would: format!("accept {what}"),
        }
    }

    fn withdrawing(ask: AskId) -> Self {
        Self {
            operation: Operation::WithdrawAsk { ask },
            said: format!("took {ask} back"),
            would: format!("take {ask} back"),
        }
    }

    fn tell(said: &str, out: Output) {
        out.result(&json!({ "done": said }), |_| said.to_owned());
    }
}

/// A wish as it is put to the owner.
struct Wish {
    permission: Permission,
    deadline: Timestamp,
}

impl Wish {
    fn would(&self) -> String {
        format!("ask for {} at {} a use", self.permission.dataset, self.permission.price)
    }

    fn tell(&self, out: Output, ask: AskId) {
        let (price, deadline) = (self.permission.price.to_string(), self.deadline.to_string());
        let value = json!({ "ask": ask.to_string(), "price": price, "answer_by": deadline });
        out.result(&value, |_| format!("asked: {ask}; the owner has until {deadline}"));
    }
}

impl AskArgs {
    fn dataset(&self) -> Result<DatasetId, Failure> {
        self.dataset.ok_or_else(|| {
            Failure::new("usage", "say what to ask for")
                .hint("secnet ask DATASET --as NAME --purpose treatment")
                .exit(Exit::Usage)
        })
    }

    /// At the list price, unless another is offered.
    fn wish(&self, to: Party, listed: Amount) -> Result<Wish, Failure> {
        let permission = Permission {
            dataset: self.dataset()?,
            to,
            purposes: self.scope.purposes()?,
            actions: self.scope.actions(),
            scope: self.scope.scope()?,
            window: self.price.time.window()?,
            uses: self.price.uses,
            price: self.price.price.unwrap_or(listed),
            emergency: false,
        };
        let deadline = SystemClock.now().plus_ms(ANSWER_DAYS * 24 * 60 * 60 * 1000);
        Ok(Wish { permission, deadline })
    }
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: AskArgs,
) -> Result<(), Failure> {
    let asker = node.identity(&args.asker)?;
    let about = match (args.accept, args.withdraw) {
        (Some(ask), _) => Some(About::accepting(ask, offered(node, ask)?)),
        (_, Some(ask)) => Some(About::withdrawing(ask)),
        (None, None) => None,
    };
    if let Some(About { operation, said, would }) = about {
        let operation = (operation, Enclosures::default());
        if sign::order(node, globals, out, &asker, operation, &would).await?.is_some() {
            About::tell(&said, out);
        }
        return Ok(());
    }
    let dataset = args.dataset()?;
    let listed = node.pdc.view(|v| v.state.dataset(dataset).map(|d| d.terms.price)).flatten();
    let to = match &args.group {
        Some(name) => Party::Group(groups::find(node, name)?),
        None => Party::Member(asker.member()),
    };
    let wish = args.wish(to, listed.unwrap_or(Amount::ZERO))?;
    let operation = actions::prepare_ask(&wish.permission, wish.deadline);
    let ordered = sign::order(node, globals, out, &asker, operation, &wish.would()).await?;
    if let Some(command) = ordered {
        wish.tell(out, AskId::derive(asker.member(), command.value.id));
    }
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: AskArgs,
) -> Result<(), Failure> {
    let (remote, asker, how) = args.remote.open_as(&args.asker, globals, out)?;
    let about = match (args.accept, args.withdraw) {
        (Some(ask), _) => {
            let asks = remote.gather(&asker, "/v1/asks", &["asks"]).await?;
            let asked = remote::asked(&asks, ask)?.map(|(state, _)| state.status);
            Some(About::accepting(ask, countered(asked.as_ref(), ask)?))
        }
        (_, Some(ask)) => Some(About::withdrawing(ask)),
        (None, None) => None,
    };
    if let Some(About { operation, said, would }) = about {
        let operation = (operation, Enclosures::default());
        let change = remote::order(&remote, &asker, operation, how).await?;
        change.tell(out, &would, || About::tell(&said, out));
        return Ok(());
    }
    if args.group.is_some() {
        return Err(remote::groups_stay());
    }
    let listed = match args.price.price {
        Some(price) => price,
        None => {
            let listed = remote::listed(&remote, &asker, args.dataset()?).await;
            let unknown =
                "who has nothing to do with a dataset is not told what it costs: offer a --price";
            listed.map_err(|failure| failure.hint(unknown))?.1
        }
    };
    let wish = args.wish(Party::Member(asker.member()), listed)?;
    let operation = actions::prepare_ask(&wish.permission, wish.deadline);
    let change = remote::order(&remote, &asker, operation, how).await?;
    let ask = AskId::derive(asker.member(), change.id);
    change.tell(out, &wish.would(), || wish.tell(out, ask));
    Ok(())
}

/// The owner's counter-offer, as it stands.
fn offered(node: &Node, ask: AskId) -> Result<Bargain, Failure> {
    let status = node.pdc.view(|v| v.state.ask(ask).map(|asked| asked.status.clone())).flatten();
    countered(status.as_ref(), ask)
}

fn countered(status: Option<&AskStatus>, ask: AskId) -> Result<Bargain, Failure> {
    match status {
        Some(AskStatus::Countered(bargain)) => Ok(*bargain),
        _ => Err(Failure::new("wrong-ask-state", format!("there is no counter-offer to {ask}"))
            .hint("`secnet inbox` lists what was asked and answered")),
    }
}
