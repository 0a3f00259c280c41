//! A setting of the whole registry that a subject may have for itself.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Whether schemas may be registered and deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) enum Mode {
    #[default]
    ReadWrite,
    ReadOnly,
}

impl Mode {
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
        }
    }
}

impl FromStr for Mode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let modes = [Self::ReadWrite, Self::ReadOnly];
        let found = modes.iter().find(|mode| mode.name() == text);
        found.copied().ok_or(())
    }
}

/// The value for all, and those of single subjects.
#[derive(Debug, Default)]
pub(in super::super) struct Setting<T> {
    global: T,
    of_subjects: BTreeMap<String, T>,
}

impl<T: Copy + Default> Setting<T> {
    /// What holds for `subject`.
    pub(in super::super) fn for_subject(&self, subject: &str) -> T {
        self.of_subject(subject).unwrap_or(self.global)
    }

    /// What `subject` has for itself.
    pub(in super::super) fn of_subject(&self, subject: &str) -> Option<T> {
        self.of_subjects.get(subject).copied()
    }

    /// What holds for subjects that have nothing for themselves.
    pub(in super::super) fn global(&self) -> T {
        self.global
    }

    /// Sets the value of `subject`, or the one for all.
    pub(in super::super) fn set(&mut self, subject: Option<&str>, value: T) {
        match subject {
            Some(subject) => drop(self.of_subjects.insert(subject.to_owned(), value)),
            None => self.global = value,
        }
    }

    /// Takes the value of `subject` away and returns it.
    pub(in super::super) fn remove(&mut self, subject: &str) -> Option<T> {
        self.of_subjects.remove(subject)
    }

    /// Takes the value for all back to its default, and returns what it was.
    pub(in super::super) fn reset(&mut self) -> T {
        std::mem::take(&mut self.global)
    }
}
