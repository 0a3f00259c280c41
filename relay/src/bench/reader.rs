//! The contender: PostgreSQL's own `pg_recvlogical`, which reads the backlog and throws it away.

use std::process::Command;
use std::time::Duration;

use super::Error;
use super::drain::Bench;
use super::meter::Meter;
use super::report::Drain;
use crate::local::process::Process;

/// `pg_recvlogical` has reached the end and only has to say goodbye.
const END_LIMIT: Duration = Duration::from_secs(10);

/// The default of `postgres.publication`.
const PUBLICATION: &str = "postrider";

/// Reads `slot` up to the backlog's end, with the options of `pgoutput` that the relay uses.
pub(super) async fn drain(bench: &Bench<'_>, slot: &str) -> Result<Drain, Error> {
    let mut command = Command::new(bench.stack.postgres.client_program("pg_recvlogical")?);
    command
        .env_clear()
        .env("LC_ALL", "C")
        .args(["--start", "--no-loop", "--file", "/dev/null"])
        .args(["--dbname", bench.url, "--slot", slot])
        .args(["--endpos", &bench.end.after_last_commit.to_string()]);
    for option in ["proto_version=1", "binary=true", "messages=false"] {
        command.args(["--option", option]);
    }
    command.args(["--option", &format!("publication_names={PUBLICATION}")]);
    let log = bench.folder.join(format!("{slot}.log"));
    let mut process = Process::spawn("pg_recvlogical", command, &log)?;
    // It ends by itself.
    let meter = Meter::new(&mut process, bench.client, slot, bench.limit);
    let drained = meter.observe(async |_| Ok(false)).await?;
    if !process.wait(END_LIMIT).await?.success() {
        return Err(Error::Ended {
            what: process.name().to_owned(),
            log: process.log_tail(),
        });
    }
    Ok(drained)
}
