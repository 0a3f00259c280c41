//! Brings a registry to what a folder says: looks at everything first, then registers.

use std::sync::Arc;

use outbox_contract::compatibility::{Level, Violation};
use outbox_contract::schema::CompiledSchema;
use serde::Serialize;

use super::folder::Contract;
use crate::encode::{RegisteredSchema, Registration, Registry, RegistryError};

/// What happened to a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// The registry had it.
    AlreadyThere,
    /// The registry has it now.
    Registered,
    /// The registry would take it, and was not asked to.
    WouldBeRegistered,
    /// It does not fit the versions before it.
    Incompatible,
    /// It fits, and was left out because another does not.
    HeldBack,
}

/// A contract and what happened to it.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The registry's subject.
    pub subject: String,
    /// The version in the registry, if it has one there.
    pub version: Option<u32>,
    /// The registry's id, if it has one there.
    pub id: Option<u32>,
    /// Which schema it is.
    pub fingerprint: String,
    /// What happened.
    pub result: Happened,
    /// The file.
    pub file: String,
    /// Why it does not fit, a sentence each.
    pub reasons: Vec<String>,
    /// What is odd about it and no error, a sentence each.
    pub notes: Vec<String>,
}

impl Happened {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::AlreadyThere => "already there",
            Self::Registered => "registered",
            Self::WouldBeRegistered => "would be registered",
            Self::Incompatible => "incompatible",
            Self::HeldBack => "held back",
        }
    }
}

/// Registers the contracts that the registry does not have, in the order of their versions; none
/// of them if one does not fit. With `is_dry_run` it only looks.
pub async fn register(
    registry: &Registry,
    contracts: &[Contract],
    is_dry_run: bool,
) -> Result<Vec<Outcome>, RegistryError> {
    let mut outcomes = Vec::with_capacity(contracts.len());
    for of_subject in contracts.chunk_by(|one, next| one.subject == next.subject) {
        outcomes.extend(look(registry, of_subject).await?);
    }
    let all_fit = outcomes
        .iter()
        .all(|outcome| outcome.result != Happened::Incompatible);
    if !is_dry_run && all_fit {
        carry_out(registry, contracts, &mut outcomes).await?;
    } else if !is_dry_run {
        for outcome in &mut outcomes {
            if outcome.result == Happened::WouldBeRegistered {
                outcome.result = Happened::HeldBack;
            }
        }
    }
    for (outcome, contract) in outcomes.iter_mut().zip(contracts) {
        outcome.note_version(contract.file_version);
    }
    Ok(outcomes)
}

/// What would happen to the contracts of one subject.
async fn look(registry: &Registry, contracts: &[Contract]) -> Result<Vec<Outcome>, RegistryError> {
    let subject = contracts.first().map_or("", |first| &first.subject);
    let there = versions(registry, subject).await?;
    let mut level = None;
    let mut outcomes = Vec::new();
    let mut pending: Vec<&CompiledSchema> = Vec::new();
    for contract in contracts {
        let mut outcome = Outcome::new(contract);
        let known = there
            .iter()
            .find(|known| known.fingerprint == contract.fingerprint());
        if let Some(known) = known {
            outcome.result = Happened::AlreadyThere;
            (outcome.version, outcome.id) = (Some(known.version), Some(known.id));
            outcomes.push(outcome);
            continue;
        }
        let level = match level {
            Some(level) => level,
            None => *level.insert(registry.level(subject).await?),
        };
        // What is before it: the registry's versions, and those that come before it from here.
        let last = there.last().map_or(0, |last| last.version);
        let before = there.iter().map(|known| (known.version, &known.compiled));
        let new = (last + 1..).zip(pending.iter().copied());
        let earlier: Vec<(u32, &CompiledSchema)> = before.chain(new).collect();
        // The registry knows best what it minds, and knows nothing of what is still to come.
        let verdict = if pending.is_empty() && !there.is_empty() {
            let objections = registry.objections(subject, &contract.text).await?;
            Verdict::OfRegistry(objections)
        } else {
            Verdict::Ours
        };
        outcome.judge(&contract.compiled, level, &earlier, verdict);
        pending.push(&contract.compiled);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// The versions of `subject` that can be used, the oldest first.
async fn versions(
    registry: &Registry,
    subject: &str,
) -> Result<Vec<Arc<RegisteredSchema>>, RegistryError> {
    let numbers = match registry.versions(subject).await {
        Err(RegistryError::NotFound { .. }) => return Ok(Vec::new()),
        numbers => numbers?,
    };
    let mut versions = Vec::with_capacity(numbers.len());
    for number in numbers {
        match registry.schema(subject, number).await {
            Ok(schema) => versions.push(schema),
            // A version that cannot be used is none of the folder's.
            Err(
                RegistryError::Unusable { .. }
                | RegistryError::NotFound { .. }
                | RegistryError::NotAvro { .. }
                | RegistryError::ReferenceDepth { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(versions)
}

/// Registers what is to be registered.
async fn carry_out(
    registry: &Registry,
    contracts: &[Contract],
    outcomes: &mut [Outcome],
) -> Result<(), RegistryError> {
    for (outcome, contract) in outcomes.iter_mut().zip(contracts) {
        if outcome.result != Happened::WouldBeRegistered {
            continue;
        }
        match registry.register(&contract.subject, &contract.text).await? {
            Registration::Registered { id, version } => {
                outcome.result = Happened::Registered;
                (outcome.version, outcome.id) = (Some(version), Some(id));
            }
            // Somebody else has registered a version since we looked.
            Registration::Incompatible { reasons } => {
                outcome.result = Happened::Incompatible;
                outcome.reasons = reasons;
            }
        }
    }
    Ok(())
}

/// Who says whether a new version fits.
enum Verdict {
    /// The registry, with what it minds, if anything.
    OfRegistry(Option<Vec<String>>),
    Ours,
}

impl Outcome {
    fn new(contract: &Contract) -> Self {
        Self {
            subject: contract.subject.clone(),
            version: None,
            id: None,
            fingerprint: contract.fingerprint().to_string(),
            result: Happened::WouldBeRegistered,
            file: contract.file.display().to_string(),
            reasons: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Decides whether a new version fits what is before it.
    fn judge(
        &mut self,
        new: &CompiledSchema,
        level: Level,
        earlier: &[(u32, &CompiledSchema)],
        verdict: Verdict,
    ) {
        let violations = level.check(new, earlier.iter().copied());
        let (ours, odd): (Vec<Violation>, Vec<Violation>) = violations
            .into_iter()
            .partition(|violation| violation.incompatibility.breaks_resolution());
        let told =
            |all: &[Violation]| -> Vec<String> { all.iter().map(ToString::to_string).collect() };
        self.notes = told(&odd);
        let reasons = match verdict {
            Verdict::OfRegistry(None) => return,
            Verdict::Ours if ours.is_empty() => return,
            // Ours are the clearer sentences; but both may not see the same.
            Verdict::OfRegistry(Some(reasons)) if ours.is_empty() => reasons,
            Verdict::OfRegistry(Some(_)) | Verdict::Ours => told(&ours),
        };
        self.result = Happened::Incompatible;
        self.reasons = reasons;
        self.reasons
            .push(format!("the compatibility level is {level}"));
    }

    /// Notes that the registry counts otherwise than the files.
    fn note_version(&mut self, file_version: Option<u32>) {
        if let (Some(file_version), Some(version)) = (file_version, self.version)
            && file_version != version
        {
            self.notes.push(format!(
                "it is version {version} in the registry, not {file_version}: \
                 events that say schema_version => {file_version} mean another schema"
            ));
        }
    }
}
