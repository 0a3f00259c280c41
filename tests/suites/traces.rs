//! One trace from the application's commit to the record (OPS-06).

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{
    ClosedCollector, Collector, Observed, Scenario, read_to_the_end, shared_stack, text_attribute,
    wait_until,
};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use outbox_sdk::{Event, emit};
use postrider::runtime::clock;
use rdkafka::Message as _;
use rdkafka::message::Headers as _;

const LIMIT: Duration = Duration::from_mins(1);

#[derive(serde::Serialize, outbox_sdk::Event)]
#[event(type = "traces.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: String,
}

/// A scenario that `run` would work in, and the topic of its orders.
async fn ready_scenario(name: &str) -> Result<(Scenario, String)> {
    let schema = OrderPlaced::schema().json();
    let registry = &shared_stack().await?.registry;
    e2e::register(registry, "traces.OrderPlaced", schema).await?;
    let scenario = Scenario::new(name).await?;
    let topic = scenario.create_topic("order", 1).await?;
    scenario.init().await?;
    Ok((scenario, topic))
}

/// Emits an event as a service does whose current span is `span`; gives the event's id.
async fn emit_within(scenario: &Scenario, span: SpanContext) -> Result<String> {
    let pool = scenario.pool().await?;
    let mut tx = pool.begin().await?;
    let event = OrderPlaced {
        order_id: "42".to_owned(),
    };
    let current = Context::new().with_remote_span_context(span);
    let id = emit(&mut tx, &event).with_context(current).await?;
    tx.commit().await?;
    Ok(id.to_string())
}

fn span_of_the_writer(flags: TraceFlags) -> SpanContext {
    let (trace, span) = (
        TraceId::from(rand::random::<u128>()),
        SpanId::from(rand::random::<u64>()),
    );
    SpanContext::new(trace, span, flags, false, TraceState::NONE)
}

#[tokio::test]
async fn a_span_of_the_relay_joins_the_writers_trace() -> Result<()> {
    let (scenario, topic) = ready_scenario("traces").await?;
    let collector = Collector::start().await?;
    let endpoint = collector.endpoint();
    let mut relay = scenario.start_relay_with(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test",
            ),
        ],
    )?;
    relay.wait_for_state("active", LIMIT).await?;

    emit_within(&scenario, span_of_the_writer(TraceFlags::NOT_SAMPLED)).await?;
    let writer = span_of_the_writer(TraceFlags::SAMPLED);
    let before = clock::now_micros();
    let id = emit_within(&scenario, writer.clone()).await?;

    let spans = wait_until("the span arrives", LIMIT, async || {
        match collector.spans() {
            spans if spans.is_empty() => Observed::NotYet(()),
            spans => Observed::Reached(spans),
        }
    })
    .await;
    let [(resource, span)] = &*spans else {
        panic!("one was sampled: {spans:?}");
    };
    assert_eq!(text_attribute(resource, "service.name"), Some("postrider"));
    assert_eq!(
        text_attribute(resource, "postrider.name"),
        Some(scenario.name().as_str())
    );
    assert_eq!(
        text_attribute(resource, "deployment.environment.name"),
        Some("test")
    );
    assert_eq!(span.name, format!("publish {topic}"));
    assert_eq!(span.trace_id, writer.trace_id().to_bytes());
    assert_eq!(span.parent_span_id, writer.span_id().to_bytes());
    assert_eq!(
        text_attribute(&span.attributes, "messaging.message.id"),
        Some(&*id)
    );
    // PostgreSQL's clock is this machine's.
    let micros = |nanos: u64| i64::try_from(nanos / 1_000).expect("before the year 2262");
    let (start, end) = (
        micros(span.start_time_unix_nano),
        micros(span.end_time_unix_nano),
    );
    assert!(
        before <= start && start < end && end <= clock::now_micros(),
        "{span:?}"
    );

    // What a consumer joins is the writer's trace as well.
    let records = read_to_the_end(scenario.bootstrap_servers(), &topic)?;
    let headers = records.last().and_then(|record| record.headers());
    let headers = headers.context("records have headers")?;
    let traceparent = headers.iter().find(|header| header.key == "traceparent");
    let expected = format!("00-{}-{}-01", writer.trace_id(), writer.span_id());
    assert_eq!(
        traceparent.and_then(|header| header.value),
        Some(expected.as_bytes())
    );
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;
    Ok(())
}

#[tokio::test]
async fn a_collector_that_takes_nothing_delays_nothing_and_is_named_once() -> Result<()> {
    let (scenario, topic) = ready_scenario("traces_away").await?;
    let collector = ClosedCollector::start().await?;
    let endpoint = collector.endpoint();
    let mut relay = scenario.start_relay_with(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ],
    )?;
    let complaint = "traces do not reach the collector";
    relay.expect_log(complaint);
    relay.wait_for_state("active", LIMIT).await?;
    for attempts in 1..=3 {
        emit_within(&scenario, span_of_the_writer(TraceFlags::SAMPLED)).await?;
        wait_until("the relay tries", LIMIT, async || {
            match collector.attempts() {
                made if made >= attempts => Observed::Reached(()),
                made => Observed::NotYet(made),
            }
        })
        .await;
    }
    wait_until("the operator is told", LIMIT, async || {
        let lines = relay.log_lines().unwrap_or_default();
        match lines.iter().filter(|line| line.contains(complaint)).count() {
            0 => Observed::NotYet(lines),
            _ => Observed::Reached(()),
        }
    })
    .await;
    wait_until("all are on Kafka", LIMIT, async || {
        match read_to_the_end(scenario.bootstrap_servers(), &topic) {
            Ok(records) if records.len() == 3 => Observed::Reached(()),
            seen => Observed::NotYet(seen.map(|records| records.len())),
        }
    })
    .await;
    relay.terminate()?;
    assert!(relay.wait_exit(LIMIT).await?.success());
    let lines = relay.log_lines()?;
    let told = lines.iter().filter(|line| line.contains(complaint)).count();
    assert_eq!(told, 1, "{lines:?}");
    Ok(())
}
