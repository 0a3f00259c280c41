//! The awkward events, read by three other languages and by a reader of the test's own, which shares
//! nothing with the relay's encoder. Field by field they must have read the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::resume_unwind;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use apache_avro::BigDecimal;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{NamesRef, ResolvedSchema, Schema};
use apache_avro::types::Value;
use e2e::{Recipe, Scenario, abort, read_to_the_end, register, shared_stack};
use postrider::demo::{AWKWARD_CONTRACTS, write_awkward};
use postrider::local::http_client;
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde_json::{Map, Value as Json, json};

use super::{hex, judge_clean};

/// A topic as a reader has seen it: partition and offset, and the record in canonical form.
type Reading = BTreeMap<(i64, i64), Json>;

/// In a debug build the Avro reader, of which the oracle makes use, takes 46 KiB of the stack for each
/// level, and the deepest of the events has 82.
const STACK_BYTES: usize = 16 << 20;

#[test]
fn readers_in_three_languages_agree_on_every_awkward_record() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let test = thread::Builder::new().stack_size(STACK_BYTES);
    let test = test.spawn(move || runtime.block_on(read_by_all()))?;
    test.join().unwrap_or_else(|panic| resume_unwind(panic))
}

async fn read_by_all() -> Result<()> {
    let scenario = Scenario::new("recipe_readers").await?;
    let topic = scenario.create_topic("awkward", 3).await?;
    for (subject, schema) in AWKWARD_CONTRACTS {
        register(&shared_stack().await?.registry, subject, schema).await?;
    }
    scenario.init().await?;
    let _relay = scenario.start_relay()?;
    let written = write_awkward(&mut scenario.client().await?).await?;
    let report = judge_clean(&scenario, "awkward").await?;
    assert_eq!((written, report.on_kafka), (10_326, 10_326));

    // Nobody is to see this.
    abort(scenario.bootstrap_servers(), &topic, ("key", "no Avro"))?;

    let own = own_reading(&scenario, &topic).await?;
    assert_eq!(own.len(), usize::try_from(written)?);
    let mut differences = Vec::new();
    for recipe in Recipe::ALL {
        if let Err(difference) = read_alike(recipe, &scenario, &own).await {
            differences.push(format!("{}: {difference:#}", recipe.name()));
        }
    }
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

/// Whether the recipe's reader has read what was read here.
async fn read_alike(recipe: Recipe, scenario: &Scenario, own: &Reading) -> Result<()> {
    let topic = scenario.topic("awkward");
    let printed = recipe.run(scenario, "dump", &[&topic]).await?;
    let lines = printed.lines().map(serde_json::from_str);
    let theirs = reading(lines.collect::<Result<_, _>>()?)?;
    let places = |reading: &Reading| reading.keys().copied().collect::<BTreeSet<_>>();
    let (ours, others) = (places(own), places(&theirs));
    let odd: Vec<_> = ours.symmetric_difference(&others).take(5).collect();
    ensure!(odd.is_empty(), "read by one side only: {odd:?}");
    for (place, record) in own {
        compare(record, &theirs[place], "record").with_context(|| format!("at {place:?}"))?;
    }
    Ok(())
}

fn reading(records: Vec<Json>) -> Result<Reading> {
    let mut reading = Reading::new();
    for record in records {
        let number = |name: &str| record[name].as_i64().context("a number");
        let place = (number("partition")?, number("offset")?);
        ensure!(reading.insert(place, record).is_none(), "{place:?} twice");
    }
    Ok(reading)
}

/// Names the first field in which two readers differ.
fn compare(ours: &Json, theirs: &Json, path: &str) -> Result<()> {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) if ours.keys().eq(theirs.keys()) => {
            for (name, ours) in ours {
                compare(ours, &theirs[name], &format!("{path}.{name}"))?;
            }
        }
        (Json::Array(ours), Json::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                compare(ours, theirs, &format!("{path}[{index}]"))?;
            }
        }
        _ => ensure!(ours == theirs, "{path}: {ours} read here, {theirs} there"),
    }
    Ok(())
}

async fn own_reading(scenario: &Scenario, topic: &str) -> Result<Reading> {
    let mut schemas = HashMap::new();
    let mut records = Vec::new();
    for message in read_to_the_end(scenario.bootstrap_servers(), topic)? {
        let value = match message.payload() {
            None => Json::Null,
            Some(payload) => {
                let (id, datum) = payload.split_at_checked(5).context("a wire header")?;
                if !schemas.contains_key(id) {
                    schemas.insert(id.to_vec(), fetch(scenario, id).await?);
                }
                decode(&schemas[id], datum)?
            }
        };
        records.push(canonical_record(&message, &value)?);
    }
    reading(records)
}

async fn fetch(scenario: &Scenario, wire_header: &[u8]) -> Result<Schema> {
    let [0, id @ ..] = wire_header else {
        bail!("{wire_header:?} is no wire header");
    };
    let id = u32::from_be_bytes(id.try_into()?);
    let url = format!("{}/schemas/ids/{id}", scenario.registry_url());
    let answer = http_client()?.get(url).send().await?.error_for_status()?;
    let answer: Json = answer.json().await?;
    Ok(Schema::parse_str(
        answer["schema"].as_str().context("a schema")?,
    )?)
}

fn canonical_record(message: &OwnedMessage, value: &Json) -> Result<Json> {
    let mut headers = BTreeMap::new();
    for header in message.headers().context("headers")?.iter() {
        let text = std::str::from_utf8(header.value.context("a value")?)?;
        ensure!(
            headers.insert(header.key, text).is_none(),
            "{} twice",
            header.key
        );
    }
    Ok(json!({
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp().to_millis(),
        "key": std::str::from_utf8(message.key().context("a key")?)?,
        "headers": headers,
        "value": value,
    }))
}

fn decode(schema: &Schema, mut datum: &[u8]) -> Result<Json> {
    let names = ResolvedSchema::new_with_schemata(vec![schema])?;
    let reader = GenericDatumReader::builder(schema).resolved_writer_schemata(names.clone());
    let value = reader.build()?.read_value(&mut datum)?;
    ensure!(datum.is_empty(), "{} bytes are left", datum.len());
    canonical(schema, value, names.get_names())
}

/// The form that `recipes/README.md` describes. Loops instead of iterators: each level of a value
/// takes a piece of the stack, and in a debug build a large one.
fn canonical<'a>(mut schema: &'a Schema, mut value: Value, names: &NamesRef<'a>) -> Result<Json> {
    loop {
        (schema, value) = match (schema, value) {
            (Schema::Ref { name }, value) => {
                let schema: &Schema = names.get(name).context("a known name")?;
                (schema, value)
            }
            (Schema::Union(union), Value::Union(branch, value)) => {
                let branch = union.variants().get(usize::try_from(branch)?);
                (branch.context("a branch")?, *value)
            }
            (schema, value) => return container(schema, value, names),
        };
    }
}

fn container<'a>(schema: &'a Schema, value: Value, names: &NamesRef<'a>) -> Result<Json> {
    match (schema, value) {
        (Schema::Record(record), Value::Record(fields)) => {
            let mut object = Map::new();
            for (field, (name, value)) in record.fields.iter().zip(fields) {
                object.insert(name, canonical(&field.schema, value, names)?);
            }
            Ok(Json::Object(object))
        }
        (Schema::Map(map), Value::Map(entries)) => {
            let mut object = Map::new();
            for (name, value) in entries {
                object.insert(name, canonical(&map.types, value, names)?);
            }
            Ok(Json::Object(object))
        }
        (Schema::Array(array), Value::Array(items)) => {
            let mut list = Vec::new();
            for item in items {
                list.push(canonical(&array.items, item, names)?);
            }
            Ok(Json::Array(list))
        }
        (Schema::Decimal(decimal), Value::Decimal(value)) => {
            let exact = BigDecimal::new(value.into(), i64::try_from(decimal.scale)?);
            Ok(json!({ "$decimal": exact.to_plain_string() }))
        }
        (_, value) => scalar(value),
    }
}

fn scalar(value: Value) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::String(text) | Value::Enum(_, text) => json!(text),
        Value::Uuid(uuid) => json!(uuid.to_string()),
        Value::Int(value) => json!({ "$int": value.to_string() }),
        Value::Long(value) => json!({ "$int": value.to_string() }),
        Value::Float(value) => float(value.into()),
        Value::Double(value) => float(value),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => json!({ "$bytes": hex(&bytes) }),
        Value::Date(days) => json!({ "$date": days.to_string() }),
        Value::TimeMillis(millis) => json!({ "$time": (i64::from(millis) * 1000).to_string() }),
        Value::TimeMicros(micros) => json!({ "$time": micros.to_string() }),
        Value::TimestampMillis(millis) => json!({ "$timestamp": (millis * 1000).to_string() }),
        Value::TimestampMicros(micros) => json!({ "$timestamp": micros.to_string() }),
        other => bail!("no canonical form for {other:?}"),
    })
}

fn float(value: f64) -> Json {
    json!({ "$float": format!("{:016x}", value.to_bits()) })
}
