//! The link to PostgreSQL.

use std::time::Duration;

use anyhow::Result;
use e2e::{Cut, End, Observed, Proxy, Way, shared_stack, wait_until};
use rand::Rng;

use super::{LIMIT, assert_proven, ready, to_postgres, write};

/// What only the replication connection says at its beginning.
const REPLICATION: &str = "replication\0database";

/// The relay waits 15 s for a sign of life.
const SILENCE_NOTICED: Duration = Duration::from_secs(25);

async fn until_cuts(proxy: &Proxy, count: usize) {
    wait_until("the link is cut", LIMIT, async || match proxy.cuts() {
        cuts if cuts == count => Observed::Reached(()),
        cuts => Observed::NotYet(cuts),
    })
    .await;
}

/// Breaks the replication link at each of these bytes of the stream, counted from a moment at which
/// events flow. Each cut is of another connection, so the relay came back after the one before.
async fn cut_again_and_again(name: &str, points: &[usize], ends: [End; 2]) -> Result<()> {
    eprintln!("{name}: {points:?}");
    let stack = shared_stack().await?;
    let mut scenario = ready(stack, name).await?;
    let proxy = to_postgres(stack, &mut scenario)?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write(&scenario, None).await?;
    for (number, after) in points.iter().enumerate() {
        relay.wait_for_more_events(LIMIT).await;
        proxy.cut(Cut {
            way: Way::ToClient,
            after: *after,
            end: ends[number % 2],
            of: REPLICATION,
        });
        until_cuts(&proxy, number + 1).await;
    }
    let written = workload.stop().await?;
    assert_proven(stack, &scenario, written).await
}

#[tokio::test]
async fn a_replication_link_that_is_reset_again_and_again_loses_and_doubles_nothing() -> Result<()>
{
    let mut rng = rand::rng();
    let points = [(); 4].map(|()| rng.random_range(0..20_000));
    cut_again_and_again("link_reset", &points, [End::Reset; 2]).await
}

/// Message headers are among the first 64 bytes; each run takes other ones.
#[tokio::test]
async fn a_replication_link_may_break_at_any_byte_of_a_message() -> Result<()> {
    let first = rand::rng().random_range(0..13);
    let points = [0, 1, 2, 3, 4].map(|step| first + 13 * step);
    cut_again_and_again("link_cut", &points, [End::Reset, End::Finish]).await
}

#[tokio::test]
async fn a_replication_link_that_fell_silent_is_given_up_and_opened_again() -> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = ready(stack, "link_silent").await?;
    let proxy = to_postgres(stack, &mut scenario)?;
    let mut relay = scenario.start_relay()?;
    for text in ["session ended", "the canary could not be written"] {
        relay.expect_log(text);
    }
    let workload = write(&scenario, None).await?;
    relay.wait_for_more_events(LIMIT).await;
    proxy.strand();
    relay
        .wait_for_log("nothing was heard from the walsender", SILENCE_NOTICED)
        .await;
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(stack, &scenario, written).await
}

/// The server's machine vanishes when a session that begins asks something.
async fn fall_silent(name: &str, at: fn(&[u8]) -> bool) -> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = ready(stack, name).await?;
    let proxy = to_postgres(stack, &mut scenario)?;
    proxy.drop_answers_from(at);
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    relay.wait_for_state("retrying", SILENCE_NOTICED).await?;
    assert!(proxy.drops_answers());
    proxy.heal();
    let written = write(&scenario, Some(10)).await?.finish().await?;
    assert_proven(stack, &scenario, written).await
}

fn says(piece: &[u8], text: &str) -> bool {
    piece
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn a_server_that_falls_silent_before_the_stream_starts_is_given_up() -> Result<()> {
    fall_silent("link_begin", |piece| says(piece, "IDENTIFY_SYSTEM")).await
}

#[tokio::test]
async fn a_server_that_falls_silent_while_progress_is_compared_is_given_up() -> Result<()> {
    fall_silent("link_compare", |piece| says(piece, "emptied_at")).await
}

#[tokio::test]
async fn a_stream_that_comes_byte_by_byte_is_read_without_a_complaint() -> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = ready(stack, "link_slices").await?;
    let proxy = to_postgres(stack, &mut scenario)?;
    proxy.slice(1);
    let relay = scenario.start_relay()?;
    let workload = write(&scenario, Some(40)).await?;
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.finish().await?;
    assert_proven(stack, &scenario, written).await
}
