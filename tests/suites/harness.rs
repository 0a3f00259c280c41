//! The ground the other suites stand on: the local servers and the harness itself.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{Observed, Scenario, own_stack, produce, shared_stack, wait_until};
use postrider::local::{Postgres, PostgresOptions, StopMode};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_produced_record_reaches_kafkas_own_consumer() {
    let stack = shared_stack().await.unwrap();
    let servers = stack.kafka.bootstrap_servers();
    stack.kafka.create_topic("console", 3, &[]).await.unwrap();
    produce(&servers, "console", &[("key", "from librdkafka")]).unwrap();
    let arguments = [
        "--bootstrap-server",
        &servers,
        "--topic",
        "console",
        "--from-beginning",
    ];
    let until_one = ["--max-messages", "1", "--timeout-ms", "20000"];
    let consumer = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    let arguments = [&arguments[..], &until_one[..]].concat();
    let output = stack
        .kafka
        .tool(consumer, &arguments, LIMIT * 2)
        .await
        .unwrap();
    assert_eq!(output.stdout.trim(), "from librdkafka", "{}", output.stderr);
}

#[tokio::test]
async fn a_schema_registered_twice_keeps_its_id_and_version() {
    let registry = &shared_stack().await.unwrap().registry;
    let schema = |field: &str| {
        let fields = serde_json::json!([{ "name": field, "type": "long", "default": 0 }]);
        serde_json::json!({ "type": "record", "name": "R", "fields": fields }).to_string()
    };
    let first = registry.register("harness.R", &schema("a")).await.unwrap();
    let second = registry.register("harness.R", &schema("b")).await.unwrap();
    assert_eq!(
        registry.register("harness.R", &schema("a")).await.unwrap(),
        first
    );
    assert_eq!((first.version, second.version), (1, 2));
    assert_ne!(first.id, second.id);
}

#[tokio::test]
async fn committed_rows_survive_a_crash_of_postgresql() {
    let mut postgres = Postgres::start(PostgresOptions::default()).await.unwrap();
    let server = postgres.process().log().parent().unwrap().to_owned();
    postgres.create_database("shop").await.unwrap();
    let (client, connection) =
        tokio_postgres::connect(&postgres.superuser_url("shop"), tokio_postgres::NoTls)
            .await
            .unwrap();
    let work = async move {
        client
            .batch_execute("create table public.kept (i int)")
            .await
            .unwrap();
        client
            .batch_execute("insert into public.kept select generate_series(1, 1000)")
            .await
            .unwrap();
        // Open at the crash, hence rolled back.
        client
            .batch_execute("begin; insert into public.kept values (1001)")
            .await
            .unwrap();
        postgres.crash().unwrap();
        assert_eq!(processes_in(&server), Vec::<u32>::new());
        postgres.restart().await.unwrap();
        postgres
    };
    let (postgres, _) = tokio::join!(work, connection);
    let sum = "do $$ begin assert (select count(*) from public.kept) = 1000; end $$";
    postgres.execute("shop", sum).await.unwrap();
}

#[tokio::test]
async fn a_server_whose_owner_panics_leaves_no_process_no_folder_and_no_port() {
    let postgres = Postgres::start(PostgresOptions::default()).await.unwrap();
    let (port, server) = (
        postgres.port(),
        postgres.process().log().parent().unwrap().to_owned(),
    );
    assert!(!processes_in(&server).is_empty());
    let owner = std::thread::spawn(move || {
        let _owned = postgres;
        panic!("the owner's test failed, on purpose");
    });
    assert!(owner.join().is_err());
    assert_eq!(processes_in(&server), Vec::<u32>::new());
    assert!(!server.exists());
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
}

#[tokio::test]
async fn a_smart_stop_waits_for_an_open_session_and_a_fast_one_does_not() {
    let mut postgres = Postgres::start(PostgresOptions::default()).await.unwrap();
    let url = postgres.superuser_url("postgres");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let work = async {
        assert!(
            postgres
                .stop(StopMode::Smart, Duration::from_secs(1))
                .await
                .is_err()
        );
        postgres.stop(StopMode::Fast, LIMIT).await.unwrap();
    };
    tokio::join!(work, async { drop(connection.await) });
    drop(client);
}

#[tokio::test]
async fn topics_and_records_survive_a_kill_of_kafka() {
    let mut stack = own_stack().await.unwrap();
    let servers = stack.kafka.bootstrap_servers();
    stack.kafka.create_topic("kept", 1, &[]).await.unwrap();
    produce(&servers, "kept", &[("a", "1"), ("b", "2")]).unwrap();
    stack.kafka.kill().unwrap();
    assert!(
        TcpStream::connect(&servers).is_err(),
        "a killed broker listens"
    );
    stack.kafka.restart().await.unwrap();
    produce(&servers, "kept", &[("c", "3")]).unwrap();
    let log = stack
        .kafka
        .log_dir()
        .join("kept-0/00000000000000000000.log");
    let log = log.to_str().unwrap();
    let dump = ["--print-data-log", "--files", log];
    let output = stack
        .kafka
        .tool("kafka.tools.DumpLogSegments", &dump, LIMIT)
        .await
        .unwrap();
    let payloads = output
        .stdout
        .lines()
        .filter(|line| line.contains("payload:"))
        .count();
    assert_eq!(payloads, 3, "{}{}", output.stdout, output.stderr);
}

#[derive(Deserialize)]
struct HeldStack {
    folders: Vec<PathBuf>,
    pids: Vec<u32>,
}

#[tokio::test]
async fn servers_die_with_a_killed_parent() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stack_holder"));
    let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let held: HeldStack = serde_json::from_str(&line).unwrap();
    let running = || {
        held.folders
            .iter()
            .flat_map(|folder| processes_in(folder))
            .collect()
    };
    let before: Vec<u32> = running();
    assert!(
        held.pids.iter().all(|pid| before.contains(pid)),
        "{before:?} {:?}",
        held.pids
    );
    assert!(
        before.len() > held.pids.len(),
        "PostgreSQL has no children: {before:?}"
    );

    // A frozen server cannot obey a signal other than SIGKILL by itself, and must die too.
    let postgres = Pid::from_raw(held.pids[0].cast_signed()).unwrap();
    kill_process(postgres, Signal::STOP).unwrap();
    // Only who stands still already is woken when its group is orphaned.
    let stat = format!("/proc/{}/stat", held.pids[0]);
    wait_until("the server is frozen", LIMIT, async || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        match stat.rsplit(") ").next().unwrap_or_default().as_bytes() {
            [b'T', ..] => Observed::Reached(()),
            _ => Observed::NotYet(stat),
        }
    })
    .await;
    parent.kill().unwrap();
    parent.wait().unwrap();

    wait_until("servers and folders are gone", LIMIT, async || {
        let (processes, folders) = (running(), held.folders.iter().filter(|path| path.exists()));
        match (processes, folders.collect::<Vec<_>>()) {
            (processes, folders) if processes.is_empty() && folders.is_empty() => {
                Observed::Reached(())
            }
            seen => Observed::NotYet(format!("{seen:?}")),
        }
    })
    .await;
}

/// The processes whose working folder is `folder` or lies in it; a server's are all there. The
/// kernel marks a folder that was removed under its process as `/folder (deleted)`.
fn processes_in(folder: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc can be read");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let working_folder = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        working_folder
            .as_os_str()
            .as_bytes()
            .starts_with(folder.as_os_str().as_bytes())
    })
    .collect()
}

#[tokio::test]
async fn each_scenario_has_a_database_a_name_and_topics_of_its_own() {
    let (one, two) = (
        Scenario::new("twin").await.unwrap(),
        Scenario::new("twin").await.unwrap(),
    );
    assert_ne!(one.name(), two.name());
    one.client()
        .await
        .unwrap()
        .batch_execute("create table public.mine ()")
        .await
        .unwrap();
    let tables = "select count(*) from pg_tables where tablename = 'mine'";
    let count: i64 = sqlx::query_scalar(tables)
        .fetch_one(&two.pool().await.unwrap())
        .await
        .unwrap();
    assert_eq!(count, 0);
    assert_ne!(
        one.create_topic("order", 2).await.unwrap(),
        two.create_topic("order", 2).await.unwrap()
    );
}

#[tokio::test]
async fn the_relays_binary_is_built_and_runs() {
    let output = e2e::OneShot::new(&["version", "--json"])
        .run()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
}
