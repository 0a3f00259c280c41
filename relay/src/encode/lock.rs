//! The contract lock: which registered version an event has that names none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why there is no contract lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file cannot be read.
    #[error("cannot read the contract lock {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file has another form.
    #[error("the contract lock {} is malformed", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
    /// A subject stands there twice.
    #[error("the contract lock {} pins subject {subject:?} twice", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The subject.
        subject: String,
    },
}

/// The pinned version of each subject.
#[derive(Debug, Default)]
pub struct ContractLock(HashMap<String, Pinned>);

/// One subject's pinned version, and what the registry said about it when it was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    subject: String,
    /// The version, from 1.
    pub version: u32,
    /// The registry's id of that version. A registry that answers with another one is not the
    /// registry that was pinned.
    pub id: u32,
    /// The fingerprint of the schema, `sha256:` and 16 hexadecimal digits.
    pub fingerprint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    contract: Vec<Pinned>,
}

impl ContractLock {
    /// Reads a lock file.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let text = std::fs::read_to_string(path).map_err(|source| LockError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file: File = toml::from_str(&text).map_err(|source| LockError::Parse {
            path: path.to_owned(),
            source,
        })?;
        let mut pinned = HashMap::new();
        for contract in file.contract {
            let subject = contract.subject.clone();
            if pinned.insert(subject.clone(), contract).is_some() {
                return Err(LockError::Twice {
                    path: path.to_owned(),
                    subject,
                });
            }
        }
        Ok(Self(pinned))
    }

    /// What is pinned for `subject`.
    pub fn get(&self, subject: &str) -> Option<&Pinned> {
        self.0.get(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ContractLock, LockError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contracts.lock");
        std::fs::write(&path, text).unwrap();
        ContractLock::read(&path)
    }

    const ONE: &str = "[[contract]]\nsubject = \"shop.OrderPlaced\"\nversion = 2\nid = 7\nfingerprint = \"sha256:0011223344556677\"\n";

    #[test]
    fn a_lock_names_the_pinned_version() {
        let lock = read(ONE).unwrap();
        assert_eq!(lock.get("shop.OrderPlaced").unwrap().version, 2);
        assert!(lock.get("other").is_none());
    }

    #[test]
    fn a_malformed_lock_is_refused() {
        assert!(matches!(
            read("[[contract]]\nsubject = 1"),
            Err(LockError::Parse { .. })
        ));
        assert!(matches!(
            read(&format!("{ONE}{ONE}")),
            Err(LockError::Twice { .. })
        ));
        let missing = ContractLock::read(Path::new("does/not/exist"));
        assert!(matches!(missing, Err(LockError::Read { .. })));
    }
}
