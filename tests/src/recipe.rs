//! The recipes in other languages (`recipes/`): built once, run against a scenario.
//!
//! A recipe is built as its README says, in a copy in the user's cache that is named after its files
//! and its interpreter (`postrider::local::cache`). So nothing is built in the source tree, and a
//! changed recipe is a new build.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use postrider::error::Classify as _;
use postrider::local;
use postrider::local::cache::{self, DOWNLOAD_LIMIT};
use postrider::local::process::{run_installed, run_successfully};

use crate::one_shot::bare_command;
use crate::scenario::Scenario;

/// The longest that a program of a recipe may run, beside other tests.
const LIMIT: Duration = Duration::from_mins(3);

/// Asking an interpreter for its version.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// What a developer's own build leaves beside the sources.
const NO_SOURCES: [&str; 6] = [
    ".venv",
    "__pycache__",
    "node_modules",
    "dist",
    "target",
    "README.md",
];

/// A language, and in it a service that emits (`emit`), one that consumes (`consume`), and a reader
/// that prints what it reads (`dump`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// psycopg and confluent-kafka.
    Python,
    /// pg and `KafkaJS`.
    TypeScript,
    /// JDBC and Kafka's own client.
    Java,
}

impl Recipe {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Python, Self::TypeScript, Self::Java];

    /// The recipe's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::TypeScript => "typescript",
            Self::Java => "java",
        }
    }

    /// What must be installed: a program, and the command that installs all that the recipe needs.
    fn needed(self) -> (&'static str, &'static str) {
        match self {
            Self::Python => ("python3", "apt-get install python3 python3-venv"),
            Self::TypeScript => ("npm", "apt-get install nodejs npm"),
            Self::Java => ("javac", "apt-get install openjdk-17-jdk-headless maven"),
        }
    }

    /// Builds the recipe unless that has been done, and runs one of its programs, which finds the
    /// scenario's servers in its environment. Returns what it printed.
    ///
    /// # Errors
    ///
    /// What the recipe needs is not installed, or does not build; the program failed.
    pub async fn run(
        self,
        scenario: &Scenario,
        program: &str,
        arguments: &[&str],
    ) -> Result<String> {
        let call = || format!("recipe {}: {program} {arguments:?}", self.name());
        let folder = self.provide().await.with_context(call)?;
        let mut command = self.program(&folder, program);
        command
            .args(arguments)
            .current_dir(&folder)
            .env("DATABASE_URL", scenario.database_url())
            .env("KAFKA_BOOTSTRAP_SERVERS", scenario.bootstrap_servers())
            .env("SCHEMA_REGISTRY_URL", scenario.registry_url())
            .env("NO_PROXY", "127.0.0.1");
        let output = run_successfully(command, LIMIT).await.with_context(call)?;
        Ok(output.stdout)
    }

    async fn provide(self) -> Result<PathBuf> {
        let version = self.version().await?;
        let sources = sources(self.name())?;
        let mut origin = version.into_bytes();
        for (path, content) in &sources {
            origin.extend_from_slice(path.as_os_str().as_encoded_bytes());
            origin.extend_from_slice(&content.len().to_be_bytes());
            origin.extend_from_slice(content);
        }
        let name = format!("recipe-{}-{}", self.name(), cache::key(&origin));
        let built = cache::provide(&name, async |folder| {
            copy(&sources, folder).map_err(|source| local::Error::File {
                path: folder.to_owned(),
                source,
            })?;
            for step in self.steps(folder) {
                run_installed(step, DOWNLOAD_LIMIT, self.needed()).await?;
            }
            Ok(())
        });
        built.await.map_err(with_remedy)
    }

    /// What the interpreter says of itself; an error where it is missing.
    async fn version(self) -> Result<String> {
        let (program, _) = self.needed();
        let mut command = Command::new(program);
        command.arg("--version");
        let output = run_installed(command, VERSION_LIMIT, self.needed()).await;
        Ok(output.map_err(with_remedy)?.stdout)
    }

    /// The build, as the recipe's README has it.
    fn steps(self, folder: &Path) -> Vec<Command> {
        let command = |program: &OsStr, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(folder);
            command
        };
        match self {
            Self::Python => vec![
                command("python3".as_ref(), &["-m", "venv", ".venv"]),
                command(
                    folder.join(".venv/bin/python").as_ref(),
                    &[
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--require-hashes",
                        "-r",
                        "requirements.txt",
                    ],
                ),
            ],
            Self::TypeScript => vec![
                command(
                    "npm".as_ref(),
                    &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                ),
                command("npm".as_ref(), &["run", "build"]),
            ],
            Self::Java => vec![command(
                "mvn".as_ref(),
                &["--quiet", "--batch-mode", "compile"],
            )],
        }
    }

    fn program(self, folder: &Path, program: &str) -> Command {
        match self {
            Self::Python => {
                let mut command = bare_command(&folder.join(".venv/bin/python"));
                // The cache is not to be written to, not even by Python's compiler.
                command.arg("-B").arg(format!("{program}.py"));
                command
            }
            Self::TypeScript => {
                let mut command = bare_command(Path::new("node"));
                command.arg(format!("dist/{program}.js"));
                command
            }
            Self::Java => {
                let (head, tail) = program.split_at(1);
                let class = format!("recipes.{}{tail}", head.to_uppercase());
                let mut command = bare_command(Path::new("java"));
                command.args([
                    "-XX:-UsePerfData",
                    "-XX:TieredStopAtLevel=1",
                    "-XX:+UseSerialGC",
                    "-Xmx384m",
                    "-cp",
                    "target/classes:target/dependency/*",
                    &class,
                ]);
                command
            }
        }
    }
}

/// The remedy belongs to the message: that of a missing program is the command that installs it.
fn with_remedy(error: local::Error) -> anyhow::Error {
    let remedy = error.remedy();
    anyhow!(error).context(remedy)
}

/// The files of a recipe with their contents, in the order of their names.
fn sources(name: &str) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../recipes")
        .join(name);
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if NO_SOURCES.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(&root)?.to_owned();
                files.push((path, fs::read(entry.path())?));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn copy(sources: &[(PathBuf, Vec<u8>)], folder: &Path) -> std::io::Result<()> {
    for (path, content) in sources {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("it lies in the folder"))?;
        fs::write(path, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_is_told_with_the_command_that_installs_it() {
        let commands = Recipe::ALL.map(async |recipe| {
            let missing = Command::new("/no/such/program");
            let outcome = run_installed(missing, VERSION_LIMIT, recipe.needed()).await;
            format!("{:#}", with_remedy(outcome.unwrap_err()))
        });
        let [python, typescript, java] = commands;
        assert_eq!(
            [python.await, typescript.await, java.await],
            [
                "install it: apt-get install python3 python3-venv: python3 was not found",
                "install it: apt-get install nodejs npm: npm was not found",
                "install it: apt-get install openjdk-17-jdk-headless maven: javac was not found",
            ]
        );
    }
}
