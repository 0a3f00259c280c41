//! Another producer of the same `transactional.id` begins while a relay is in the middle of
//! something.

use std::path::Path;

use postrider::failpoints::Failpoint;

use super::*;

/// A relay that is shut out while it holds the slot begins anew by itself.
const AGAIN: Duration = Duration::from_secs(5);

/// Windows between the calls of a transaction: before its first record, between its last event and
/// its progress, before its end, and outside of any.
const WINDOWS: [Failpoint; 5] = [
    Failpoint::AfterRead,
    Failpoint::BeforeProduce,
    Failpoint::AckedNoProgress,
    Failpoint::ProgressNoEndTxn,
    Failpoint::AfterEndTxn,
];

#[tokio::test]
async fn a_relay_that_is_fenced_between_any_two_calls_begins_anew_and_doubles_nothing() -> Result<()>
{
    let scenario = ready("fenced").await?;
    let folder = tempfile::tempdir()?;
    let workload = write(&scenario).await?;
    for window in WINDOWS {
        let relay = fence_at(&scenario, window, &folder.path().join(window.name())).await;
        let mut relay = relay.with_context(|| window.name())?;
        relay.terminate()?;
        assert_eq!(relay.wait_exit(LIMIT).await?.code(), Some(0));
    }
    let last = start_active(&scenario).await?;
    last.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&scenario, written).await?;
    // A first session may be fenced before it has written any event.
    let epochs = assert_each_wrote_before_its_successor(&scenario).await?;
    assert!(epochs.len() > WINDOWS.len(), "{epochs:?}");
    Ok(())
}

async fn fence_at(scenario: &Scenario, window: Failpoint, hits: &Path) -> Result<RelayProcess> {
    let failpoint = format!("{}=10:freeze", window.name());
    let hits_name = hits.to_str().context("a plain name")?;
    let variables = [
        ("POSTRIDER_FAILPOINTS", failpoint.as_str()),
        ("POSTRIDER_FAILPOINT_LOG", hits_name),
    ];
    let mut relay = scenario.start_relay_with(&[], &variables)?;
    until_frozen(&mut relay, hits).await?;
    e2e::fence(
        scenario.bootstrap_servers(),
        &scenario.name().transactional_id(),
    )?;
    let continued = Instant::now();
    relay.process().resume()?;
    let again = wait_until(
        "a second session is active",
        LIMIT,
        async || match count_logged(&relay, ACTIVE) {
            Ok(2) => Observed::Reached(continued.elapsed()),
            seen => Observed::NotYet(seen),
        },
    )
    .await;
    eprintln!(
        "fenced at {}: active again after {again:.1?}",
        window.name()
    );
    assert!(again < AGAIN, "{again:?}");
    let status = relay.status().await?;
    assert_eq!(status["last_error"]["reason"], "fenced", "{status}");
    relay.wait_for_more_events(LIMIT).await;
    Ok(relay)
}
