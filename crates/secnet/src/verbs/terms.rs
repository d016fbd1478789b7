//! The terms of a dataset, as `data add`, `data set` and `data accept` take them.

use core::str::FromStr;

use clap::Args;
use secnet_app::TermsDetail;
use secnet_types::{
    Action, Amount, BasisPoints, Beneficiary, MemberId, Purpose, ServiceLevel, Terms, Timestamp,
};

use super::set;
use crate::dates::Moment;
use crate::failure::{Exit, Failure};
use crate::system::random;

#[derive(Debug, Clone, Args)]
pub(crate) struct TermsArgs {
    /// A title, for those who may know of the dataset.
    #[arg(long)]
    title: Option<String>,
    /// List price of one use.
    #[arg(long, value_name = "AMOUNT")]
    price: Option<Amount>,
    /// Who can open records: `sealed`, only grantees, the default; or `hosted`, this data centre as well, so that grants can be
    /// limited to fields.
    #[arg(long, value_name = "LEVEL")]
    level: Option<ServiceLevel>,
    /// Only for this purpose, whatever is granted; can be given several times.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Vec<Purpose>,
    /// Only this action, whatever is granted; can be given several times.
    #[arg(long, value_name = "ACTION")]
    action: Vec<Action>,
    /// No use after this day.
    #[arg(long, value_name = "DAY")]
    until: Option<Moment>,
    /// Every grant must name a number of uses, at most this.
    #[arg(long, value_name = "N")]
    max_uses: Option<u32>,
    /// Who shares in payments, such as `clinic=12.5`: percent after the fee; can be given several times. The owner gets
    /// the rest.
    #[arg(long, value_name = "NAME=PERCENT")]
    beneficiary: Vec<Share>,
}

/// Somebody's share, in percent.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    name: String,
    points: BasisPoints,
}

/// Why a text is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a name and a percentage of at most 100 with two decimals, such as clinic=12.5")]
pub(crate) struct NoShare;

impl FromStr for Share {
    type Err = NoShare;

    fn from_str(text: &str) -> Result<Self, NoShare> {
        let (name, percent) = text.split_once('=').ok_or(NoShare)?;
        // An amount has six decimals, a share two.
        let Amount(micros) = percent.trim_end_matches('%').parse().map_err(|_| NoShare)?;
        let point = Amount::MICROS / 100;
        let whole = micros.is_multiple_of(point).then_some(micros / point).ok_or(NoShare)?;
        let points = u16::try_from(whole).ok().and_then(BasisPoints::new).ok_or(NoShare)?;
        Ok(Self { name: name.to_owned(), points })
    }
}

impl TermsArgs {
    /// The terms of a new dataset.
    pub(crate) fn fresh(
        &self,
        member: impl Fn(&str) -> Result<MemberId, Failure>,
    ) -> Result<(TermsDetail, Terms), Failure> {
        let detail = TermsDetail {
            title: "health records".into(),
            purposes: None,
            actions: None,
            salt: random(),
        };
        let terms = Terms {
            price: Amount::ZERO,
            level: ServiceLevel::Sealed,
            expires: Timestamp::MAX,
            max_uses: None,
            beneficiaries: Vec::new(),
            detail: detail.commitment(),
        };
        self.changed(member, detail, terms)
    }

    /// Of terms that a node elsewhere tells and has signed again: what would be to its own or to others' advantage must have been
    /// named here as well. Who may open records, and who is paid, are the owner's words.
    pub(crate) fn confirm(&self, terms: &Terms) -> Result<(), Failure> {
        if terms.level == ServiceLevel::Hosted && self.level.is_none() {
            return Err(unconfirmed(
                "the node says that the dataset is hosted: that it may open the records",
                "say `--level hosted` if it may, or `--level sealed`",
            ));
        }
        if !terms.beneficiaries.is_empty() && self.beneficiary.is_empty() {
            return Err(unconfirmed(
                "the node says that others share in payments for the dataset",
                "name each with --beneficiary NAME=PERCENT; `secnet data offer` and `rm` need no terms",
            ));
        }
        Ok(())
    }

    /// These terms, with what was named put in their place. `member` says who is meant by a name.
    pub(crate) fn changed(
        &self,
        member: impl Fn(&str) -> Result<MemberId, Failure>,
        mut detail: TermsDetail,
        mut terms: Terms,
    ) -> Result<(TermsDetail, Terms), Failure> {
        detail.purposes = set(&self.purpose).or(detail.purposes);
        detail.actions = set(&self.action).or(detail.actions);
        if let Some(title) = &self.title {
            crate::output::check_plain("title", title)?;
            detail.title.clone_from(title);
        }
        detail.salt = random();
        terms.price = self.price.unwrap_or(terms.price);
        terms.level = self.level.unwrap_or(terms.level);
        terms.expires = self.until.map_or(terms.expires, Moment::end);
        terms.max_uses = self.max_uses.or(terms.max_uses);
        if !self.beneficiary.is_empty() {
            terms.beneficiaries = self
                .beneficiary
                .iter()
                .map(|share| Ok(Beneficiary { member: member(&share.name)?, share: share.points }))
                .collect::<Result<_, Failure>>()?;
        }
        terms.detail = detail.commitment();
        Ok((detail, terms))
    }
}

fn unconfirmed(why: &str, hint: &str) -> Failure {
    Failure::new("not-named", why).hint(hint).exit(Exit::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent_with_two_decimals() {
        for (text, points) in [("a=12.5", 1250), ("a=100%", 10_000), ("a=0.01", 1), ("a=0", 0)] {
            assert_eq!(text.parse::<Share>().unwrap().points.points(), points);
        }
        for text in ["a", "a=", "a=100.01", "a=0.001", "a=-1", "a=x"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
