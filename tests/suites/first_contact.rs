//! `demo` and `dev`: what a newcomer sees first, and what must not stay behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Observed, OneShot, Scenario, wait_until};
use postrider::failpoints::Sabotage;
use postrider::local::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Servers start in seconds; beside other tests it takes longer.
const LIMIT: Duration = Duration::from_mins(3);

/// A temporary folder of its own for what a command starts, so that what is left can be seen.
fn folder() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    // PostgreSQL runs under another account.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn command(arguments: &[&str], folder: &TempDir) -> OneShot {
    let path = folder
        .path()
        .to_str()
        .expect("a temporary folder's name is ASCII");
    OneShot::new(arguments)
        .variable("TMPDIR", path)
        .limit(LIMIT)
}

/// Nothing runs that was started from `folder`, and nothing lies in it.
async fn assert_nothing_is_left(folder: &Path) {
    wait_until("nothing is left", Duration::from_secs(30), async || {
        let files = fs::read_dir(folder)
            .map(Iterator::count)
            .unwrap_or_default();
        match (files, processes(folder)) {
            (0, processes) if processes.is_empty() => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        }
    })
    .await;
}

/// Command lines that name `folder`.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&*folder))
        .collect()
}

async fn wait_for_output(process: &mut Process, text: &str) {
    wait_until(text, LIMIT, async || {
        let log = fs::read_to_string(process.log()).unwrap_or_default();
        let ended = process.exit_status();
        match (log.contains(text), ended) {
            (true, _) => Observed::Reached(()),
            (false, Ok(None)) => Observed::NotYet(log),
            (false, ended) => panic!("{ended:?}: {log}"),
        }
    })
    .await;
}

fn interrupt(process: &Process) -> Result<()> {
    let pid = Pid::from_raw(process.pid().cast_signed()).context("a process has an id")?;
    Ok(kill_process(pid, Signal::INT)?)
}

#[tokio::test]
async fn the_demo_ends_with_the_proof_and_leaves_nothing() -> Result<()> {
    let (folder, java_folder) = (folder()?, tempfile::tempdir()?);
    // Java knows no TMPDIR; what it would leave behind otherwise, it leaves there.
    let java_options = format!("-Djava.io.tmpdir={}", java_folder.path().display());
    let proof = command(&["demo", "--events", "2000"], &folder)
        .variable("JAVA_TOOL_OPTIONS", &java_options)
        .succeed()
        .await?;
    let expected = "committed 2,000   rolled back 100   on Kafka 2,000   lost 0   doubled 0   \
                    out of order 0   p50 ";
    assert!(proof.starts_with(expected), "{proof}");
    assert_nothing_is_left(folder.path()).await;
    assert_eq!(fs::read_dir(java_folder.path())?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn the_awkward_scenario_passes() -> Result<()> {
    let folder = folder()?;
    let arguments = ["demo", "--scenario", "awkward"];
    let proof = command(&arguments, &folder).succeed().await?;
    let expected = "committed 10,326   rolled back 100   on Kafka 10,326   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

#[tokio::test]
async fn a_demo_whose_relay_is_wrong_fails_its_proof() -> Result<()> {
    for fault in Sabotage::EVERYWHERE {
        let folder = folder()?;
        let demo = command(&["demo", "--events", "2000", "--rate", "500"], &folder);
        let output = demo
            .variable("POSTRIDER_SABOTAGE", fault.name())
            .run()
            .await?;
        let said = format!("{}: {}{}", fault.name(), output.stdout, output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.starts_with("committed "), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn an_interrupted_or_killed_demo_leaves_nothing() -> Result<()> {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let (folder, logs) = (folder()?, tempfile::tempdir()?);
        let demo = command(&["demo", "--events", "100000"], &folder);
        let mut demo = demo.spawn(&logs.path().join("log"))?;
        wait_for_output(&mut demo, "first event on Kafka").await;
        assert!(!processes(folder.path()).is_empty());
        match signal {
            Signal::KILL => drop(demo.kill()?),
            Signal::TERM => demo.terminate()?,
            _ => interrupt(&demo)?,
        }
        let status = demo.wait(LIMIT).await?;
        let expected = (signal != Signal::KILL).then_some(130);
        assert_eq!(status.code(), expected, "{signal:?}");
        assert_nothing_is_left(folder.path()).await;
    }
    Ok(())
}

#[tokio::test]
async fn dev_runs_the_whole_path_until_it_is_interrupted() -> Result<()> {
    let (folder, logs) = (folder()?, tempfile::tempdir()?);
    let mut dev = command(&["dev", "--env"], &folder).spawn(&logs.path().join("log"))?;
    wait_for_output(&mut dev, "export SCHEMA_REGISTRY_URL=").await;

    // A second call tells where the first one is, and returns.
    let exports = command(&["dev", "--env"], &folder).succeed().await?;
    assert!(
        fs::read_to_string(dev.log())?.contains(&exports),
        "{exports}"
    );
    let value = |name: &str| -> Result<String> {
        let begin = format!("export {name}=");
        let line = exports.lines().find_map(|line| line.strip_prefix(&begin));
        Ok(line.context("it is exported")?.to_owned())
    };

    // A tombstone needs no schema, and its topic is not there yet.
    let (client, connection) = tokio_postgres::connect(&value("DATABASE_URL")?, NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "this task ends with its client")]
    drop(tokio::spawn(connection));
    let emit = "select outbox.emit(event_type => 'first.Contact', aggregate_type => 'contact', \
                aggregate_id => '1', payload => null::json)";
    client.execute(emit, &[]).await?;
    let log = dev_relay_log(dev.log())?;
    wait_until(
        "the topic is made",
        LIMIT,
        async || match fs::read_to_string(&log) {
            Ok(log) if log.contains("created the topic") => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        },
    )
    .await;
    let verify = command(
        &["verify", "--set", "name=dev", "--patience", "30"],
        &folder,
    );
    let verify = verify
        .variable("DATABASE_URL", &value("DATABASE_URL")?)
        .variable(
            "KAFKA_BOOTSTRAP_SERVERS",
            &value("KAFKA_BOOTSTRAP_SERVERS")?,
        )
        .variable("SCHEMA_REGISTRY_URL", &value("SCHEMA_REGISTRY_URL")?);
    let proof = verify.succeed().await?;
    assert!(
        proof.starts_with("committed 1   on Kafka 1   lost 0"),
        "{proof}"
    );

    interrupt(&dev)?;
    assert_eq!(dev.wait(LIMIT).await?.code(), Some(130));
    assert_nothing_is_left(folder.path()).await;
    Ok(())
}

/// A database that was given is used again and again, and no slot stays in it to keep its log.
#[tokio::test]
async fn dev_leaves_no_slot_in_a_database_that_was_given() -> Result<()> {
    let scenario = Scenario::new("dev_given").await?;
    let client = scenario.client().await?;
    // That of `init`, which is temporary, goes a moment after its session.
    let slots = "select count(*) from pg_replication_slots \
                 where database = current_database() and not temporary";
    for signal in [Signal::KILL, Signal::INT] {
        let (folder, logs) = (folder()?, tempfile::tempdir()?);
        let arguments = ["dev", "--env", "--postgres-url", scenario.database_url()];
        let mut dev = command(&arguments, &folder).spawn(&logs.path().join("log"))?;
        wait_for_output(&mut dev, "export SCHEMA_REGISTRY_URL=").await;
        assert_eq!(client.query_one(slots, &[]).await?.get::<_, i64>(0), 1);
        match signal {
            Signal::KILL => drop(dev.kill()?),
            _ => interrupt(&dev)?,
        }
        dev.wait(LIMIT).await?;
    }
    assert_eq!(client.query_one(slots, &[]).await?.get::<_, i64>(0), 0);
    Ok(())
}

/// Where the greeting says that the relay's log is.
fn dev_relay_log(greeting: &Path) -> Result<String> {
    let greeting = fs::read_to_string(greeting)?;
    let line = greeting
        .lines()
        .find_map(|line| line.trim().strip_prefix("relay log"));
    Ok(line
        .context("the greeting names the log")?
        .trim()
        .to_owned())
}
