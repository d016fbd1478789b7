//! Before a node serves: a request that must be refused is refused, on the very path that all requests take.
//!
//! The data centre owns one record that nobody can ever open: its keys are thrown away as soon as it is sealed. Nobody is
//! granted it, so policy must deny it, also to its owner, and the denial must be on the ledger. A preview would prove less:
//! it does not go as far as the record and the release.

use secnet_crypto::{SealKeyPair, StreamSuite};
use secnet_ledger::DatasetStatus;
use secnet_lock::{CompartmentKeys, KeysError, UploadError, UploadSpec, seal_upload};
use secnet_types::{
    AccessRequest, Action, Amount, Category, DatasetId, DecisionId, Digest, Labels, Operation,
    Purpose, ReasonClass, RecordId, RecordMeta, RequestDetail, RequestId, Scope, ServiceLevel,
    Signed, SignedCommand, Terms, Timestamp, encode,
};

use crate::upload::{Stated, TermsDetail, Upload};
use crate::{AccessCall, AccessError, DatasetManifest, Door, Outcome, Pdc};

/// How long the request may be answered, in milliseconds.
const REQUEST_LIFETIME_MS: u64 = 60_000;
const TITLE: &str = "canary: what must be refused";

/// Why a data centre must not serve.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// What nobody consented to was released or held.
    #[error("a request that nobody consented to was {0}, not denied: consent is not enforced")]
    NotDenied(&'static str),
    /// It was denied, but for another reason than consent.
    #[error("a request that nobody consented to was denied because of {0}, not of consent")]
    OtherReason(&'static str),
    /// The record could not be sealed.
    #[error("the record that must be refused cannot be sealed")]
    Seal(#[from] UploadError),
    /// Its keys could not be made.
    #[error("the record that must be refused cannot be given a key")]
    Keys(#[from] KeysError),
    /// There was no decision at all.
    #[error("the request that must be refused was not decided")]
    Undecided(#[from] AccessError),
}

impl Pdc {
    /// Make the request that must be refused; the denial that was recorded, if it was not counted together with others.
    ///
    /// # Errors
    /// [`CanaryError`]: whatever it is, the data centre must not serve.
    pub async fn canary(&self) -> Result<Option<DecisionId>, CanaryError> {
        let active = |view: &crate::ports::View<'_>| {
            view.state.datasets_of(self.member).find(|id| {
                let dataset = view.state.dataset(*id);
                dataset.is_some_and(|dataset| dataset.status == DatasetStatus::Active)
            })
        };
        let dataset = match self.view(active).flatten() {
            Some(dataset) => dataset,
            None => self.register_canary().await?,
        };
        match self.access(&self.canary_call(dataset)).await? {
            Outcome::Denied(refusal) if refusal.class == ReasonClass::Consent => {
                Ok(refusal.decision)
            }
            Outcome::Denied(refusal) => Err(CanaryError::OtherReason(refusal.class.as_str())),
            Outcome::Released(_) | Outcome::Projected(_) => Err(CanaryError::NotDenied("released")),
            Outcome::Held(_) => Err(CanaryError::NotDenied("held")),
            Outcome::NotVisible => Err(CanaryError::NotDenied("not seen")),
        }
    }

    fn canary_call(&self, dataset: DatasetId) -> AccessCall {
        let receiving = SealKeyPair::generate(&mut self.rng()).public.to_bytes().to_vec();
        let detail = RequestDetail {
            action: Action::Read,
            purpose: Purpose::Treatment,
            scope: Scope::default(),
            salt: self.random(),
            proof_for: None,
        };
        let request = AccessRequest {
            network: self.network(),
            requester: self.member,
            dataset,
            id: RequestId(self.random()),
            expires: self.clock.now().plus_ms(REQUEST_LIFETIME_MS),
            max_price: Amount::ZERO,
            receiving_key: Digest::of(&receiving),
            detail: detail.commitment(),
        };
        AccessCall {
            request: Signed::sign(request, self.signer.as_ref()).to_bytes(),
            detail: encode(&detail),
            receiving_key: receiving,
            door: Door::InProcess,
            source: None,
        }
    }

    async fn register_canary(&self) -> Result<DatasetId, CanaryError> {
        let detail =
            TermsDetail { title: TITLE.into(), purposes: None, actions: None, salt: self.random() };
        let terms = Terms {
            price: Amount::ZERO,
            level: ServiceLevel::Sealed,
            expires: Timestamp::MAX,
            max_uses: None,
            beneficiaries: Vec::new(),
            detail: detail.commitment(),
        };
        let operation = |manifest| Operation::RegisterDataset {
            pdc: self.member,
            terms: terms.clone(),
            manifest,
        };
        // The id follows from the command's author and id, so the record can be bound to it before it is signed.
        let mut command = self.sign(self.member, operation(Digest::ZERO), self.signer.as_ref());
        let dataset = DatasetId::derive(self.member, command.value.id);
        let uploads = vec![self.seal_canary(dataset)?];
        let manifest = DatasetManifest::of(self.random(), &uploads);
        command.value.operation = operation(manifest.commitment());
        let command = SignedCommand::sign(command.value, self.signer.as_ref());
        let stated = Stated { terms: detail, manifest: Some(manifest), hosting: Vec::new() };
        let (dataset, _) = self.take_in(uploads, &stated, &command).await?;
        Ok(dataset)
    }

    fn seal_canary(&self, dataset: DatasetId) -> Result<Upload, CanaryError> {
        let meta = RecordMeta {
            id: RecordId(self.random()),
            kind: "Basic".into(),
            category: Category::Other,
            labels: Labels::NONE,
            period: None,
        };
        let mut keys = CompartmentKeys::new();
        keys.ensure(self.member, meta.category, meta.labels, &mut self.rng())?;
        let spec = UploadSpec {
            dataset,
            owner: self.member,
            compartments: &keys.directory(),
            // Were it released against all rules, the node in this process would be enough to do it.
            release_nodes: &[self.release.here()],
            threshold: 1,
            suite: StreamSuite::preferred(),
        };
        let content: &[u8] = b"{}";
        let sealed = seal_upload(spec, [(&meta, content)], &mut self.rng())?;
        Ok(Upload { sealed, metas: vec![meta] })
    }
}
