//! Services that emit by plain SQL, and services that handle each event once.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use e2e::{Recipe, Scenario, read_to_the_end, register, shared_stack};
use rdkafka::Message as _;
use rdkafka::message::Headers as _;

use super::judge_clean;

const SERVICE: &str = include_str!("../../../recipes/service.sql");
const CONTRACT: &str = include_str!("../../../recipes/bakery.OrderPlaced.avsc");

/// Each `emit` recipe places two orders and forgets one of them; two more are rolled back.
const EVENTS: usize = 3;

/// The ids in the headers of the topic's records.
fn ids_on(topic: &str, scenario: &Scenario) -> Result<BTreeSet<String>> {
    let records = read_to_the_end(scenario.bootstrap_servers(), topic)?;
    let ids = records.iter().map(|record| {
        let headers = record.headers().context("it has headers")?;
        let id = headers.iter().find(|header| header.key == "id");
        let id = id
            .and_then(|header| header.value)
            .context("one is the id")?;
        Ok(String::from_utf8(id.to_vec())?)
    });
    ids.collect()
}

#[tokio::test]
async fn services_in_three_languages_emit_and_handle_each_event_once() -> Result<()> {
    let scenario = Scenario::new("recipe_services").await?;
    let topic = scenario.create_topic("order", 3).await?;
    register(
        &shared_stack().await?.registry,
        "bakery.OrderPlaced",
        CONTRACT,
    )
    .await?;
    scenario.init().await?;
    let client = scenario.client().await?;
    client.batch_execute(SERVICE).await?;
    let _relay = scenario.start_relay()?;

    let mut emitted = BTreeSet::new();
    for recipe in Recipe::ALL {
        let printed = recipe.run(&scenario, "emit", &[]).await?;
        emitted.extend(printed.lines().map(str::to_owned));
    }
    let events = Recipe::ALL.len() * EVENTS;
    assert_eq!(emitted.len(), events, "{emitted:?}");
    let report = judge_clean(&scenario, "order").await?;
    assert_eq!(report.on_kafka, u64::try_from(events)?);
    assert_eq!(ids_on(&topic, &scenario)?, emitted);

    let mut handled = Vec::new();
    for recipe in Recipe::ALL {
        // A second group gets every event again, as after a crash before the commit of offsets.
        for group in ["first", "again"] {
            let group = format!("{group}-{}", recipe.name());
            let arguments = [topic.as_str(), &group, recipe.name()];
            recipe.run(&scenario, "consume", &arguments).await?;
        }
        let revenue = "select format('%s orders, %s, %s cancelled', orders, total, cancelled) \
                       from revenue where consumer = $1";
        let revenue: String = client.query_one(revenue, &[&recipe.name()]).await?.get(0);
        handled.push(revenue);
    }
    assert_eq!(handled, ["6 orders, 37.20, 3 cancelled"; Recipe::ALL.len()]);
    Ok(())
}
