//! The partition of a key is the one that Java's own producer chooses.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use e2e::{Recipe, Scenario, read_to_the_end};
use postrider::route::partition;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rdkafka::Message as _;

use super::{hex, judge_clean};

/// All keys follow from it.
const SEED: u64 = 0x6b65_7973;

const KEYS: usize = 1000;

/// The longest key that the outbox takes.
const KEY_BYTES_MAX: usize = 1024;

/// Of the topic, and some more: one, powers of two, primes, and the largest.
const COUNTS: [u32; 7] = [7, 1, 2, 3, 12, 1000, i32::MAX.cast_unsigned()];

/// Text of 1 to 1024 bytes, half of it ASCII, half of any characters; short ones as often as long.
fn random_key(chance: &mut StdRng) -> String {
    let is_ascii = chance.random();
    let bytes_max = 1 << chance.random_range(0..=KEY_BYTES_MAX.ilog2());
    let bytes_max = chance.random_range(1..=bytes_max);
    let mut key = String::new();
    while key.len() < bytes_max {
        let character = if is_ascii || bytes_max - key.len() < 4 {
            chance.random_range('\u{1}'..='\u{7f}')
        } else {
            chance.random_range('\u{80}'..=char::MAX)
        };
        key.push(character);
    }
    key
}

/// What Java's partitioner says of each key, for each of [`COUNTS`].
async fn java_partitions(scenario: &Scenario, keys: &[String]) -> Result<Vec<Vec<i32>>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("keys");
    let lines: Vec<String> = keys.iter().map(|key| hex(key.as_bytes())).collect();
    fs::write(&file, lines.join("\n"))?;
    let counts = COUNTS.map(|count| count.to_string());
    let mut arguments = vec![file.to_str().context("its name is ASCII")?];
    arguments.extend(counts.iter().map(String::as_str));
    let printed = Recipe::Java.run(scenario, "partitions", &arguments).await?;
    let lines = printed
        .lines()
        .map(|line| line.split(' ').map(|number| Ok(number.parse()?)).collect());
    lines.collect()
}

/// Where the topic has each key.
fn partitions_of(scenario: &Scenario, topic: &str) -> Result<BTreeMap<String, i32>> {
    let records = read_to_the_end(scenario.bootstrap_servers(), topic)?;
    let places = records.iter().map(|record| {
        let key = record.key().context("it has a key")?.to_vec();
        Ok((String::from_utf8(key)?, record.partition()))
    });
    places.collect()
}

#[tokio::test]
async fn every_key_lies_where_the_java_producer_would_put_it() -> Result<()> {
    let scenario = Scenario::new("recipe_partitions").await?;
    let topic = scenario
        .create_topic("thing", COUNTS[0].cast_signed())
        .await?;
    scenario.init().await?;
    let _relay = scenario.start_relay()?;

    let mut chance = StdRng::seed_from_u64(SEED);
    let keys: Vec<String> = (0..KEYS).map(|_| random_key(&mut chance)).collect();
    // Tombstones: the key is all that is asked for here.
    let emit = "select outbox.emit(event_type => 'recipe.Key', aggregate_type => 'thing', \
                aggregate_id => 'thing', key => key, payload => null::json) \
                from unnest($1::text[]) as key";
    scenario.client().await?.query(emit, &[&keys]).await?;

    let expected = java_partitions(&scenario, &keys).await?;
    ensure!(expected.len() == KEYS, "{} answers", expected.len());
    for (key, expected) in keys.iter().zip(&expected) {
        let ours = COUNTS.map(|count| partition(key.as_bytes(), count));
        assert_eq!(ours, expected[..], "{key:?}, of the seed {SEED:#x}");
    }
    let report = judge_clean(&scenario, "thing").await?;
    assert_eq!(report.on_kafka, u64::try_from(KEYS)?);
    let found = partitions_of(&scenario, &topic)?;
    for (key, expected) in keys.iter().zip(&expected) {
        let place = found.get(key);
        assert_eq!(place, expected.first(), "{key:?}, of the seed {SEED:#x}");
    }
    Ok(())
}
