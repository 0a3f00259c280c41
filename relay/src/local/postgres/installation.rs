//! Where PostgreSQL's server programs are, and the account to run them under.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::local::error::Error;
use crate::local::process::{Output, run, run_successfully};

/// Asking a program for its version takes milliseconds.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// The folders of the programs as the packages of Debian and Red Hat lay them out.
const PACKAGE_FOLDERS: [(&str, &str); 2] = [("/usr/lib/postgresql", "bin"), ("/usr", "bin")];

const INSTALL: &str = "apt-get install postgresql";

/// The folder with `initdb`, `postgres` and `pg_ctl` of the newest installed version.
pub(super) async fn newest() -> Result<PathBuf, Error> {
    let mut newest: Option<(u32, PathBuf)> = None;
    for folder in candidates().await {
        let version = major_version(&folder).await;
        if version > newest.as_ref().map(|(version, _)| *version) {
            newest = version.map(|version| (version, folder));
        }
    }
    let missing = Error::MissingProgram {
        program: "a PostgreSQL server",
        install: INSTALL,
    };
    newest.map(|(_, folder)| folder).ok_or(missing)
}

/// Folders that hold a whole server, the packages' own before links to them elsewhere.
async fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut pg_config = Command::new("pg_config");
    pg_config.arg("--bindir");
    // Without pg_config the other places remain.
    if let Ok(Output { stdout, .. }) = run(pg_config, VERSION_LIMIT).await {
        folders.push(PathBuf::from(stdout.trim()));
    }
    for (parent, bin) in PACKAGE_FOLDERS {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join(bin)));
    }
    folders.extend(
        std::env::var_os("PATH")
            .iter()
            .flat_map(std::env::split_paths),
    );
    folders.retain(|folder| {
        ["initdb", "postgres", "pg_ctl"]
            .iter()
            .all(|program| folder.join(program).is_file())
    });
    folders
}

/// 15 for `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`; `None` for one that cannot run.
async fn major_version(folder: &Path) -> Option<u32> {
    let mut command = Command::new(folder.join("postgres"));
    command.arg("--version");
    let printed = run_successfully(command, VERSION_LIMIT).await.ok()?.stdout;
    parse_major_version(&printed)
}

fn parse_major_version(printed: &str) -> Option<u32> {
    let version = printed.split_whitespace().nth(2)?;
    version
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// An account other than root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Account {
    /// The account to change to: `postgres`, else `nobody`, when this process is root; else none.
    pub(super) fn unprivileged() -> Result<Option<Self>, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(|_| Error::NoAccount)?;
        let account = ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::find(&passwd, name));
        account.map(Some).ok_or(Error::NoAccount)
    }

    /// The entry `name:password:user:group:…` of passwd(5).
    fn find(passwd: &str, name: &str) -> Option<Self> {
        let entry = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = entry
            .split(':')
            .skip(2)
            .map_while(|field| field.parse().ok());
        Some(Self {
            user: numbers.next()?,
            group: numbers.next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        let debian = "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)";
        assert_eq!(parse_major_version(debian), Some(15));
        assert_eq!(
            parse_major_version("postgres (PostgreSQL) 18beta2"),
            Some(18)
        );
        assert_eq!(parse_major_version("bash: postgres"), None);
    }

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:1:1::/:\npostgres:x:101:104::/:";
        let account = Account {
            user: 101,
            group: 104,
        };
        assert_eq!(Account::find(passwd, "postgres"), Some(account));
        assert_eq!(Account::find(passwd, "nobody"), None);
    }
}
