//! What an attacker with a member's key, and everything it has overheard, tries.

use std::sync::Arc;

use secnet_app::Stated;
use secnet_crypto::SigningKey;
use secnet_types::{
    Amount, Category, Command, CommandId, DatasetId, Decision, Digest, Grant, GrantId, Labels,
    Operation, Party, Purpose, Reason, RecordId, RecordMeta, Scope, Signed, SignedCommand,
    Timestamp, Verdict, Window,
};

use crate::cast::{ASKERS, ATTACKER, OWNERS};
use crate::job::Wish;
use crate::plot::{Expect, Wanted};
use crate::properties::Violation;
use crate::run::Broken;
use crate::world::World;

impl World {
    /// One attack, or a harmless look if there is nothing to attack yet.
    pub(crate) fn attack(&mut self) -> Result<Wanted, Violation> {
        let kind = self.chance.below(10);
        let wanted = match kind {
            0 => self.signed_for_another(),
            1 => self.foreign_grant(),
            2 => self.foreign_revoke(),
            3 => self.altered(),
            4 => self.expired(),
            5 => self.replayed(),
            6 => self.stolen_request(),
            7 => self.swapped_detail(),
            8 => self.own_decision(),
            _ => self.smuggled_records()?,
        };
        match wanted {
            Some(wanted) => Ok(wanted),
            None => {
                let member = self.id_of(ATTACKER).ok_or_else(|| Violation::setup("no attacker"))?;
                Ok((Arc::new(Wish::Look(member)), Expect::Any))
            }
        }
    }

    fn forged(
        &mut self,
        author: usize,
        operation: Operation,
        expires: Timestamp,
    ) -> Option<SignedCommand> {
        let signer = if self.broken == Some(Broken::StolenKeys) { author } else { ATTACKER };
        let key = Arc::clone(&self.cast.people.get(signer)?.key);
        self.forged_with(author, operation, expires, &key)
    }

    fn forged_with(
        &mut self,
        author: usize,
        operation: Operation,
        expires: Timestamp,
        key: &SigningKey,
    ) -> Option<SignedCommand> {
        let command = Command {
            network: self.cast.genesis.network(),
            author: self.id_of(author)?,
            id: CommandId(self.chance.bytes()),
            expires,
            operation,
        };
        Some(SignedCommand::sign(command, key))
    }

    fn refused(command: &SignedCommand) -> Wanted {
        (Arc::new(Wish::Submit { command: command.to_bytes() }), Expect::Refused)
    }

    fn soon(&self) -> Timestamp {
        self.now().plus_ms(60_000)
    }

    /// In the owner's name, with the attacker's key.
    fn signed_for_another(&mut self) -> Option<Wanted> {
        let owner = self.chance.pick(&OWNERS)?;
        let operation = Operation::Transfer { to: self.id_of(ATTACKER)?, amount: Amount(1) };
        let expires = self.soon();
        Some(Self::refused(&self.forged(owner, operation, expires)?))
    }

    fn grant_to_attacker(&mut self) -> Option<Grant> {
        let active = self.active();
        let now = self.now();
        let (dataset, _) = self.chance.pick(&active)?;
        Some(Grant {
            dataset,
            grantee: Party::Member(self.id_of(ATTACKER)?),
            window: Window { from: now, until: now.plus_ms(3_600_000) },
            uses: None,
            price: Amount::ZERO,
            emergency: false,
            detail: Digest(self.chance.bytes()),
            wraps: Digest(self.chance.bytes()),
            tenure: self.tenure_of(dataset),
        })
    }

    /// In its own name, on somebody else's dataset.
    fn foreign_grant(&mut self) -> Option<Wanted> {
        let grant = self.grant_to_attacker()?;
        let expires = self.soon();
        Some(Self::refused(&self.forged(ATTACKER, Operation::Grant { grant }, expires)?))
    }

    fn foreign_revoke(&mut self) -> Option<Wanted> {
        let grants: Vec<GrantId> = self.known.grants.keys().copied().collect();
        let grant = self.chance.pick(&grants)?;
        let expires = self.soon();
        let operation = Operation::Revoke { grant, reason: Reason::Misuse };
        Some(Self::refused(&self.forged(ATTACKER, operation, expires)?))
    }

    /// A true command with one bit turned.
    fn altered(&mut self) -> Option<Wanted> {
        let before = self.known.applied.clone();
        let mut command = self.chance.pick(&before)?;
        let at = self.chance.below(command.len());
        let bit = self.chance.below(8);
        *command.get_mut(at)? ^= 1 << bit;
        Some((Arc::new(Wish::Submit { command }), Expect::Refused))
    }

    fn expired(&mut self) -> Option<Wanted> {
        let key = Arc::clone(&self.cast.people.get(ATTACKER)?.key);
        let time = self.view(|view| view.time)?;
        let operation = Operation::CreateGroup;
        Some(Self::refused(&self.forged_with(ATTACKER, operation, time, &key)?))
    }

    fn replayed(&mut self) -> Option<Wanted> {
        let before = self.known.applied.clone();
        let command = self.chance.pick(&before)?;
        Some((Arc::new(Wish::Submit { command }), Expect::Replay))
    }

    /// In an asker's name, signed by the attacker.
    fn stolen_request(&mut self) -> Option<Wanted> {
        let victim = self.chance.pick(&ASKERS)?;
        let active = self.active();
        let dataset = self.chance.pick(&active)?.0;
        let key = Arc::clone(&self.cast.people.get(ATTACKER)?.key);
        let asking = self.call(victim, &key, dataset, Purpose::Treatment, Scope::default())?;
        Some((Arc::new(Wish::Access(Box::new(asking))), Expect::Refused))
    }

    /// A true request with another purpose behind it.
    fn swapped_detail(&mut self) -> Option<Wanted> {
        let active = self.active();
        let (victim, dataset) = (self.chance.pick(&ASKERS)?, self.chance.pick(&active)?.0);
        let key = Arc::clone(&self.cast.people.get(victim)?.key);
        let mut asking = self.call(victim, &key, dataset, Purpose::Treatment, Scope::default())?;
        let mut detail = asking.detail.clone();
        detail.scope.labels = Some(Labels::ALL);
        asking.call.detail = secnet_types::encode(&detail);
        Some((Arc::new(Wish::Access(Box::new(asking))), Expect::Refused))
    }

    /// A decision that no data centre made.
    fn own_decision(&mut self) -> Option<Wanted> {
        let active = self.active();
        let dataset = self.chance.pick(&active)?.0;
        let key = Arc::clone(&self.cast.people.get(ATTACKER)?.key);
        let asking = self.call(ATTACKER, &key, dataset, Purpose::Treatment, Scope::default())?;
        let request = Signed::parse(&asking.call.request).ok()?;
        let grants: Vec<GrantId> = self.known.grants.keys().copied().collect();
        let decision = Decision {
            request,
            height: 0,
            facts: Digest::ZERO,
            policy: Digest::ZERO,
            rules: Digest::ZERO,
            model: Digest::ZERO,
            score: 0,
            verdict: Verdict::Allow {
                grant: self.chance.pick(&grants)?,
                price: Amount::ZERO,
                scope: Digest::ZERO,
                records: 1,
                collect_by: self.soon(),
            },
            lifts: None,
        };
        let expires = self.soon();
        Some(Self::refused(&self.forged(
            ATTACKER,
            Operation::RecordDecision { decision },
            expires,
        )?))
    }

    /// Its own records, brought in as part of somebody else's dataset.
    fn smuggled_records(&mut self) -> Result<Option<Wanted>, Violation> {
        let active = self.active();
        let Some((dataset, _)) = self.chance.pick(&active) else { return Ok(None) };
        let meta = RecordMeta {
            id: RecordId(self.chance.bytes()),
            kind: "Kind0".into(),
            category: Category::Laboratory,
            labels: Labels::NONE,
            period: None,
        };
        let records = vec![(meta, b"smuggled".to_vec())];
        let sealed = self.seal(ATTACKER, dataset, &records)?;
        let metas: Vec<RecordMeta> = records.into_iter().map(|(meta, _)| meta).collect();
        let before = self.alone(self.process.pdc.manifest_of(dataset)).ok();
        let listed = self.list(before.as_ref(), &sealed, &metas);
        let manifest = listed.commitment();
        let (terms, detail) = self.terms();
        let pdc = self.cast.pdc.id;
        let operation = Operation::UpdateDataset { dataset, pdc, terms, manifest };
        let expires = self.soon();
        let Some(command) = self.forged(ATTACKER, operation, expires) else { return Ok(None) };
        self.smuggled
            .insert(metas.iter().map(|meta| meta.id).next().unwrap_or(RecordId([0; 16])), dataset);
        let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
        let wish = Wish::TakeIn { sealed, metas, stated, command };
        Ok(Some((Arc::new(wish), Expect::Refused)))
    }
}

/// Where the smuggled records were to end up.
pub(crate) type Smuggled = std::collections::BTreeMap<RecordId, DatasetId>;
