//! A member's account, line by line, from the log: what is printed here can be checked by anybody who has the log.

use std::collections::VecDeque;

use secnet_types::{Amount, Effect, MemberId, Timestamp};

use crate::AccessError;
use crate::pdc::Pdc;

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The event.
    pub event: u64,
    /// When.
    pub time: Timestamp,
    /// In plain words.
    pub what: String,
    /// Came in.
    pub credit: Amount,
    /// Went out.
    pub debit: Amount,
    /// The balance after it.
    pub balance: Amount,
}

/// The most movements in one statement.
pub const MAX_STATEMENT_LINES: usize = 10_000;

/// The account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The newest movements, oldest first, at most [`MAX_STATEMENT_LINES`] and the rest of the first one's event.
    pub lines: Vec<Line>,
    /// How many there were before those. The first line's balance takes them into account.
    pub earlier: u64,
    /// What there was when this log began: nothing, unless the network goes on from another one.
    pub brought: Amount,
    /// The balance now, as the ledger has it.
    pub balance: Amount,
    /// Money set aside in grants' escrow.
    pub escrow: Amount,
    /// Charges taken but neither paid out nor given back yet.
    pub held: Amount,
}

enum Move {
    In(Amount, String),
    Out(Amount, String),
}

/// What an effect moves in or out of a member's account.
fn movement(effect: &Effect, member: MemberId) -> Option<Move> {
    let movement = match effect {
        // What comes out of escrow left the account when it was set aside.
        Effect::Charged { from, amount, decision, escrow: None } if *from == member => {
            Move::Out(*amount, format!("charged for decision {decision}"))
        }
        Effect::Paid { to, amount, decision } if *to == member => {
            Move::In(*amount, format!("paid for decision {decision}"))
        }
        Effect::Refunded { to, amount, decision } if *to == member => {
            Move::In(*amount, format!("given back for decision {decision}"))
        }
        Effect::Transferred { from, to, amount } if *from == member => {
            Move::Out(*amount, format!("sent to {to}"))
        }
        Effect::Transferred { from, to, amount } if *to == member => {
            Move::In(*amount, format!("received from {from}"))
        }
        Effect::Issued { to, amount } if *to == member => Move::In(*amount, "issued".into()),
        Effect::Redeemed { from, amount } if *from == member => {
            Move::Out(*amount, "redeemed".into())
        }
        Effect::TreasuryPaid { to, amount } if *to == member => {
            Move::In(*amount, "paid by the treasury".into())
        }
        Effect::Escrowed { from, amount, grant } if *from == member => {
            Move::Out(*amount, format!("set aside for grant {grant}"))
        }
        Effect::EscrowReturned { to, amount, grant } if *to == member => {
            Move::In(*amount, format!("returned from grant {grant}"))
        }
        Effect::RuleBought { rule, buyer, price, .. } if *buyer == member => {
            Move::Out(*price, format!("bought rule {rule}"))
        }
        Effect::RuleBought { rule, seller, price, fee, .. } if *seller == member => {
            Move::In(price.minus(*fee).unwrap_or_default(), format!("sold rule {rule}"))
        }
        _ => return None,
    };
    match &movement {
        Move::In(amount, _) | Move::Out(amount, _) if *amount == Amount::ZERO => None,
        _ => Some(movement),
    }
}

/// Drop the oldest events' lines as long as enough are left; how many lines that were.
fn shortened(lines: &mut VecDeque<Line>, limit: usize) -> u64 {
    let mut dropped = 0_u64;
    while let Some(oldest) = lines.front().map(|line| line.event) {
        let of_it = lines.iter().take_while(|line| line.event == oldest).count();
        if lines.len().saturating_sub(of_it) < limit {
            break;
        }
        lines.drain(..of_it);
        dropped = dropped.saturating_add(of_it as u64);
    }
    dropped
}

impl Pdc {
    /// The statement of a member's account.
    ///
    /// # Errors
    /// The log cannot be read, or does not add up to the ledger's balance.
    pub async fn statement(&self, member: MemberId) -> Result<Statement, AccessError> {
        self.statement_page(member, None, MAX_STATEMENT_LINES).await
    }

    /// As [`Pdc::statement`], with the newest movements before an event. An event's movements stay together.
    ///
    /// # Errors
    /// As there.
    pub async fn statement_page(
        &self,
        member: MemberId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Statement, AccessError> {
        let limit = limit.clamp(1, MAX_STATEMENT_LINES);
        let mut lines: VecDeque<Line> = VecDeque::new();
        let mut earlier = 0_u64;
        let mut sums = Sums::default();
        self.for_each_event(|index, event| {
            for effect in &event.effects {
                let Some(movement) = movement(effect, member) else { continue };
                let (credit, debit, what) = match movement {
                    Move::In(amount, what) => (amount, Amount::ZERO, what),
                    Move::Out(amount, what) => (Amount::ZERO, amount, what),
                };
                sums.add(credit, debit);
                if before.is_none_or(|before| index < before) {
                    let (time, balance) = (event.time, Amount::ZERO);
                    lines.push_back(Line { event: index, time, what, credit, debit, balance });
                    sums.listed = sums.all;
                }
            }
            earlier = earlier.saturating_add(shortened(&mut lines, limit));
        })
        .await?;
        let now = self.view(|view| view.state.balance(member)).unwrap_or_default();
        let goes_on = self.log.genesis().predecessor.is_some();
        let brought = sums.brought(now).filter(|brought| goes_on || *brought == Amount::ZERO);
        let brought = brought.ok_or_else(|| {
            let said = format!("the log does not add up to {now}, which the ledger says");
            AccessError::Damaged(said)
        })?;
        sums.balances(brought, &mut lines);
        let sum = |amounts: &mut dyn Iterator<Item = Amount>| {
            amounts.fold(Amount::ZERO, |sum, amount| sum.plus(amount).unwrap_or(sum))
        };
        let escrow = self.view(|view| sum(&mut view.state.escrows_of(member))).unwrap_or_default();
        let held = self.view(|view| sum(&mut view.state.charges_of(member))).unwrap_or_default();
        Ok(Statement { lines: lines.into(), earlier, brought, balance: now, escrow, held })
    }
}

/// What all movements come to, in millionths, beginning from nothing.
#[derive(Debug, Default)]
struct Sums {
    /// After the last one.
    all: i128,
    /// After the last one that is listed.
    listed: i128,
    /// At its lowest.
    least: i128,
}

impl Sums {
    fn add(&mut self, credit: Amount, debit: Amount) {
        self.all = self.all.saturating_add(credit.0.into()).saturating_sub(debit.0.into());
        self.least = self.least.min(self.all);
    }

    /// What there was at the beginning, if there is this now; none if an account would have been below nothing.
    fn brought(&self, now: Amount) -> Option<Amount> {
        let brought = i128::from(now.0).saturating_sub(self.all);
        (brought.saturating_add(self.least) >= 0).then_some(())?;
        u64::try_from(brought).ok().map(Amount)
    }

    /// The balance after each line, from the last one back.
    fn balances(&self, brought: Amount, lines: &mut VecDeque<Line>) {
        let mut after = i128::from(brought.0).saturating_add(self.listed);
        for line in lines.iter_mut().rev() {
            line.balance = Amount(u64::try_from(after).unwrap_or_default());
            after = after.saturating_sub(line.credit.0.into()).saturating_add(line.debit.0.into());
        }
    }
}
