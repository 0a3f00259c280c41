//! Apache Kafka and Apicurio Registry, fetched once through Maven and kept in the user's cache.
//!
//! Contract: the returned folder is complete and is never written again, so any number of processes
//! may run from it, and a second use needs neither network nor Maven. A download goes to a folder
//! of its own, which is renamed when it is whole; a file lock makes other processes wait for it.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::error::{Error, file_error};
use super::process::run_successfully;
use super::wait::poll_until;

/// The versions, as Maven reads them. Its hash names the cache folder.
const POM: &str = include_str!("pom.xml");

/// 200 MB over a slow line.
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(30);

/// `java -version` and `tar` are done in seconds.
const COMMAND_LIMIT: Duration = Duration::from_mins(2);

const JAVA_VERSION_MIN: u32 = 17;
const INSTALL_JAVA: &str = "apt-get install openjdk-17-jre-headless";
const INSTALL_MAVEN: &str = "apt-get install maven";

/// The programs that run on Java, and the `java` to run them with.
#[derive(Debug, Clone)]
pub(super) struct Artifacts {
    folder: PathBuf,
    java: PathBuf,
}

impl Artifacts {
    /// Takes the artifacts from the cache, after fetching them if they are not there.
    pub(super) async fn provide() -> Result<Self, Error> {
        let java = find_java().await?;
        let cache = cache_folder();
        let folder = cache.join(pom_hash());
        if !folder.is_dir() {
            std::fs::create_dir_all(&cache).map_err(file_error(&cache))?;
            let lock = lock(&cache.join("download.lock")).await?;
            if !folder.is_dir() {
                fetch(&folder).await?;
            }
            drop(lock);
        }
        Ok(Self { folder, java })
    }

    /// `java` with Kafka's classes, ready for a main class and its arguments; `options` go to the
    /// virtual machine.
    pub(super) fn kafka_command(&self, options: &[&str]) -> Command {
        let mut class_path = OsString::from(self.folder.join("kafka"));
        class_path.push("/*");
        let mut command = self.java_command();
        command.args(options).arg("-cp").arg(class_path);
        command
    }

    /// `java -jar` with the registry; `options` go to the virtual machine.
    pub(super) fn registry_command(&self, options: &[&str]) -> Result<Command, Error> {
        let jar = find_file(&self.folder.join("registry"), "-runner.jar")?;
        let mut command = self.java_command();
        command.args(options).arg("-jar").arg(jar);
        Ok(command)
    }

    /// Without performance data: a killed virtual machine would leave that file behind in `/tmp`.
    fn java_command(&self) -> Command {
        let mut command = Command::new(&self.java);
        command.arg("-XX:-UsePerfData");
        command
    }
}

/// `$XDG_CACHE_HOME/postrider` or `~/.cache/postrider`, as the XDG base directory specification
/// says; a relative value is to be ignored. Without a home, the folder for temporary files.
fn cache_folder() -> PathBuf {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("postrider")
}

fn pom_hash() -> String {
    let digest = Sha256::digest(POM.as_bytes());
    let head = digest.first_chunk().expect("a digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*head))
}

/// Waits until this process alone holds the lock; the kernel releases it when the holder dies.
async fn lock(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(file_error(path))?;
    let locked = poll_until(DOWNLOAD_LIMIT, || match file.try_lock() {
        Ok(()) => Some(Ok(())),
        Err(std::fs::TryLockError::WouldBlock) => None,
        Err(std::fs::TryLockError::Error(error)) => Some(Err(error)),
    });
    let timed_out = || Err(ErrorKind::TimedOut.into());
    locked
        .await
        .unwrap_or_else(timed_out)
        .map_err(file_error(path))?;
    Ok(file)
}

/// Fetches everything into `<folder>.partial`, which becomes `folder`. The lock is held.
async fn fetch(folder: &Path) -> Result<(), Error> {
    let partial = folder.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(file_error(&partial))?;
    }
    let (kafka, registry) = (partial.join("kafka"), partial.join("registry"));
    for part in [&kafka, &registry] {
        std::fs::create_dir_all(part).map_err(file_error(part))?;
    }
    let pom = partial.join("pom.xml");
    std::fs::write(&pom, POM).map_err(file_error(&pom))?;

    tracing::info!("fetching Apache Kafka and Apicurio Registry through Maven, once");
    let mut maven = Command::new("mvn");
    maven.args([
        "-q",
        "-B",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
    ]);
    maven
        .arg(prefixed("-DoutputDirectory=", &kafka))
        .arg("-f")
        .arg(&pom);
    maven.current_dir(&partial);
    run_successfully(maven, DOWNLOAD_LIMIT)
        .await
        .map_err(missing("mvn", INSTALL_MAVEN))?;

    let archive = find_file(&kafka, ".tar.gz")?;
    let mut unpack = Command::new("tar");
    unpack
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&registry)
        .arg("--no-same-owner");
    run_successfully(unpack, COMMAND_LIMIT)
        .await
        .map_err(missing("tar", "apt-get install tar"))?;
    std::fs::remove_file(&archive).map_err(file_error(&archive))?;

    std::fs::rename(&partial, folder).map_err(file_error(folder))
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(prefix);
    argument.push(path);
    argument
}

/// The file in `folder` whose name ends in `suffix`.
fn find_file(folder: &Path, suffix: &str) -> Result<PathBuf, Error> {
    let entries = std::fs::read_dir(folder).map_err(file_error(folder))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(suffix))
        .ok_or_else(|| file_error(folder.join(format!("*{suffix}")))(ErrorKind::NotFound.into()))
}

/// Turns "no such program" into the command that installs it.
fn missing(program: &'static str, install: &'static str) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        Error::Spawn { source, .. } if source.kind() == ErrorKind::NotFound => {
            Error::MissingProgram { program, install }
        }
        other => other,
    }
}

/// `$JAVA_HOME/bin/java`, else the one on the path; refused when it is too old.
async fn find_java() -> Result<PathBuf, Error> {
    let in_home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let java = in_home
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from("java"));
    let mut command = Command::new(&java);
    command.arg("-version");
    let answer = run_successfully(command, COMMAND_LIMIT).await;
    let printed = answer.map_err(missing("java", INSTALL_JAVA))?.stderr;
    match java_version(&printed) {
        Some(version) if version >= JAVA_VERSION_MIN => Ok(java),
        _ => Err(Error::OldJava {
            found: printed.lines().next().unwrap_or_default().to_owned(),
        }),
    }
}

/// The major version in the output of `java -version`; before Java 9 it read `1.8`, which gives 1.
fn java_version(printed: &str) -> Option<u32> {
    let quoted = printed
        .lines()
        .find_map(|line| line.split_once(" version \""))?
        .1;
    let digits = quoted.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Classify;

    #[tokio::test]
    async fn a_missing_program_is_named_with_the_command_that_installs_it() {
        let outcome = run_successfully(Command::new("/no/such/mvn"), COMMAND_LIMIT).await;
        let error = outcome.map_err(missing("mvn", INSTALL_MAVEN)).unwrap_err();
        assert_eq!(error.to_string(), "mvn was not found");
        assert_eq!(error.remedy(), "install it: apt-get install maven");
    }

    #[test]
    fn the_java_version_is_found_in_every_vendors_words() {
        let openjdk = "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\" 2025-04-15";
        assert_eq!(java_version(openjdk), Some(17));
        assert_eq!(java_version("java version \"1.8.0_202\""), Some(1));
        assert_eq!(
            java_version("openjdk version \"25-ea\" 2025-09-16"),
            Some(25)
        );
        assert_eq!(java_version("command not found"), None);
    }
}
