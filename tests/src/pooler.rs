//! `PgBouncer` in transaction mode: all clients share one server connection, each for the length of
//! a transaction.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use postrider::local::process::Process;
use postrider::local::{Postgres, port};
use tokio::net::TcpStream;

use crate::wait::{Observed, wait_until};

/// It starts in milliseconds.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running pooler in front of one database; it ends when it is dropped.
#[derive(Debug)]
pub struct Pooler {
    process: Process,
    port: u16,
    database: String,
}

impl Pooler {
    /// Starts a pooler whose server connection logs in as `user`, whoever its clients say they are.
    ///
    /// # Errors
    ///
    /// It is not installed, or could not be started.
    pub async fn start(
        postgres: &Postgres,
        database: &str,
        user: &str,
        password: &str,
    ) -> Result<Self> {
        let program = installed();
        let program =
            program.context("pgbouncer was not found; install it: apt-get install pgbouncer")?;
        let (port, server_port) = (port::free()?, postgres.port());
        let config = format!(
            "[databases]\n\
             {database} = host=127.0.0.1 port={server_port} user={user} password={password}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = 1\n"
        );
        let file = |extension: &str| postgres.home().join(format!("{database}.{extension}"));
        std::fs::write(file("ini"), config)?;
        let mut command = postgres.command(&program);
        command.arg(file("ini"));
        let process = Process::spawn("pgbouncer", command, &file("log"))?;
        let pooler = Self {
            process,
            port,
            database: database.to_owned(),
        };
        wait_until(
            "the pooler listens",
            START_LIMIT,
            async || match TcpStream::connect(("127.0.0.1", pooler.port)).await {
                Ok(_) => Observed::Reached(()),
                Err(_) => Observed::NotYet(pooler.process.log_tail()),
            },
        )
        .await;
        Ok(pooler)
    }

    /// Where clients connect, without a password.
    pub fn url(&self) -> String {
        format!(
            "postgres://client@127.0.0.1:{}/{}",
            self.port, self.database
        )
    }
}

/// On the path, or where Debian has it, which is on root's path alone.
fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
}
