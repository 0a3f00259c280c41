//! What the registry keeps: subjects, their versions, and schemas by id. Pure and synchronous.
//!
//! Invariant: a schema has one id in the whole registry, whatever subjects it is in, and an id is
//! never given twice (`ids_are_of_the_whole_registry_and_never_given_twice`).

mod delete;
mod draft;
mod settings;

use std::collections::BTreeMap;

use outbox_contract::compatibility::{Level, Violation};
use outbox_contract::schema::CompiledSchema;

pub(super) use draft::{Draft, Reference, Registration};
pub(super) use settings::{Mode, Setting};

use super::refusal::Refusal;

/// Everything, gone with the process.
#[derive(Debug, Default)]
pub(super) struct Store {
    schemas: BTreeMap<u32, Stored>,
    last_id: u32,
    subjects: BTreeMap<String, BTreeMap<u32, Version>>,
    pub(super) levels: Setting<Level>,
    pub(super) modes: Setting<Mode>,
}

/// A schema, under its id.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) text: String,
    normalized: String,
    pub(super) references: Vec<Reference>,
    compiled: CompiledSchema,
}

#[derive(Debug, Clone, Copy)]
struct Version {
    id: u32,
    is_deleted: bool,
}

/// Which version of a subject is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Latest,
    Number(u32),
}

/// A version that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'s> {
    pub(super) version: u32,
    pub(super) id: u32,
    pub(super) stored: &'s Stored,
}

impl Stored {
    fn is(&self, draft: &Draft, normalize: bool) -> bool {
        let is_text = self.text == draft.text;
        let is_spelled_otherwise = normalize && self.normalized == draft.normalized;
        self.references == draft.references && (is_text || is_spelled_otherwise)
    }
}

impl Store {
    /// The subjects that have a version, in alphabetical order.
    pub(super) fn subjects(&self, is_wanted: impl Fn(bool) -> bool) -> Vec<&str> {
        let is_deleted =
            |versions: &BTreeMap<u32, Version>| versions.values().all(|one| one.is_deleted);
        let wanted = self
            .subjects
            .iter()
            .filter(|(_, versions)| is_wanted(is_deleted(versions)));
        wanted.map(|(subject, _)| subject.as_str()).collect()
    }

    /// The versions of a subject, the oldest first.
    pub(super) fn versions(
        &self,
        subject: &str,
        also_deleted: bool,
    ) -> Result<Vec<Found<'_>>, Refusal> {
        let no_subject = || Refusal::NoSubject {
            subject: subject.to_owned(),
        };
        let versions = self.subjects.get(subject).ok_or_else(no_subject)?;
        let kept = versions
            .iter()
            .filter(|(_, version)| also_deleted || !version.is_deleted);
        let found: Vec<_> = kept
            .map(|(number, version)| Found {
                version: *number,
                id: version.id,
                stored: &self.schemas[&version.id],
            })
            .collect();
        if found.is_empty() {
            return Err(no_subject());
        }
        Ok(found)
    }

    /// One version of a subject.
    pub(super) fn version(
        &self,
        subject: &str,
        wanted: Wanted,
        also_deleted: bool,
    ) -> Result<Found<'_>, Refusal> {
        let versions = self.versions(subject, also_deleted)?;
        let found = match wanted {
            Wanted::Latest => versions.last(),
            Wanted::Number(number) => versions.iter().find(|found| found.version == number),
        };
        found.copied().ok_or_else(|| Refusal::NoVersion {
            version: match wanted {
                Wanted::Latest => "latest".to_owned(),
                Wanted::Number(number) => number.to_string(),
            },
        })
    }

    /// The version of `subject` that is the drafted schema.
    pub(super) fn look_up(
        &self,
        subject: &str,
        draft: &Draft,
        normalize: bool,
        also_deleted: bool,
    ) -> Result<Found<'_>, Refusal> {
        let versions = self.versions(subject, also_deleted)?;
        let mut latest_first = versions.iter().rev();
        let found = latest_first.find(|found| found.stored.is(draft, normalize));
        found.copied().ok_or(Refusal::NoSchema)
    }

    /// Keeps a schema as the next version of `subject`, unless it is one already; returns its id.
    pub(super) fn register(
        &mut self,
        subject: &str,
        draft: Draft,
        normalize: bool,
    ) -> Result<u32, Refusal> {
        check_subject(subject)?;
        if let Ok(found) = self.look_up(subject, &draft, normalize, false) {
            return Ok(found.id);
        }
        self.check_mode(subject)?;
        let earlier = self.versions(subject, false).unwrap_or_default();
        let violations = self.violations(subject, &draft, &earlier);
        if !violations.is_empty() {
            return Err(Refusal::Incompatible {
                subject: subject.to_owned(),
                details: violations.iter().map(ToString::to_string).collect(),
            });
        }
        let mut kept = self.schemas.iter();
        let kept = kept.find(|(_, stored)| stored.is(&draft, false));
        let id = kept.map_or(self.last_id + 1, |(id, _)| *id);
        self.last_id = self.last_id.max(id);
        self.schemas.entry(id).or_insert_with(|| Stored {
            text: draft.text,
            normalized: draft.normalized,
            references: draft.references,
            compiled: draft.compiled,
        });
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        let version = versions.keys().last().map_or(1, |last| last + 1);
        let is_deleted = false;
        versions.insert(version, Version { id, is_deleted });
        Ok(id)
    }

    /// What a registry minds about a new version after the `earlier` ones, the oldest first.
    pub(super) fn violations(
        &self,
        subject: &str,
        draft: &Draft,
        earlier: &[Found<'_>],
    ) -> Vec<Violation> {
        let earlier = earlier
            .iter()
            .map(|found| (found.version, &found.stored.compiled));
        let level = self.levels.for_subject(subject);
        let mut violations = level.check(&draft.compiled, earlier);
        violations.retain(|violation| violation.incompatibility.breaks_resolution());
        violations
    }

    /// The schema with this id.
    pub(super) fn schema(&self, id: u32) -> Result<&Stored, Refusal> {
        let found = self.schemas.get(&id);
        found.ok_or(Refusal::NoSchemaWithId { id })
    }

    /// The subjects and versions that have the schema with this id.
    pub(super) fn uses(&self, id: u32, also_deleted: bool) -> Result<Vec<(&str, u32)>, Refusal> {
        self.schema(id)?;
        let versions = self.subjects.iter().flat_map(|(subject, versions)| {
            let versions = versions.iter();
            versions.map(move |(number, version)| (subject.as_str(), *number, version))
        });
        let uses = versions
            .filter(|(.., version)| version.id == id && (also_deleted || !version.is_deleted));
        Ok(uses.map(|(subject, number, _)| (subject, number)).collect())
    }

    /// The ids of the schemas that refer to a version.
    pub(super) fn referrers(&self, subject: &str, version: u32) -> Vec<u32> {
        let refers = |stored: &Stored| {
            let mut references = stored.references.iter();
            references.any(|one| one.subject == subject && one.version == i64::from(version))
        };
        let referring = self.schemas.iter().filter(|(_, stored)| refers(stored));
        let is_live = |id: &u32| self.uses(*id, false).is_ok_and(|uses| !uses.is_empty());
        referring.map(|(id, _)| *id).filter(is_live).collect()
    }

    fn check_mode(&self, subject: &str) -> Result<(), Refusal> {
        match self.modes.for_subject(subject) {
            Mode::ReadWrite => Ok(()),
            Mode::ReadOnly => Err(Refusal::ReadOnly {
                subject: subject.to_owned(),
            }),
        }
    }
}

/// Refuses names that Confluent's registry refuses: nothing, and what cannot be printed.
fn check_subject(subject: &str) -> Result<(), Refusal> {
    let reserved = ["__GLOBAL", "__EMPTY"];
    if subject.is_empty() || reserved.contains(&subject) || subject.contains(char::is_control) {
        return Err(Refusal::InvalidSubject {
            subject: subject.to_owned(),
        });
    }
    Ok(())
}
