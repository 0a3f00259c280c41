//! The link to the schema registry.

use std::time::Duration;

use anyhow::Result;
use e2e::{Cut, End, Proxy, Way, shared_stack};

use super::{LIMIT, assert_proven, ready, until_walsender_is, write};

/// Longer than the `wal_sender_timeout` of the relay's connections.
const OUTLIVES_WALSENDER_TIMEOUT: Duration = Duration::from_secs(12);

/// Of an answer; its head alone is longer.
const PART_OF_AN_ANSWER: usize = 40;

#[tokio::test]
async fn a_registry_that_is_silent_then_cut_off_then_slow_delays_events_and_loses_none()
-> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = ready(stack, "link_registry").await?;
    let url = stack.registry.url();
    let (_, server) = url.rsplit_once(':').expect("a URL with a port");
    let proxy = Proxy::start(server.parse()?)?;
    scenario.set("registry.url", proxy.lead(&url, server.parse()?));
    proxy.black_hole();
    let mut relay = scenario.start_relay()?;
    relay.expect_log("waiting for the schema registry");
    relay.wait_for_state("active", LIMIT).await?;
    let written = write(&scenario, Some(10)).await?.finish().await?;
    relay
        .wait_for_log("waiting for the schema registry", LIMIT)
        .await;
    until_walsender_is(OUTLIVES_WALSENDER_TIMEOUT, &scenario).await?;
    let status = relay.status().await?;
    assert_eq!(status["events_published"], 0, "{status}");

    // Questions that were given up take no part in what follows.
    proxy.reset();
    proxy.cut(Cut {
        way: Way::ToClient,
        after: PART_OF_AN_ANSWER,
        end: End::Finish,
        of: "",
    });
    proxy.heal();
    proxy.delay(Duration::from_millis(300));
    assert_proven(stack, &scenario, written).await?;
    assert_eq!(proxy.cuts(), 1);
    Ok(())
}
