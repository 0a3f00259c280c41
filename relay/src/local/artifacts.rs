//! Programs that are fetched once through Maven and kept in the user's cache: Apache Kafka, which
//! runs on Java, and where a test asks for them Apicurio Registry and other versions of PostgreSQL.
//!
//! Contract: that of [`cache`]; a second use needs neither network nor Maven.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cache::{self, DOWNLOAD_LIMIT};
use super::error::{Error, file_error};
use super::process::run_installed;

/// What is fetched, with its version, as Maven reads it. Its hash names the cache folder.
const KAFKA: &str = include_str!("kafka.pom.xml");
const APICURIO: &str = include_str!("apicurio.pom.xml");
const POSTGRES: &str = include_str!("postgres.pom.xml");

/// `java -version` and `tar` are done in seconds.
const COMMAND_LIMIT: Duration = Duration::from_mins(2);

/// What is done with what is fetched (<https://maven.apache.org/plugins/maven-dependency-plugin/>).
const COPY: &str = "dependency:copy-dependencies";
const UNPACK: &str = "dependency:unpack-dependencies";

const JAVA_VERSION_MIN: u32 = 17;
const INSTALL_JAVA: &str = "apt-get install openjdk-17-jre-headless";
const INSTALL_MAVEN: &str = "apt-get install maven";

/// A program that was fetched, and the `java` to run it with.
#[derive(Debug, Clone)]
pub(super) struct Artifacts {
    folder: PathBuf,
    java: PathBuf,
}

/// Whether Kafka is in the cache, so that nobody has to wait for it.
pub(crate) fn has_kafka() -> bool {
    cache::has(&cache::key(KAFKA.as_bytes()))
}

/// The server programs of PostgreSQL: the folder of `bin`, `lib` and `share`.
pub(super) async fn postgres(version: &str) -> Result<PathBuf, Error> {
    let platform = match std::env::consts::ARCH {
        "aarch64" => "linux-arm64v8",
        _ => "linux-amd64",
    };
    let pom = POSTGRES.replace("VERSION", version);
    let pom = pom.replace("PLATFORM", platform);
    let fill = async |partial: &Path| {
        fetch(&pom, UNPACK, partial).await?;
        unpack(partial, ".txz").await
    };
    cache::provide(&cache::key(pom.as_bytes()), fill).await
}

impl Artifacts {
    /// Apache Kafka: a folder of its jars.
    pub(super) async fn kafka() -> Result<Self, Error> {
        let java = find_java().await?;
        let fetch = async |partial: &Path| fetch(KAFKA, COPY, partial).await;
        let folder = cache::provide(&cache::key(KAFKA.as_bytes()), fetch).await?;
        Ok(Self { folder, java })
    }

    /// Apicurio Registry: a folder with a jar that can be run.
    pub(super) async fn apicurio() -> Result<Self, Error> {
        let java = find_java().await?;
        let fetch = async |partial: &Path| {
            fetch(APICURIO, COPY, partial).await?;
            unpack(partial, ".tar.gz").await
        };
        let folder = cache::provide(&cache::key(APICURIO.as_bytes()), fetch).await?;
        Ok(Self { folder, java })
    }

    /// `java` with every jar, ready for a main class and its arguments; `options` go to the virtual
    /// machine, and its temporary files to `temporary`.
    pub(super) fn class_command(&self, options: &[&str], temporary: &Path) -> Command {
        let mut class_path = OsString::from(&self.folder);
        class_path.push("/*");
        let mut command = self.java_command(temporary);
        command.args(options).arg("-cp").arg(class_path);
        command
    }

    /// `java -jar` with the one that can be run; else as [`Artifacts::class_command`].
    pub(super) fn jar_command(&self, options: &[&str], temporary: &Path) -> Result<Command, Error> {
        let jar = find_file(&self.folder, "-runner.jar")?;
        let mut command = self.java_command(temporary);
        command.args(options).arg("-jar").arg(jar);
        Ok(command)
    }

    /// Without performance data, and with native libraries unpacked in a folder that goes: Java knows
    /// no `TMPDIR`, and a killed virtual machine would leave both behind in `/tmp`.
    fn java_command(&self, temporary: &Path) -> Command {
        let mut command = Command::new(&self.java);
        command
            .arg("-XX:-UsePerfData")
            .arg(prefixed("-Djava.io.tmpdir=", temporary));
        command
    }
}

/// Fetches what `pom` names into `folder`, and does `goal` with it.
async fn fetch(pom: &str, goal: &str, folder: &Path) -> Result<(), Error> {
    let file = folder.join("pom.xml");
    std::fs::write(&file, pom).map_err(file_error(&file))?;
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", goal, "-DincludeScope=runtime"]);
    maven
        .arg(prefixed("-DoutputDirectory=", folder))
        .arg("-f")
        .arg(&file);
    maven.current_dir(folder);
    run_installed(maven, DOWNLOAD_LIMIT, ("mvn", INSTALL_MAVEN)).await?;
    Ok(())
}

/// Unpacks the archive in `folder` whose name ends in `suffix` into it.
async fn unpack(folder: &Path, suffix: &str) -> Result<(), Error> {
    let archive = find_file(folder, suffix)?;
    let mut command = Command::new("tar");
    command
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(folder)
        .arg("--no-same-owner");
    run_installed(command, COMMAND_LIMIT, ("tar", "apt-get install tar")).await?;
    std::fs::remove_file(&archive).map_err(file_error(&archive))
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

/// `$JAVA_HOME/bin/java`, else the one on the path; refused when it is too old.
async fn find_java() -> Result<PathBuf, Error> {
    let in_home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let java = in_home
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from("java"));
    let mut command = Command::new(&java);
    command.arg("-version");
    let answer = run_installed(command, COMMAND_LIMIT, ("java", INSTALL_JAVA)).await?;
    let printed = answer.stderr;
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
        let missing = Command::new("/no/such/mvn");
        let outcome = run_installed(missing, COMMAND_LIMIT, ("mvn", INSTALL_MAVEN)).await;
        let error = outcome.unwrap_err();
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
