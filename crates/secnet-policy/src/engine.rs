//! The seam to Cedar: the schema, entities, requests, one evaluation.

use std::sync::{Arc, LazyLock};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression, Schema,
};
use secnet_types::{Action, MemberId, Party, Purpose, RecordMeta};

use crate::compile::Compiled;
use crate::conditions::data_time;
use crate::text::{long, max_price_long};
use crate::{CompiledConsent, PolicyName, Question};

/// The schema that every compiled policy is validated against.
pub(crate) const SCHEMA_TEXT: &str = include_str!("secnet.cedarschema");

/// The parsed schema. The text is part of the program, so a test shows that it parses.
pub(crate) static SCHEMA: LazyLock<Option<Schema>> =
    LazyLock::new(|| SCHEMA_TEXT.parse::<Schema>().ok());

static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);

static TYPES: LazyLock<Option<Types>> = LazyLock::new(|| {
    let name = |text: &str| text.parse::<EntityTypeName>().ok();
    let action = |a: Action| Some(uid(&name("Action")?, a.as_str()));
    Some(Types {
        member: name("Member")?,
        group: name("Group")?,
        organisation: name("Organisation")?,
        dataset: name("Dataset")?,
        selection: name("Selection")?,
        grant: name("Grant")?,
        other: uid(&name("Member")?, "other"),
        record: uid(&name("Record")?, "asked"),
        read: action(Action::Read)?,
        export: action(Action::Export)?,
        compute: action(Action::Compute)?,
    })
});

/// Parsed names: parsing is what costs.
struct Types {
    member: EntityTypeName,
    group: EntityTypeName,
    organisation: EntityTypeName,
    dataset: EntityTypeName,
    selection: EntityTypeName,
    grant: EntityTypeName,
    /// Who is named by no policy.
    other: EntityUid,
    /// The record asked for. No policy names one by its id, so one name does for all.
    record: EntityUid,
    read: EntityUid,
    export: EntityUid,
    compute: EntityUid,
}

impl Types {
    fn action(&self, action: Action) -> EntityUid {
        match action {
            Action::Read => self.read.clone(),
            Action::Export => self.export.clone(),
            Action::Compute => self.compute.clone(),
        }
    }
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

/// Why nothing could be decided. It is a hold, never an allow.
pub(crate) type Fault = String;

const NO_SCHEMA: &str = "the policy schema does not parse";

/// The entity of a dataset.
pub(crate) fn dataset_uid(id: secnet_types::DatasetId) -> Option<EntityUid> {
    TYPES.as_ref().map(|types| uid(&types.dataset, &id.to_string()))
}

/// The entity of the record ids that a policy names.
pub(crate) fn selection_uid(name: &PolicyName) -> Option<EntityUid> {
    TYPES.as_ref().map(|types| uid(&types.selection, &name.to_string()))
}

/// The entity of a party.
pub(crate) fn party_uid(party: Party) -> Option<EntityUid> {
    let types = TYPES.as_ref()?;
    Some(match party {
        Party::Member(id) => uid(&types.member, &id.to_string()),
        Party::Group(id) => uid(&types.group, &id.to_string()),
        Party::Organisation(id) => uid(&types.organisation, &id.to_string()),
    })
}

/// A requester with its parties, as entities.
#[derive(Debug)]
pub(crate) struct Principal {
    requester: MemberId,
    parties: Vec<Party>,
    uid: EntityUid,
    entities: Entities,
}

impl Principal {
    /// Only the parties that some policy names are made entities: no other can matter.
    pub(crate) fn new(consent: &CompiledConsent, question: &Question) -> Result<Self, Fault> {
        let types = TYPES.as_ref().ok_or(NO_SCHEMA)?;
        let known = consent.known_party(&Party::Member(question.requester));
        let uid = known.unwrap_or(&types.other).clone();
        let parents = question
            .parties
            .iter()
            .filter(|party| !matches!(party, Party::Member(_)))
            .filter_map(|party| consent.known_party(party).cloned());
        let entity =
            Entity::new_with_tags(uid.clone(), [], parents, []).map_err(|e| e.to_string())?;
        Ok(Self {
            requester: question.requester,
            parties: question.parties.clone(),
            uid,
            entities: Entities::from_entities([entity], None).map_err(|e| e.to_string())?,
        })
    }

    /// Is it the one who asks?
    pub(crate) fn asks(&self, question: &Question) -> bool {
        self.requester == question.requester && self.parties == question.parties
    }
}

/// Under which kind of grants a question is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Emergency grants only; ordinary denials do not bind.
    BreakGlass,
    /// All other grants; everything binds.
    Ordinary,
}

impl Mode {
    /// The modes that a question for this purpose is judged in.
    pub(crate) const fn of(purpose: Purpose) -> &'static [Self] {
        match purpose {
            Purpose::Emergency => &[Self::BreakGlass, Self::Ordinary],
            _ => &[Self::Ordinary],
        }
    }
}

/// A question in Cedar's terms, ready to be asked of many records.
pub(crate) struct Prepared<'a> {
    consent: &'a CompiledConsent,
    purpose: Purpose,
    action: Action,
    mode: Mode,
    principal: Arc<Principal>,
    context: Context,
}

/// What one evaluation says.
pub(crate) enum Outcome<'a> {
    /// These permit and nothing forbids.
    Permitted(Vec<&'a Compiled>),
    /// These forbid; nothing permits if there are none.
    Refused(Vec<&'a Compiled>),
}

impl<'a> Prepared<'a> {
    /// Prepare a question.
    pub(crate) fn new(
        consent: &'a CompiledConsent,
        question: &Question,
        mode: Mode,
        principal: Arc<Principal>,
    ) -> Result<Self, Fault> {
        let types = TYPES.as_ref().ok_or(NO_SCHEMA)?;
        let context = context(consent, question, mode, types)?;
        let (purpose, action) = (question.purpose, question.action);
        Ok(Self { consent, purpose, action, mode, principal, context })
    }

    /// Ask it of one record.
    pub(crate) fn ask(&self, record: &RecordMeta) -> Result<Outcome<'a>, Fault> {
        let policies =
            self.consent.policies_for(self.purpose, self.action, self.mode, record.category)?;
        let (request, entities) = self.arguments(record)?;
        let response = AUTHORIZER.is_authorized(&request, policies, &entities);
        let diagnostics = response.diagnostics();
        if let Some(error) = diagnostics.errors().next() {
            return Err(error.to_string());
        }
        let mut reasons = Vec::with_capacity(2);
        for id in diagnostics.reason() {
            let reason = self.consent.policy(id).ok_or_else(|| format!("unknown policy `{id}`"))?;
            reasons.push(reason);
        }
        Ok(match response.decision() {
            Decision::Allow => Outcome::Permitted(reasons),
            Decision::Deny => Outcome::Refused(reasons),
        })
    }

    /// The request and the entities, without validation: a test shows that they conform to the schema.
    pub(crate) fn arguments(&self, record: &RecordMeta) -> Result<(Request, Entities), Fault> {
        let types = TYPES.as_ref().ok_or(NO_SCHEMA)?;
        let entity = record_entity(self.consent, types.record.clone(), record)?;
        let principal = &self.principal;
        let entities =
            principal.entities.clone().add_entities([entity], None).map_err(|e| e.to_string())?;
        let (uid, action) = (principal.uid.clone(), types.action(self.action));
        let request = Request::new(uid, action, types.record.clone(), self.context.clone(), None)
            .map_err(|e| e.to_string())?;
        Ok((request, entities))
    }
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn record_entity(
    consent: &CompiledConsent,
    resource: EntityUid,
    record: &RecordMeta,
) -> Result<Entity, Fault> {
    let labels = record.labels.iter().map(|label| text(label.as_str()));
    let period = data_time(record.period);
    let (from, until) = period.map_or((0, 0), |p| (long(p.from), long(p.until)));
    let attributes = [
        ("kind".to_owned(), text(&record.kind)),
        ("category".to_owned(), text(record.category.as_str())),
        ("labels".to_owned(), RestrictedExpression::new_set(labels)),
        ("dated".to_owned(), RestrictedExpression::new_bool(period.is_some())),
        ("from".to_owned(), RestrictedExpression::new_long(from)),
        ("until".to_owned(), RestrictedExpression::new_long(until)),
    ];
    let parents = consent.record_parents(record.id).cloned();
    Entity::new_with_tags(resource, attributes, parents, []).map_err(|e| e.to_string())
}

fn context(
    consent: &CompiledConsent,
    question: &Question,
    mode: Mode,
    types: &Types,
) -> Result<Context, Fault> {
    let used_up = consent
        .used_up(question)
        .map(|id| RestrictedExpression::new_entity_uid(uid(&types.grant, &id.to_string())));
    let fields = question.fields.iter().flat_map(|fields| fields.iter().map(|f| text(f)));
    Context::from_pairs([
        ("purpose".to_owned(), text(question.purpose.as_str())),
        ("time".to_owned(), RestrictedExpression::new_long(long(question.time))),
        ("maxPrice".to_owned(), RestrictedExpression::new_long(max_price_long(question.max_price))),
        ("usedUp".to_owned(), RestrictedExpression::new_set(used_up)),
        ("breakGlass".to_owned(), RestrictedExpression::new_bool(mode == Mode::BreakGlass)),
        ("fieldsNamed".to_owned(), RestrictedExpression::new_bool(question.fields.is_some())),
        ("fields".to_owned(), RestrictedExpression::new_set(fields)),
    ])
    .map_err(|e| e.to_string())
}
