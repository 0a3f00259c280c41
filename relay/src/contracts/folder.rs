//! Reads a folder of contracts; every problem of every file is reported at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use outbox_contract::fingerprint::Fingerprint;
use outbox_contract::limits;
use outbox_contract::schema::{self, CompiledSchema};

use crate::error::{Action, Chain, Classify};

const EXTENSION: &str = "avsc";

/// One version of one event's schema.
#[derive(Debug)]
pub struct Contract {
    /// The registry's subject: the event type.
    pub subject: String,
    /// Where it was read.
    pub file: PathBuf,
    /// The version that the file's name says; a lone file says none.
    pub file_version: Option<u32>,
    /// The file.
    pub text: String,
    /// The same, compiled.
    pub compiled: CompiledSchema,
}

/// Why a folder is not one of contracts.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be read.
    #[error("cannot read the folder {}", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has no schema.
    #[error("{} has no contracts", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// Some of its files are wrong; all of them.
    #[error("{} of the contracts cannot be used:{}", .0.len(), lines(.0))]
    Files(Vec<FileProblem>),
}

/// A file that is no contract.
#[derive(Debug)]
pub struct FileProblem {
    /// The file or folder.
    pub file: PathBuf,
    /// What is wrong.
    pub error: FileError,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read, or is no text.
    #[error("cannot be read")]
    Read(#[source] std::io::Error),
    /// It is no schema.
    #[error("is no Avro schema")]
    Schema(#[source] schema::Error),
    /// A lone file says by its record which event it is of.
    #[error(
        "has no name: write a record, or put it into a folder that is called like its event type"
    )]
    Nameless,
    /// The event type cannot be one.
    #[error("is of no event type")]
    EventType(#[source] limits::Error),
    /// Files of a folder are called by their versions.
    #[error("is not called like a version: rename it to 1.avsc, 2.avsc, ...")]
    Version,
    /// Two files are the same version of the same event.
    #[error("is the same version of {subject} as {}: remove one, or number them in a folder {subject}", other.display())]
    Twice {
        /// The event type.
        subject: String,
        /// The other file.
        other: PathBuf,
    },
    /// Two versions cannot be told apart.
    #[error("has the fingerprint of {}, so the relay could not tell them apart: remove one", other.display())]
    SameSchema {
        /// The other file.
        other: PathBuf,
    },
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file.display(), Chain(&self.error))
    }
}

fn lines(problems: &[FileProblem]) -> String {
    problems.iter().fold(String::new(), |text, problem| {
        format!("{text}\n  {problem}")
    })
}

impl Classify for FolderError {
    fn action(&self) -> Action {
        match self {
            Self::Read { .. } | Self::Empty { .. } | Self::Files(_) => Action::Refuse,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Read { .. } => "name a folder that is there".to_owned(),
            Self::Empty { path } => {
                format!("write {}/<event type>/1.avsc", path.display())
            }
            Self::Files(_) => "correct the files; nothing was registered".to_owned(),
        }
    }

    fn reason(&self) -> &'static str {
        "contracts"
    }
}

/// Reads the contracts in `folder`, ordered by event type and version.
pub fn read(folder: &Path) -> Result<Vec<Contract>, FolderError> {
    let mut reader = Reader::default();
    for path in entries(folder)? {
        if path.is_dir() {
            reader.event_type(&path)?;
        } else if is_schema(&path) {
            reader.lone_file(&path);
        }
    }
    if !reader.problems.is_empty() {
        return Err(FolderError::Files(reader.problems));
    }
    if reader.contracts.is_empty() {
        let path = folder.to_owned();
        return Err(FolderError::Empty { path });
    }
    Ok(reader.contracts.into_values().collect())
}

#[derive(Default)]
struct Reader {
    /// By subject and version.
    contracts: BTreeMap<(String, u32), Contract>,
    problems: Vec<FileProblem>,
}

impl Reader {
    /// Reads `<folder>/<event type>`.
    fn event_type(&mut self, folder: &Path) -> Result<(), FolderError> {
        let files: Vec<PathBuf> = entries(folder)?;
        let files: Vec<PathBuf> = files.into_iter().filter(|file| is_schema(file)).collect();
        // A folder of other things is none of ours.
        if files.is_empty() {
            return Ok(());
        }
        let subject = name(folder);
        if let Err(error) = limits::check_event_type(&subject) {
            self.note(folder, FileError::EventType(error));
            return Ok(());
        }
        for file in files {
            match version(&file) {
                None => self.note(&file, FileError::Version),
                Some(version) => match compile(&file) {
                    Ok((text, compiled)) => self.add(Contract {
                        subject: subject.clone(),
                        file,
                        file_version: Some(version),
                        text,
                        compiled,
                    }),
                    Err(error) => self.note(&file, error),
                },
            }
        }
        Ok(())
    }

    /// Reads `<folder>/<anything>.avsc`.
    fn lone_file(&mut self, file: &Path) {
        let read = compile(file).and_then(|(text, compiled)| {
            let subject = compiled.name().ok_or(FileError::Nameless)?.to_owned();
            limits::check_event_type(&subject).map_err(FileError::EventType)?;
            Ok(Contract {
                subject,
                file: file.to_owned(),
                file_version: None,
                text,
                compiled,
            })
        });
        match read {
            Ok(contract) => self.add(contract),
            Err(error) => self.note(file, error),
        }
    }

    fn add(&mut self, contract: Contract) {
        let version = contract.file_version.unwrap_or(1);
        let of_subject = (contract.subject.clone(), 0)..=(contract.subject.clone(), u32::MAX);
        let mut versions = self.contracts.range(of_subject).map(|(_, known)| known);
        let fingerprint = contract.compiled.fingerprint();
        let same_schema = |known: &&Contract| known.compiled.fingerprint() == fingerprint;
        if let Some(known) = versions.find(same_schema) {
            let other = known.file.clone();
            return self.note(&contract.file, FileError::SameSchema { other });
        }
        let key = (contract.subject.clone(), version);
        if let Some(known) = self.contracts.get(&key) {
            let (subject, other) = (contract.subject, known.file.clone());
            return self.note(&contract.file, FileError::Twice { subject, other });
        }
        self.contracts.insert(key, contract);
    }

    fn note(&mut self, file: &Path, error: FileError) {
        let file = file.to_owned();
        self.problems.push(FileProblem { file, error });
    }
}

impl Contract {
    /// Which schema it is.
    pub fn fingerprint(&self) -> Fingerprint {
        self.compiled.fingerprint()
    }
}

/// What lies in a folder, in alphabetical order; hidden things do not.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let failed = |source| FolderError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(failed)?;
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn compile(file: &Path) -> Result<(String, CompiledSchema), FileError> {
    let text = std::fs::read_to_string(file).map_err(FileError::Read)?;
    let compiled = CompiledSchema::compile(&text, &[]).map_err(FileError::Schema)?;
    Ok((text, compiled))
}

fn is_schema(file: &Path) -> bool {
    file.extension().is_some_and(|found| found == EXTENSION)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `7` of `7.avsc`.
fn version(file: &Path) -> Option<u32> {
    let digits = file.file_stem()?.to_str()?;
    let begins_well = digits.starts_with(|first: char| ('1'..='9').contains(&first));
    digits.parse().ok().filter(|_| begins_well)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (file, text) in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    fn record(name: &str, fields: &str) -> String {
        format!(r#"{{"type": "record", "name": "{name}", "fields": [{fields}]}}"#)
    }

    const FIELD: &str = r#"{"name": "a", "type": "int", "default": 0}"#;

    #[test]
    fn event_types_and_versions_come_from_folders_and_files_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (record("shop.Paid", ""), record("shop.Paid", FIELD));
        let ten = record("shop.Paid", &FIELD.replace('0', "1"));
        write(
            folder.path(),
            &[
                ("shop.Paid/1.avsc", &one),
                ("shop.Paid/10.avsc", &ten),
                ("shop.Paid/2.avsc", &two),
                ("shop.Paid/README.md", "no schema"),
                ("docs/picture.svg", "none either"),
                (".git/1.avsc", "hidden"),
                ("lone.avsc", &record("shop.Lone", "")),
            ],
        );
        let read = read(folder.path()).unwrap();
        let named = read
            .iter()
            .map(|one| (one.subject.as_str(), one.file_version));
        assert_eq!(
            named.collect::<Vec<_>>(),
            [
                ("shop.Lone", None),
                ("shop.Paid", Some(1)),
                ("shop.Paid", Some(2)),
                ("shop.Paid", Some(10)),
            ]
        );
        assert_eq!(read[1].text, one);
    }

    #[test]
    fn every_problem_is_told_with_its_file_and_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let plain = record("shop.Paid", "");
        write(
            folder.path(),
            &[
                ("9lives/1.avsc", &plain),
                ("a.avsc", &record("shop.Lone", "")),
                ("b.avsc", &record("shop.Lone", FIELD)),
                ("c.avsc", "\"string\""),
                ("postrider.canary/1.avsc", &plain),
                ("shop.Paid/1.avsc", &plain),
                (
                    "shop.Paid/2.avsc",
                    &plain.replace("fields", "doc\": \"d\", \"fields"),
                ),
                ("shop.Paid/3.avsc", "{"),
                ("shop.Paid/4.avsc", &record("shop.Paid", "1")),
                ("shop.Paid/v5.avsc", &plain),
                ("shop.Paid/06.avsc", &plain),
                ("shop.Paid/0.avsc", &plain),
            ],
        );
        let error = read(folder.path()).unwrap_err();
        assert_eq!(error.action(), Action::Refuse);
        let told = error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn a_folder_without_contracts_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(folder.path()),
            Err(FolderError::Empty { .. })
        ));
        let missing = read(&folder.path().join("missing"));
        assert!(matches!(missing, Err(FolderError::Read { .. })));
    }
}
