//! A physical standby, for what a failover does to a relay.

use std::time::Duration;

use super::{HOME, Postgres, SUPERUSER, configure, make_home, text};
use crate::local::error::Error;
use crate::local::folder::Folder;
use crate::local::port;
use crate::local::process::run_successfully;

/// Copying a server of a test takes a second.
const COPY_LIMIT: Duration = Duration::from_mins(1);

const PROMOTION_LIMIT: Duration = Duration::from_mins(1);

impl Postgres {
    /// A standby of this server, on a port of its own; returns when it answers queries. It follows
    /// this server whenever both run, until it is promoted. As every base backup, it has no
    /// replication slots.
    pub async fn start_standby(&self) -> Result<Self, Error> {
        let port = port::free()?;
        let folder = Folder::create()?;
        let home = make_home(folder.path(), self.account)?;
        let data = folder.path().join(HOME).join("data");
        let mut backup = self.command(&self.client_program("pg_basebackup")?);
        backup
            .args(["--checkpoint=fast", "--write-recovery-conf", "--host"])
            .arg(self.home())
            .args(["--port", &self.port.to_string(), "--username", SUPERUSER])
            .arg("--pgdata")
            .arg(&data);
        run_successfully(backup, COPY_LIMIT).await?;
        let own = [
            ("port", port.to_string()),
            ("unix_socket_directories", text(&home)),
        ];
        configure(&data, own.into_iter())?;
        let (binaries, password) = (self.binaries.clone(), self.password.clone());
        Self::launched(binaries, self.account, port, password, folder).await
    }

    /// Makes a standby a primary, on a timeline of its own; returns when it accepts writes.
    pub async fn promote(&self) -> Result<(), Error> {
        let mut command = self.command(&self.client_program("pg_ctl")?);
        let data = self.home().join("data");
        command.args(["promote", "--wait", "-D"]).arg(data);
        run_successfully(command, PROMOTION_LIMIT).await.map(drop)
    }
}
