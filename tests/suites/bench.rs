//! The measurements run, and prove what they did. Never a time: that would test the machine.

use std::time::Duration;

use anyhow::Result;
use e2e::OneShot;
use serde_json::Value;

/// Two rounds with servers of their own, on a machine that runs other tests too.
const LIMIT: Duration = Duration::from_mins(5);

#[tokio::test]
async fn a_drain_publishes_every_event_and_reports_each_figure() -> Result<()> {
    let arguments = [
        "bench", "drain", "--events", "2005", "--repeat", "2", "--json",
    ];
    let printed = OneShot::new(&arguments).limit(LIMIT).succeed().await?;
    let report: Value = serde_json::from_str(&printed)?;

    assert_eq!(report["events"], 2005);
    assert_eq!(report["per_transaction"], 10);
    let payload_bytes = report["payload_bytes"].as_u64();
    assert!(payload_bytes.is_some_and(|bytes| (200..=300).contains(&bytes)));
    let rounds = report["rounds"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(rounds.len(), 2);
    for round in rounds {
        assert_eq!(round["records"], 2005);
    }
    for measured in rounds.iter().chain([&report["median"]]) {
        for drain in ["pg_recvlogical", "relay"] {
            for figure in ["events_per_second", "memory_peak_mib"] {
                assert!(measured[drain][figure].as_f64() > Some(0.0), "{measured}");
            }
            for figure in ["cpu_micros_per_event", "walsender_cpu_micros_per_event"] {
                assert!(measured[drain][figure].is_number(), "{measured}");
            }
        }
        assert!(measured["relay"]["broker_cpu_micros_per_event"].is_number());
    }
    assert!(report["ratio"].as_f64() > Some(0.0));
    Ok(())
}
