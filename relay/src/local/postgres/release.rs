//! PostgreSQL of a version that need not be installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::local::artifacts;
use crate::local::error::Error;
use crate::local::process::run_successfully;

/// Copying 60 MB takes a second.
const COPY_LIMIT: Duration = Duration::from_mins(1);

/// A release that is fetched through Maven. It has the server alone: no `pg_basebackup`, no `psql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// PostgreSQL 16.
    V16,
    /// PostgreSQL 17.
    V17,
    /// PostgreSQL 18.
    V18,
}

impl Release {
    /// As Maven calls it.
    fn version(self) -> &'static str {
        match self {
            Self::V16 => "16.11.0",
            Self::V17 => "17.7.0",
            Self::V18 => "18.1.0",
        }
    }

    /// The folder of its programs, which is made in `home`: the server's account may not enter the
    /// cache of ours.
    pub(super) async fn install(self, home: &Path) -> Result<PathBuf, Error> {
        let cached = artifacts::postgres(self.version()).await?;
        let mut copy = Command::new("cp");
        copy.args(["-r", "--"]).arg(cached);
        let folder = home.join("release");
        copy.arg(&folder);
        run_successfully(copy, COPY_LIMIT).await?;
        Ok(folder.join("bin"))
    }
}
