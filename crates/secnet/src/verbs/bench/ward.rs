//! A hospital, an owner with sealed records, and as many doctors as a measure needs: the guard, which is on, would
//! rightly hold one doctor who reads hundreds of records in a minute.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use secnet_app::{AccessCall, Enclosures, Outcome, Preview};
use secnet_crypto::{SealKeyPair, SealPublicKey};
use secnet_types::{
    Action, Amount, DatasetId, GrantId, MemberCard, MemberKind, Operation, Party, Purpose,
    RecordId, Scope, ServiceLevel, Signed,
};

use super::wrong;
use crate::actions::{self, Offer, Permission, Wanted};
use crate::failure::Failure;
use crate::ingest;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::system::rng;

/// Protects keys that are thrown away at the end.
pub(super) const PASSPHRASE: &str = "thrown away at the end";
/// Records of the dataset.
const RECORDS: usize = 64;

pub(super) struct Ward<'a> {
    pub node: &'a Node,
    pub hospital: Identity,
    pub owner: Identity,
    dataset: DatasetId,
    records: Vec<RecordId>,
}

impl<'a> Ward<'a> {
    pub(super) async fn begin(node: &'a Node) -> Result<Self, Failure> {
        let hospital = actions::admit(node, "hospital", MemberKind::Organisation, None).await?;
        let owner = member(node, &hospital, "owner").await?;
        let mut records = ingest::sample(ingest::FIRST_SAMPLE)?.records;
        records.retain(|record| record.meta.labels.is_empty());
        records.truncate(RECORDS);
        let dataset = actions::register(node, &owner, &records, &offer(), |_| {}).await?;
        let records = records.into_iter().map(|record| record.meta.id).collect();
        Ok(Self { node, hospital, owner, dataset, records })
    }

    /// A doctor whom the owner has granted to read.
    pub(super) async fn doctor(&self, number: usize) -> Result<(Identity, GrantId), Failure> {
        let doctor = member(self.node, &self.hospital, &format!("doctor-{number}")).await?;
        let permission = Permission {
            dataset: self.dataset,
            to: Party::Member(doctor.member()),
            purposes: [Purpose::Treatment].into(),
            actions: [Action::Read].into(),
            scope: Scope::default(),
            window: actions::days_from_now(30),
            uses: None,
            price: Amount::ZERO,
            emergency: false,
        };
        let grant = actions::grant(self.node, &self.owner, &permission, None).await?;
        Ok((doctor, grant))
    }

    /// The doctor's request for one record; its answer is sealed to this key.
    pub(super) fn call(
        &self,
        doctor: &Identity,
        number: usize,
        receiving: &SealPublicKey,
    ) -> Result<AccessCall, Failure> {
        let record = self.records.get(number % self.records.len().max(1)).copied();
        let record = record.ok_or_else(|| wrong("the dataset is empty"))?;
        let wanted = Wanted {
            dataset: self.dataset,
            action: Action::Read,
            purpose: Purpose::Treatment,
            scope: Scope { records: Some(BTreeSet::from([record])), ..Scope::default() },
            max_price: Amount::ZERO,
            id: actions::fresh_request(),
            proof_for: None,
        };
        let receiving = receiving.to_bytes().to_vec();
        Ok(actions::request_to(
            (self.node.pdc.network(), self.node.pdc.now()),
            doctor,
            &wanted,
            receiving,
        ))
    }

    /// The doctor asks for one record: what became of it, and how long the data centre took.
    pub(super) async fn read(
        &self,
        doctor: &Identity,
        number: usize,
    ) -> Result<(Outcome, Duration), Failure> {
        let receiving = SealKeyPair::generate(&mut rng());
        let call = self.call(doctor, number, &receiving.public)?;
        let start = Instant::now();
        let outcome = self.node.pdc.access(&call).await.map_err(access_failure)?;
        Ok((outcome, start.elapsed()))
    }

    /// Times of decisions alone: asked for and made, not recorded. Each would release.
    pub(super) async fn decisions(
        &self,
        doctors: usize,
        each: usize,
    ) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::with_capacity(doctors.saturating_mul(each));
        for number in 0..doctors {
            let (doctor, _) = self.doctor(number).await?;
            for read in 0..each {
                let receiving = SealKeyPair::generate(&mut rng());
                let call = self.call(&doctor, number + read, &receiving.public)?;
                let start = Instant::now();
                let preview = self.node.pdc.preview(&call).await.map_err(access_failure)?;
                times.push(start.elapsed());
                if !matches!(preview, Preview::Released { .. }) {
                    return Err(wrong("a decision that was measured would not release"));
                }
            }
        }
        Ok(times)
    }

    /// Times of reads that were released, and how many were not.
    pub(super) async fn reads(
        &self,
        doctors: usize,
        each: usize,
    ) -> Result<(Vec<Duration>, usize), Failure> {
        let (mut times, mut others) = (Vec::new(), 0_usize);
        for number in 0..doctors {
            let (doctor, _) = self.doctor(number).await?;
            for read in 0..each {
                match self.read(&doctor, number + read).await? {
                    (Outcome::Released(_), time) => times.push(time),
                    _ => others += 1,
                }
            }
        }
        if times.is_empty() { Err(wrong("no read was released")) } else { Ok((times, others)) }
    }
}

pub(super) fn offer() -> Offer {
    Offer {
        title: "bench".into(),
        price: Amount::ZERO,
        level: ServiceLevel::Sealed,
        purposes: None,
        beneficiaries: Vec::new(),
    }
}

/// A person whom the hospital vouches for; its keys are kept in memory only.
pub(super) async fn member(
    node: &Node,
    hospital: &Identity,
    name: &str,
) -> Result<Identity, Failure> {
    let identity = Identity::generate(name, MemberKind::Person)?;
    let card = MemberCard {
        network: node.pdc.network(),
        kind: MemberKind::Person,
        sealing_key: identity.sealing_digest(),
        voucher: Some(hospital.member()),
    };
    let card = Signed::sign(card, &identity.signing);
    node.pdc.keep_sealing_key(&identity.sealing.public).await.map_err(access_failure)?;
    actions::order(&node.pdc, hospital, Operation::Vouch { card }, Enclosures::default()).await?;
    Ok(identity)
}
