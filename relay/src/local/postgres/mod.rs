//! A temporary PostgreSQL that can be crashed and restarted.
//!
//! Contract: it listens on 127.0.0.1 only, asks for passwords (SCRAM), has `wal_level = logical`
//! and `fsync` on, and keeps its port, its data and its password over a crash or a stop. Its
//! socket lies in a folder that only its own account may enter. Everything goes when it is dropped.

mod installation;
mod release;
mod secured;
mod standby;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures::future::join;
use rand::Rng;
use rand::distr::Alphanumeric;
use rustix::process::Signal;
use tokio_postgres::NoTls;

use super::error::{Error, file_error};
use super::folder::Folder;
use super::port;
use super::process::{Process, run_successfully};
use super::tls::ServerTls;
use super::wait::until_ready;
use installation::Account;
pub use release::Release;

/// The superuser.
pub const SUPERUSER: &str = "postgres";

/// The folder that the server's account owns, in the one that is removed at the end.
const HOME: &str = "postgres";

const INITDB_LIMIT: Duration = Duration::from_mins(1);

/// How long a fast shutdown may take before a restart gives up.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// What differs from PostgreSQL's defaults. `mmap` keeps dynamic shared memory inside the data
/// folder, so that a crash leaves nothing in `/dev/shm`.
const SETTINGS: [(&str, &str); 8] = [
    ("listen_addresses", "127.0.0.1"),
    ("wal_level", "logical"),
    ("max_wal_senders", "20"),
    ("max_replication_slots", "20"),
    ("max_connections", "200"),
    ("dynamic_shared_memory_type", "mmap"),
    ("log_line_prefix", "%m [%p] %q%a "),
    ("timezone", "UTC"),
];

/// How to start a [`Postgres`]. The default is a free port and no further settings.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// The port; a free one if `None`.
    pub port: Option<u16>,
    /// Settings for `postgresql.conf`; they override those of this module.
    pub settings: Vec<(String, String)>,
    /// The superuser's password; a random one if `None`.
    pub password: Option<String>,
    /// Makes the server offer TLS.
    pub tls: Option<ServerTls>,
    /// Lines of `pg_hba.conf` for everybody but the superuser; passwords (SCRAM) when there are none.
    pub host_rules: Vec<String>,
    /// The version; the newest that is installed if `None`.
    pub release: Option<Release>,
}

/// How [`Postgres::stop`] treats the sessions (`pg_ctl stop -m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Waits until every client has left.
    Smart,
    /// Rolls back, disconnects, writes a checkpoint, and waits until walsenders have sent all.
    Fast,
    /// Ends at once; the next start recovers from the write-ahead log.
    Immediate,
}

impl StopMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Smart => "smart",
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        }
    }
}

/// A running, crashed or stopped PostgreSQL server with data of its own.
#[derive(Debug)]
pub struct Postgres {
    // Declared before the folder, hence ended before its data is removed.
    process: Process,
    binaries: PathBuf,
    account: Option<Account>,
    port: u16,
    password: String,
    folder: Folder,
}

impl Postgres {
    /// Makes a new cluster and starts it; returns when it answers a query.
    pub async fn start(options: PostgresOptions) -> Result<Self, Error> {
        let account = Account::unprivileged()?;
        let port = port::free_or(options.port)?;
        let password = options.password.unwrap_or_else(random_password);
        let folder = Folder::create()?;
        let home = make_home(folder.path(), account)?;
        let binaries = match options.release {
            Some(release) => release.install(&home).await?,
            None => installation::newest().await?,
        };
        initialise(&binaries, account, &home, &password).await?;
        let fixed = [
            ("port", port.to_string()),
            ("unix_socket_directories", text(&home)),
        ];
        let settings = SETTINGS
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let wanted = options
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        let data = home.join("data");
        let tls = match &options.tls {
            Some(tls) => secured::write_tls(&data, account, tls)?,
            None => Vec::new(),
        };
        if !options.host_rules.is_empty() {
            secured::write_host_rules(&data, &options.host_rules)?;
        }
        configure(
            &data,
            fixed.into_iter().chain(settings).chain(tls).chain(wanted),
        )?;
        Self::launched(binaries, account, port, password, folder).await
    }

    /// Starts the server whose data is in `folder`, and waits until it answers.
    async fn launched(
        binaries: PathBuf,
        account: Option<Account>,
        port: u16,
        password: String,
        folder: Folder,
    ) -> Result<Self, Error> {
        let process = launch(&binaries, account, &folder.path().join(HOME))?;
        let mut postgres = Self {
            process,
            binaries,
            account,
            port,
            password,
            folder,
        };
        postgres.until_ready().await?;
        Ok(postgres)
    }

    /// The URL of `database` for `user`; in it, `password` is escaped.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        let (user, password) = (escape(user), escape(password));
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/{}",
            self.port,
            escape(database)
        )
    }

    /// The URL of `database` for the superuser.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(SUPERUSER, &self.password, database)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A client program of the server's own version, such as `pg_recvlogical`.
    pub fn client_program(&self, name: &'static str) -> Result<PathBuf, Error> {
        let path = self.binaries.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::MissingProgram {
            program: name,
            install: "apt-get install postgresql-client",
        })
    }

    /// A program beside the server: under its account, in its [`Postgres::home`], and without this
    /// process's environment.
    pub fn command(&self, program: &Path) -> Command {
        server_command(program, self.account, &self.home())
    }

    /// The server process (the postmaster): its id, its log, its usage without its children.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The same, to pause and resume it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Creates an empty database.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        self.execute(
            "postgres",
            &format!("create database {}", quote_identifier(name)),
        )
        .await
    }

    /// Drops a database, and disconnects who uses it. A logical replication slot in it must be
    /// dropped first.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        let statement = format!(
            "drop database if exists {} with (force)",
            quote_identifier(name)
        );
        self.execute("postgres", &statement).await
    }

    /// Runs SQL in `database` as superuser, over a connection of its own.
    pub async fn execute(&self, database: &str, statement: &str) -> Result<(), Error> {
        execute(&self.superuser_url(database), statement)
            .await
            .map_err(|source| Error::Statement {
                statement: statement.to_owned(),
                source,
            })
    }

    /// Kills every process of the server at one instant, as a power cut would; returns when they
    /// are gone. [`Postgres::restart`] brings it back.
    pub fn crash(&mut self) -> Result<(), Error> {
        self.process.kill_with_children()
    }

    /// Stops the server; it is still stopping when `limit` passes first ([`Error::Failed`]).
    pub async fn stop(&mut self, mode: StopMode, limit: Duration) -> Result<(), Error> {
        let home = self.home();
        let mut command = server_command(&self.binaries.join("pg_ctl"), self.account, &home);
        command
            .args(["stop", "-m", mode.as_str(), "-D"])
            .arg(home.join("data"));
        command.args(["-t", &limit.as_secs().max(1).to_string()]);
        run_successfully(command, limit + STOP_LIMIT).await?;
        self.process.wait(STOP_LIMIT).await.map(drop)
    }

    /// Starts the server again on its port and data, after a fast stop if it runs; returns when it
    /// answers a query, that is after crash recovery.
    pub async fn restart(&mut self) -> Result<(), Error> {
        if self.process.exit_status()?.is_none() {
            self.stop(StopMode::Fast, STOP_LIMIT).await?;
        }
        self.process = launch(&self.binaries, self.account, &self.home())?;
        self.until_ready().await
    }

    async fn until_ready(&mut self) -> Result<(), Error> {
        let url = self.superuser_url("postgres");
        until_ready(&mut self.process, || execute(&url, "select 1")).await
    }

    /// The folder that only the server's account may enter.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join(HOME)
    }
}

/// The folder that the server's account owns: its `HOME`, working folder, socket and data.
fn make_home(folder: &Path, account: Option<Account>) -> Result<PathBuf, Error> {
    use std::os::unix::fs::{DirBuilderExt, chown};
    let home = folder.join(HOME);
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&home)
        .map_err(file_error(&home))?;
    if let Some(Account { user, group }) = account {
        chown(&home, Some(user), Some(group)).map_err(file_error(&home))?;
    }
    Ok(home)
}

async fn initialise(
    binaries: &Path,
    account: Option<Account>,
    home: &Path,
    password: &str,
) -> Result<(), Error> {
    // initdb reads the password from a file, and under another account from one it may open.
    let mut password_file = tempfile::NamedTempFile::new_in(home).map_err(file_error(home))?;
    password_file
        .write_all(password.as_bytes())
        .map_err(file_error(home))?;
    if let Some(Account { user, group }) = account {
        std::os::unix::fs::chown(password_file.path(), Some(user), Some(group))
            .map_err(file_error(password_file.path()))?;
    }
    let mut command = server_command(&binaries.join("initdb"), account, home);
    command
        .arg("-D")
        .arg(home.join("data"))
        .args(["-U", SUPERUSER, "--no-sync"]);
    command.args([
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--pwfile",
    ]);
    command
        .arg(password_file.path())
        .args(["--encoding=UTF8", "--no-locale"]);
    run_successfully(command, INITDB_LIMIT).await.map(drop)
}

/// Appends to `postgresql.conf`, where the last of several lines for a setting counts.
fn configure<'a>(
    data: &Path,
    settings: impl Iterator<Item = (&'a str, String)>,
) -> Result<(), Error> {
    let path = data.join("postgresql.conf");
    let lines: Vec<String> = settings
        .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
        .collect();
    let mut file = File::options()
        .append(true)
        .open(&path)
        .map_err(file_error(&path))?;
    file.write_all(lines.concat().as_bytes())
        .map_err(file_error(&path))
}

/// Starts the server. SIGQUIT ends it at once and yet lets it remove its shared memory segment,
/// which would survive SIGKILL.
fn launch(binaries: &Path, account: Option<Account>, home: &Path) -> Result<Process, Error> {
    let mut command = server_command(&binaries.join("postgres"), account, home);
    command.arg("-D").arg(home.join("data"));
    Process::spawn_ended_by(
        Signal::QUIT,
        "postgresql",
        command,
        &home.join("postgresql.log"),
    )
}

/// A program that runs under `account` and sees nothing of this process's environment: the `PG*`
/// variables would redirect it.
fn server_command(program: &Path, account: Option<Account>, home: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C");
    command.current_dir(home);
    if let Some(Account { user, group }) = account {
        command.uid(user).gid(group);
    }
    command
}

/// Connects, runs `statement` and disconnects.
async fn execute(url: &str, statement: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // The client lives in the block, and its end lets the connection say goodbye and return.
    let work = async move { client.batch_execute(statement).await };
    let (outcome, _) = join(work, connection).await;
    outcome
}

/// Quotes a name for SQL.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn escape(part: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    part.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn random_password() -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(24)
        .map(char::from)
        .collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_part_keeps_only_unreserved_characters() {
        assert_eq!(escape("a-b_c.d~1"), "a-b_c.d~1");
        assert_eq!(escape("p@ss:w/rd ü"), "p%40ss%3Aw%2Frd%20%C3%BC");
    }

    #[test]
    fn an_identifier_cannot_break_out_of_its_quotes() {
        assert_eq!(quote_identifier("a\"; drop"), "\"a\"\"; drop\"");
    }
}
