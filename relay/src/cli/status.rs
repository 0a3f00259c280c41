//! `postrider status`: asks the running relay how it is.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use super::exit::{self, fail};
use crate::error::Chain;
use crate::figures::readable_bytes;
use crate::pipeline::Settings;
use crate::telemetry::Status;

/// The relay answers within 2 s even while PostgreSQL does not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

const WATCH_EVERY: Duration = Duration::from_secs(1);

/// How the running relay is: state, lag, slot, last commit, last error and its remedy.
///
/// Asks the relay that runs with this configuration, over HTTP at `http.listen`, and changes
/// nothing. Exit code 5 when none answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  postrider status --watch")]
pub(super) struct Options {
    /// As JSON, one object a line: what the relay answers at `/status`.
    #[arg(long)]
    json: bool,
    /// Ask again every second, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

/// Prints what the relay at `http.listen` answers.
pub(super) async fn run(settings: &Settings, options: &Options) -> ExitCode {
    let url = url(settings.http_listen);
    loop {
        let code = match ask(&url).await {
            Ok(status) => {
                // The reader has gone, as `head` does: there is nobody to tell.
                if print(&status, options.json).is_err() {
                    return ExitCode::SUCCESS;
                }
                ExitCode::SUCCESS
            }
            Err(error) => fail(
                exit::UNREACHABLE,
                &format!("no relay answers at {url}: {}", Chain(&error)),
                "start it with `postrider run`, or say where it listens: --set http.listen=IP:PORT",
            ),
        };
        if !options.watch {
            return code;
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

/// Where a relay that listens on `listen` is asked; one on all interfaces is on this machine.
fn url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}/status", SocketAddr::new(ip, listen.port()))
}

async fn ask(url: &str) -> Result<Status, reqwest::Error> {
    // reqwest asks for a provider even without TLS; one that is there already serves as well.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(ANSWER_TIMEOUT)
        .build()?;
    let answer = client.get(url).send().await?.error_for_status()?;
    answer.json().await
}

fn print(status: &Status, json: bool) -> io::Result<()> {
    let text = if json {
        serde_json::to_string(status).expect("a status has only texts and numbers")
    } else {
        table(status)
    };
    writeln!(io::stdout(), "{text}")
}

const UNKNOWN: &str = "unknown";

fn bytes(bytes: Option<u64>) -> String {
    bytes.map_or(UNKNOWN.to_owned(), readable_bytes)
}

/// `reserved` says no more than that all is well.
fn slot(status: &Status) -> String {
    let retained = bytes(status.slot_retained_wal_bytes);
    let mut text = format!("{}, retained WAL {retained}", status.slot);
    if let Some(share) = status.slot_wal_budget_share {
        let (budget, percent) = (bytes(status.slot_wal_budget_bytes), share * 100.0);
        text = format!("{text} of at most {budget} ({percent:.0} %)");
    }
    match status.slot_wal_status.as_deref() {
        None | Some("reserved") => text,
        Some(wal_status) => format!("{text}, {wal_status}"),
    }
}

fn table(status: &Status) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let reason = status.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    let mut rows = vec![
        ("relay", format!("{} {}", status.name, status.version)),
        (
            "state",
            format!(
                "{}{reason} since {}",
                status.state.name(),
                text(&status.since)
            ),
        ),
        (
            "lag",
            format!(
                "WAL {}, events read and waiting {}, oldest {:.1} s",
                bytes(status.slot_lag_bytes),
                status.events_waiting,
                status.oldest_unpublished_seconds
            ),
        ),
        ("slot", slot(status)),
        ("publication", status.publication.clone()),
        (
            "position",
            status
                .resume_lsn
                .map_or(UNKNOWN.to_owned(), |lsn| lsn.to_string()),
        ),
        ("last commit", text(&status.last_commit_at)),
        (
            "published",
            format!(
                "events {}, dead letters {}, last at {}",
                status.events_published,
                status.dead_letters,
                text(&status.last_kafka_commit_at)
            ),
        ),
    ];
    if let Some(transaction) = &status.slot_held_back_by {
        rows.push(("held back by", transaction.to_string()));
    }
    if let Some(failure) = &status.last_error {
        rows.push(("last error", failure.error.clone()));
        let at = format!("at {}", text(&failure.at));
        if status.reason.is_some() {
            rows.push(("", at));
            rows.push(("remedy", failure.remedy.clone()));
            rows.push(("runbook", failure.runbook.clone()));
        } else {
            rows.push(("", format!("{at}, over")));
        }
    }
    let mut table = String::new();
    for (name, value) in rows {
        writeln!(table, "{name:<12} {value}").expect("writing to a string cannot fail");
    }
    table.truncate(table.trim_end().len());
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsn::Lsn;
    use crate::telemetry::{Failure, OpenTransaction, State, Vitals};

    fn status() -> Status {
        Status {
            since: Some("2026-01-02T03:04:05.000000Z".to_owned()),
            version: "1.2.3".to_owned(),
            ..Vitals::new("orders", "postrider_orders", "postrider").status(None)
        }
    }

    #[test]
    fn a_relay_that_just_started_has_no_positions() {
        insta::assert_snapshot!(table(&status()), @r"
        relay        orders 1.2.3
        state        starting since 2026-01-02T03:04:05.000000Z
        lag          WAL unknown, events read and waiting 0, oldest 0.0 s
        slot         postrider_orders, retained WAL unknown
        publication  postrider
        position     unknown
        last commit  unknown
        published    events 0, dead letters 0, last at unknown
        ");
    }

    #[test]
    fn a_halted_relay_shows_its_error_and_the_remedy() {
        let status = Status {
            state: State::Halted,
            reason: Some("topic_missing".to_owned()),
            resume_lsn: Some(Lsn::new(0x16_B374_D848)),
            last_commit_at: Some("2026-01-02T03:04:04.000000Z".to_owned()),
            last_kafka_commit_at: Some("2026-01-02T03:04:04.020000Z".to_owned()),
            events_published: 12_345,
            events_waiting: 1,
            oldest_unpublished_seconds: 61.25,
            slot_retained_wal_bytes: Some(17 << 20),
            slot_wal_budget_bytes: Some(20 << 20),
            slot_wal_budget_share: Some(0.85),
            slot_wal_status: Some("extended".to_owned()),
            slot_held_back_by: Some(OpenTransaction {
                xid: 745,
                pid: Some(4711),
                application_name: Some("report".to_owned()),
                gid: None,
                database: Some("orders".to_owned()),
                age_seconds: Some(61.2),
            }),
            slot_lag_bytes: Some(1_500),
            last_error: Some(Failure {
                reason: "topic_missing".to_owned(),
                error: "publishing failed: the topic \"order\" does not exist".to_owned(),
                remedy: "create the topic".to_owned(),
                runbook: "deploy/runbook.md#topic_missing".to_owned(),
                at: Some("2026-01-02T03:05:05.000000Z".to_owned()),
            }),
            ..status()
        };
        insta::assert_snapshot!(table(&status), @r#"
        relay        orders 1.2.3
        state        halted (topic_missing) since 2026-01-02T03:04:05.000000Z
        lag          WAL 1.4 KiB, events read and waiting 1, oldest 61.2 s
        slot         postrider_orders, retained WAL 17.0 MiB of at most 20.0 MiB (85 %), extended
        publication  postrider
        position     16/B374D848
        last commit  2026-01-02T03:04:04.000000Z
        published    events 12345, dead letters 0, last at 2026-01-02T03:04:04.020000Z
        held back by transaction 745 of process 4711 ("report") in database "orders", open for 61 s
        last error   publishing failed: the topic "order" does not exist
                     at 2026-01-02T03:05:05.000000Z
        remedy       create the topic
        runbook      deploy/runbook.md#topic_missing
        "#);
    }

    #[test]
    fn an_error_that_is_over_asks_for_nothing() {
        let over = Status {
            state: State::Active,
            last_error: Some(Failure {
                reason: "topic_missing".to_owned(),
                error: "publishing failed".to_owned(),
                remedy: "create the topic".to_owned(),
                runbook: "deploy/runbook.md#topic_missing".to_owned(),
                at: Some("2026-01-02T03:05:05.000000Z".to_owned()),
            }),
            ..status()
        };
        let table = table(&over);
        assert!(
            table.ends_with("\n             at 2026-01-02T03:05:05.000000Z, over"),
            "{table}"
        );
        assert!(!table.contains("remedy"), "{table}");
    }

    #[test]
    fn a_relay_on_all_interfaces_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:9670", "http://127.0.0.1:9670/status"),
            ("[::]:9670", "http://[::1]:9670/status"),
            ("10.0.0.5:80", "http://10.0.0.5:80/status"),
        ] {
            assert_eq!(url(listen.parse().unwrap()), asked);
        }
    }
}
