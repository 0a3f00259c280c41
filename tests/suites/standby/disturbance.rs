//! Standbys that come and go.

use super::*;

/// What a relay says when it finds another at work.
const STANDBY: &str = r#""message":"standby: "#;

async fn come_and_go(name: &str, standbys: usize) -> Result<()> {
    let scenario = ready(name).await?;
    let mut active = start_active(&scenario).await?;
    let workload = write(&scenario).await?;
    active.wait_for_more_events(LIMIT).await;
    let before = active.status().await?;
    let begun = Instant::now();
    for _ in 0..standbys {
        let mut standby = scenario.start_relay()?;
        standby.wait_for_log(STANDBY, LIMIT).await;
        standby.kill()?;
    }
    eprintln!("{name}: {standbys} standbys in {:.1?}", begun.elapsed());
    active.wait_for_more_events(LIMIT).await;
    let after = active.wait_for_state("active", LIMIT).await?;
    assert_eq!(before["since"], after["since"], "{after}");
    assert_eq!(after["last_error"], before["last_error"], "{after}");
    assert_eq!(count_logged(&active, ACTIVE)?, 1);
    let written = workload.stop().await?;
    assert_proven(&scenario, written).await?;
    let epochs = assert_each_wrote_before_its_successor(&scenario).await?;
    assert_eq!(epochs.len(), 1, "nobody touched the producer: {epochs:?}");
    Ok(())
}

#[tokio::test]
async fn standbys_that_come_and_are_killed_disturb_nobody() -> Result<()> {
    come_and_go("disturbance", 25).await
}

#[tokio::test]
#[ignore = "takes a minute: make long"]
async fn a_standby_that_is_killed_a_hundred_times_disturbs_nobody() -> Result<()> {
    come_and_go("disturbance_often", 100).await
}
