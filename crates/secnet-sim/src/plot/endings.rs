//! Consent ended: what must not be released any more.

use std::sync::Arc;

use secnet_ledger::GrantStatus;
use secnet_types::{Change, Denial, DenialId, GrantDetail, GrantId, Operation, Party, Reason};

use super::{Expect, Wanted};
use crate::cast::{ASKERS, GUARDIAN};
use crate::endings::Ending;
use crate::job::Wish;
use crate::world::World;

impl World {
    pub(super) fn revoke(&mut self) -> Option<Wanted> {
        let grants: Vec<GrantId> = self.known.grants.keys().copied().collect();
        let live: Vec<GrantId> = self.view(|view| {
            let active = |id: &GrantId| {
                view.state.grant(*id).is_some_and(|g| g.status == GrantStatus::Active)
            };
            grants.into_iter().filter(active).collect()
        })?;
        let grant = self.chance.pick(&live)?;
        self.revoke_grant(grant)
    }

    pub(super) fn revoke_grant(&mut self, grant: GrantId) -> Option<Wanted> {
        let given = self.known.grants.get(&grant)?;
        let (grantee, dataset) = (given.grantee, given.dataset);
        let owner = self.active().into_iter().find(|(d, _)| *d == dataset)?.1;
        let who = match self.chance.below(8) {
            0..=1 => grantee,
            2..=3 => GUARDIAN,
            _ => owner,
        };
        let reason = Reason::NoLongerWanted;
        let command = self.sign(who, Operation::Revoke { grant, reason })?.to_bytes();
        let expect = self.of_delegate(who).unwrap_or(Expect::Ends(Ending::Revoked(grant)));
        Some((Arc::new(Wish::Submit { command }), expect))
    }

    pub(super) fn deny(&mut self) -> Option<Wanted> {
        let active = self.active();
        let (dataset, owner) = self.chance.pick(&active)?;
        let asker = self.chance.pick(&ASKERS)?;
        let detail = self.chance.one_in(2).then(|| self.detail(false));
        let denial = Denial {
            dataset: self.chance.one_in(2).then_some(dataset),
            party: Party::Member(self.id_of(asker)?),
            window: self.window(),
            even_in_emergency: self.chance.one_in(3),
            detail: detail.as_ref().map(GrantDetail::commitment),
        };
        let ending = match denial.detail {
            // What a part of a denial stops is for the policy to say.
            Some(_) => None,
            None => Some(Ending::Denied {
                owner: self.id_of(owner)?,
                dataset: denial.dataset,
                party: self.id_of(asker)?,
                until: denial.window.until,
                even_in_emergency: denial.even_in_emergency,
            }),
        };
        let command = self.sign(owner, Operation::Deny { denial })?;
        let id = DenialId::derive(command.value.author, command.value.id);
        self.known.denials.insert(id, (owner, ending.clone()));
        let wish = Wish::Order { command, detail, wraps: None };
        Some((Arc::new(wish), ending.map_or(Expect::Any, Expect::Ends)))
    }

    pub(super) fn lift_denial(&mut self) -> Option<Wanted> {
        let denials: Vec<_> = self.known.denials.clone().into_iter().collect();
        let (denial, (owner, ending)) = self.chance.pick(&denials)?;
        self.pardon(ending);
        self.submit(owner, Operation::LiftDenial { denial })
    }

    /// Somebody is about to take this back; when it takes effect is not known until it is acknowledged.
    fn pardon(&mut self, ending: Option<Ending>) {
        if let Some(ending) = ending {
            self.watch.lock().endings.retain(|other| *other != ending);
            self.known.pardoned.push(ending);
        }
    }

    pub(super) fn withdraw(&mut self) -> Option<Wanted> {
        if !self.chance.one_in(3) {
            return None;
        }
        let active = self.active();
        let (dataset, owner) = self.chance.pick(&active)?;
        let command = self.sign(owner, Operation::WithdrawDataset { dataset })?.to_bytes();
        Some((Arc::new(Wish::Submit { command }), Expect::Ends(Ending::Withdrawn(dataset))))
    }

    /// Suspend a requester, or reinstate one.
    pub(super) fn suspend(&mut self) -> Option<Wanted> {
        let suspended = |world: &Self, who| {
            let id = world.id_of(who)?;
            world.view(|view| view.state.member(id).is_some_and(|member| member.suspended))
        };
        let already = ASKERS.into_iter().find(|who| suspended(self, *who) == Some(true));
        let who = match already {
            Some(who) => who,
            None => self.chance.pick(&ASKERS)?,
        };
        let (now, member) = (self.now(), self.id_of(who)?);
        let ending = Ending::Suspended(member);
        let (change, expect) = match already {
            Some(_) => {
                self.pardon(Some(ending));
                (Change::Reinstate(member), Expect::Any)
            }
            None => (Change::Suspend(member), Expect::Ends(ending)),
        };
        let command = self.cast.govern(&mut self.chance, now, change).to_bytes();
        Some((Arc::new(Wish::Submit { command }), expect))
    }
}
