//! Deletion in two steps: first a version is no longer found unless one asks for deleted ones, then
//! it is gone for good. Its number and its id can only come back after the first step.

use super::super::refusal::Refusal;
use super::{Store, Wanted};

impl Store {
    /// Deletes one version and returns its number.
    pub(in super::super) fn delete_version(
        &mut self,
        subject: &str,
        wanted: Wanted,
        is_permanent: bool,
    ) -> Result<u32, Refusal> {
        let number = self.version(subject, wanted, true)?.version;
        self.check_mode(subject)?;
        let versions = self.subjects.get_mut(subject);
        let version = versions.and_then(|versions| versions.get_mut(&number));
        let version = version.expect("it was found a moment ago");
        let subject_name = subject.to_owned();
        match (version.is_deleted, is_permanent) {
            (true, false) => Err(Refusal::VersionDeleted {
                subject: subject_name,
                version: number,
            }),
            (false, true) => Err(Refusal::VersionNotDeleted {
                subject: subject_name,
                version: number,
            }),
            (false, false) => {
                self.check_unreferenced(subject, number)?;
                self.mark_deleted(subject, number);
                Ok(number)
            }
            (true, true) => {
                self.check_unreferenced(subject, number)?;
                self.remove(subject, number);
                Ok(number)
            }
        }
    }

    /// Deletes every version of a subject and returns their numbers.
    pub(in super::super) fn delete_subject(
        &mut self,
        subject: &str,
        is_permanent: bool,
    ) -> Result<Vec<u32>, Refusal> {
        let numbers = |found: Vec<super::Found<'_>>| -> Vec<u32> {
            found.into_iter().map(|found| found.version).collect()
        };
        let all = self.versions(subject, true).map(numbers)?;
        let live = self.versions(subject, false).map(numbers);
        self.check_mode(subject)?;
        let subject_name = || subject.to_owned();
        match (live, is_permanent) {
            (Ok(_), true) => Err(Refusal::SubjectNotDeleted {
                subject: subject_name(),
            }),
            (Err(_), false) => Err(Refusal::SubjectDeleted {
                subject: subject_name(),
            }),
            (Ok(live), false) => {
                for number in &live {
                    self.check_unreferenced(subject, *number)?;
                }
                for number in &live {
                    self.mark_deleted(subject, *number);
                }
                self.levels.remove(subject);
                self.modes.remove(subject);
                Ok(live)
            }
            (Err(_), true) => {
                for number in &all {
                    self.check_unreferenced(subject, *number)?;
                }
                for number in &all {
                    self.remove(subject, *number);
                }
                Ok(all)
            }
        }
    }

    fn check_unreferenced(&self, subject: &str, version: u32) -> Result<(), Refusal> {
        if self.referrers(subject, version).is_empty() {
            return Ok(());
        }
        Err(Refusal::Referenced {
            subject: subject.to_owned(),
            version,
        })
    }

    fn mark_deleted(&mut self, subject: &str, number: u32) {
        let versions = self.subjects.get_mut(subject);
        if let Some(version) = versions.and_then(|versions| versions.get_mut(&number)) {
            version.is_deleted = true;
        }
    }

    /// Removes a version, its schema if nothing else has it, and its subject if it was the last.
    fn remove(&mut self, subject: &str, number: u32) {
        let Some(versions) = self.subjects.get_mut(subject) else {
            return;
        };
        let Some(version) = versions.remove(&number) else {
            return;
        };
        if versions.is_empty() {
            self.subjects.remove(subject);
        }
        if self
            .uses(version.id, true)
            .is_ok_and(|uses| uses.is_empty())
        {
            self.schemas.remove(&version.id);
        }
    }
}
