//! The active relay ends, by force or as it was told; the standby goes on.

use super::*;

/// What an operator may rely on.
const TAKEOVER_MAX: Duration = Duration::from_secs(10);

/// Looks at the slot, after which pauses that grow would have grown to ten seconds.
const LOOKS: usize = 7;

/// Waits until a standby has looked at the slot so often that it has settled.
async fn until_settled(standby: &RelayProcess) {
    let mut looks = Vec::new();
    wait_until("the standby has waited", LIMIT, async || {
        let look = match standby.status().await {
            Ok(status) => status["last_error"]["at"].to_string(),
            Err(error) => return Observed::NotYet(Err(error)),
        };
        if !looks.contains(&look) {
            looks.push(look);
        }
        match looks.len() {
            LOOKS => Observed::Reached(()),
            seen => Observed::NotYet(Ok(seen)),
        }
    })
    .await;
}

async fn kill_again_and_again(name: &str, kills: usize) -> Result<()> {
    let scenario = ready(name).await?;
    let mut active = start_active(&scenario).await?;
    let workload = write(&scenario).await?;
    let mut times = Vec::new();
    for _ in 0..kills {
        let standby = start_standby(&scenario).await?;
        until_settled(&standby).await;
        active.wait_for_more_events(LIMIT).await;
        let killed = Instant::now();
        active.kill()?;
        times.push(until_published(&standby, 0, 1, killed).await);
        active = standby;
    }
    let written = workload.stop().await?;
    let (median, max) = median_and_max(&mut times);
    eprintln!(
        "{name}: first event after {median:.1?} in the middle, {max:.1?} at most: {times:.1?}"
    );
    assert!(max < TAKEOVER_MAX, "{times:?}");
    assert_proven(&scenario, written).await?;
    let epochs = assert_each_wrote_before_its_successor(&scenario).await?;
    assert_eq!(epochs.len(), kills + 1, "{epochs:?}");
    Ok(())
}

#[tokio::test]
async fn a_standby_publishes_within_ten_seconds_of_a_kill() -> Result<()> {
    kill_again_and_again("takeover", 3).await
}

#[tokio::test]
#[ignore = "takes minutes: make long"]
async fn a_standby_publishes_within_ten_seconds_of_each_of_many_kills() -> Result<()> {
    kill_again_and_again("takeover_often", 20).await
}

async fn replace_again_and_again(name: &str, replacements: usize) -> Result<()> {
    let scenario = ready(name).await?;
    let mut old = start_active(&scenario).await?;
    let workload = write(&scenario).await?;
    for _ in 0..replacements {
        let new = start_standby(&scenario).await?;
        old.wait_for_more_events(LIMIT).await;
        old.terminate()?;
        let exit = old.wait_exit(LIMIT).await?;
        assert_eq!(exit.code(), Some(0));
        until_published(&new, 0, 1, Instant::now()).await;
        old = new;
    }
    let written = workload.stop().await?;
    assert_proven(&scenario, written).await?;
    let epochs = assert_each_wrote_before_its_successor(&scenario).await?;
    assert_eq!(epochs.len(), replacements + 1, "{epochs:?}");
    let mut pauses = pauses(&scenario, &epochs).await?;
    let (median, max) = median_and_max(&mut pauses);
    eprintln!("{name}: nothing published for {median:.1?} in the middle, {max:.1?} at most");
    assert!(max < TAKEOVER_MAX, "{pauses:?}");
    Ok(())
}

/// The time between the last transaction of each epoch and the first of the next, by the broker's
/// clock.
async fn pauses(scenario: &Scenario, epochs: &[i16]) -> Result<Vec<Duration>> {
    let topic = scenario.topic(AGGREGATE_TYPE);
    let batches = batches(&shared_stack().await?.kafka, &topic).await?;
    let ends: Vec<_> = batches
        .into_values()
        .flatten()
        .filter(|batch| batch.is_marker)
        .collect();
    let of = |epoch| {
        ends.iter()
            .filter(move |end| end.epoch == epoch)
            .map(|end| end.at_millis)
    };
    let pauses = epochs.windows(2).map(|pair| {
        let last = of(pair[0]).max().context("no transaction of the old one")?;
        let first = of(pair[1]).min().context("no transaction of the new one")?;
        Ok(Duration::from_millis(
            first.saturating_sub(last).try_into()?,
        ))
    });
    pauses.collect()
}

#[tokio::test]
async fn a_relay_is_replaced_under_load_and_nobody_notices() -> Result<()> {
    replace_again_and_again("rolling", 5).await
}

#[tokio::test]
#[ignore = "takes minutes: make long"]
async fn a_relay_is_replaced_many_times_under_load_and_nobody_notices() -> Result<()> {
    replace_again_and_again("rolling_often", 50).await
}
