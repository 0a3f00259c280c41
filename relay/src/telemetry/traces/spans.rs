//! The spans of one session.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, SpanKind, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;
use outbox_contract::headers as names;
use uuid::Uuid;

use super::Traces;
use crate::encode::{Arena, Headers, Record};
use crate::route::Route;
use crate::runtime::clock;

/// The sampled events of a session that are not on Kafka yet, in the order of their records.
///
/// Invariant: an event has a span once it is on Kafka, and only then
/// (`tests::an_event_has_its_span_once_it_is_committed`).
pub struct EventSpans {
    tracer: Option<SdkTracer>,
    waiting: VecDeque<Waiting>,
    /// Records that were encoded and committed so far in this session.
    encoded: u64,
    committed: u64,
}

struct Waiting {
    /// The how-manieth record of the session it is.
    number: u64,
    parent: Context,
    route: Arc<Route>,
    partition: i32,
    event_id: Uuid,
    event_type: String,
    position: String,
    body_bytes: usize,
    committed_at: SystemTime,
    read_at: SystemTime,
}

impl EventSpans {
    /// For a session that begins.
    pub fn new(traces: &Traces) -> Self {
        Self {
            tracer: traces.tracer(),
            waiting: VecDeque::new(),
            encoded: 0,
            committed: 0,
        }
    }

    /// An event became `record`, the next of the session. Its transaction was committed at
    /// `commit_micros` by the database's clock, and the relay read it at `read_micros` by its own.
    pub fn encoded(
        &mut self,
        record: &Record,
        arena: &Arena,
        commit_micros: i64,
        read_micros: i64,
    ) {
        if self.tracer.is_none() {
            return;
        }
        self.encoded += 1;
        let headers = RecordHeaders(arena.get(record.headers));
        let nobody = Context::new();
        let parent = TraceContextPropagator::new().extract_with_context(&nobody, &headers);
        // An event that nobody traces, or whose trace was not chosen.
        if !parent.span().span_context().is_sampled() {
            return;
        }
        let text = |name| headers.get(name).unwrap_or_default().to_owned();
        self.waiting.push_back(Waiting {
            number: self.encoded,
            parent,
            route: Arc::clone(&record.route),
            partition: record.partition,
            event_id: record.event_id,
            event_type: text(names::TYPE),
            position: text(names::POSITION),
            body_bytes: record.value.map_or(0, |value| arena.get(value).len()),
            committed_at: time(commit_micros),
            read_at: time(read_micros),
        });
    }

    /// Kafka committed the next `records` of the session.
    pub fn committed(&mut self, records: usize) {
        let Some(tracer) = &self.tracer else { return };
        self.committed += u64::try_from(records).expect("a batch has fewer than 2^64 records");
        let now = time(clock::now_micros());
        while let Some(event) = self.waiting.pop_front_if(|it| it.number <= self.committed) {
            event.end(tracer, now);
        }
    }
}

impl Waiting {
    /// Names and attributes: <https://opentelemetry.io/docs/specs/semconv/messaging/kafka/>. The key
    /// is no attribute: it may name a person.
    fn end(self, tracer: &SdkTracer, now: SystemTime) {
        let topic = &self.route.topic;
        let body_bytes = i64::try_from(self.body_bytes).unwrap_or(i64::MAX);
        let builder = tracer
            .span_builder(format!("publish {topic}"))
            .with_kind(SpanKind::Producer)
            .with_start_time(self.committed_at)
            .with_attributes([
                KeyValue::new("messaging.system", "kafka"),
                KeyValue::new("messaging.operation.name", "publish"),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("messaging.destination.name", topic.to_string()),
                KeyValue::new(
                    "messaging.destination.partition.id",
                    self.partition.to_string(),
                ),
                KeyValue::new("messaging.message.id", self.event_id.to_string()),
                KeyValue::new("messaging.message.body.size", body_bytes),
                KeyValue::new("postrider.event.type", self.event_type),
                KeyValue::new("postrider.position", self.position),
            ]);
        let mut span = tracer.build_with_context(builder, &self.parent);
        span.add_event_with_timestamp("read by the relay", self.read_at, Vec::new());
        // The clocks of two machines may differ by more than the way takes.
        span.end_with_timestamp(now.max(self.committed_at));
    }
}

/// What the propagator asks: the headers of a record by their names.
struct RecordHeaders<'a>(&'a [u8]);

impl Extractor for RecordHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = Headers(self.0).find(|(name, _)| *name == key)?;
        std::str::from_utf8(value).ok()
    }

    fn keys(&self) -> Vec<&str> {
        Headers(self.0).map(|(name, _)| name).collect()
    }
}

fn time(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceId};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

    use super::*;
    use crate::config::RecordTimestamp;
    use crate::decode::Event;
    use crate::encode::{Encoder, Position};
    use crate::lsn::Lsn;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT_ID: &str = "00f067aa0ba902b7";

    fn record(flags: Option<&str>, id: u128, arena: &mut Arena) -> Record {
        let traceparent =
            flags.map(|flags| format!(r#"{{"traceparent": "00-{TRACE_ID}-{PARENT_ID}-{flags}"}}"#));
        let event = Event {
            id: Uuid::from_u128(id),
            headers: traceparent.as_deref().unwrap_or("{}"),
            ..Event::sample()
        };
        let position = Position {
            commit_lsn: Lsn::new(16),
            ordinal: 1,
        };
        let route = Arc::new(Route {
            topic: "order".into(),
            subject: "shop.OrderPlaced".into(),
        });
        Encoder::new("orders", 1, RecordTimestamp::OccurredAt)
            .encode(&event, position, &route, 3, None, 0, arena)
            .unwrap()
    }

    fn recorded() -> (EventSpans, InMemorySpanExporter, Traces) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let traces = Traces(Some(provider));
        (EventSpans::new(&traces), exporter, traces)
    }

    #[test]
    fn an_event_has_its_span_once_it_is_committed() {
        let (mut spans, exporter, _traces) = recorded();
        let mut arena = Arena::default();
        for id in 1..=3 {
            let record = record(Some("01"), id, &mut arena);
            spans.encoded(&record, &arena, 5_000_000, 6_000_000);
        }
        let ids = || -> Vec<String> {
            let spans = exporter.get_finished_spans().unwrap();
            let id = |span: &opentelemetry_sdk::trace::SpanData| {
                let id = |it: &&KeyValue| it.key.as_str() == "messaging.message.id";
                span.attributes.iter().find(id).unwrap().value.to_string()
            };
            spans.iter().map(id).collect()
        };
        assert_eq!(ids(), [""; 0]);
        spans.committed(2);
        assert_eq!(ids(), [1, 2].map(|id| Uuid::from_u128(id).to_string()));
        spans.committed(1);
        assert_eq!(ids().len(), 3);
    }

    #[test]
    fn a_span_reaches_from_the_writers_commit_to_kafka_in_the_writers_trace() {
        let (mut spans, exporter, _traces) = recorded();
        let mut arena = Arena::default();
        let record = record(Some("01"), 1, &mut arena);
        spans.encoded(&record, &arena, 5_000_000, 6_000_000);
        spans.committed(1);
        let span = exporter.get_finished_spans().unwrap().pop().unwrap();
        assert_eq!(span.name, "publish order");
        assert_eq!(
            span.span_context.trace_id(),
            TraceId::from_hex(TRACE_ID).unwrap()
        );
        assert_eq!(span.parent_span_id, SpanId::from_hex(PARENT_ID).unwrap());
        assert_eq!(span.start_time, time(5_000_000));
        assert_eq!(span.events[0].timestamp, time(6_000_000));
        assert!(span.end_time > span.start_time);
        let mut attributes: Vec<String> = span
            .attributes
            .iter()
            .map(|it| format!("{} = {}", it.key, it.value))
            .collect();
        attributes.sort();
        insta::assert_snapshot!(attributes.join("\n"), @r"
        messaging.destination.name = order
        messaging.destination.partition.id = 3
        messaging.message.body.size = 0
        messaging.message.id = 00000000-0000-0000-0000-000000000001
        messaging.operation.name = publish
        messaging.operation.type = send
        messaging.system = kafka
        postrider.event.type = shop.OrderPlaced
        postrider.position = orders/1/0000000000000010/1
        ");
    }

    #[test]
    fn an_event_that_nobody_traces_has_no_span_and_is_counted() {
        let (mut spans, exporter, _traces) = recorded();
        let mut arena = Arena::default();
        for flags in [None, Some("00"), Some("no flags"), Some("01")] {
            let record = record(flags, 1, &mut arena);
            spans.encoded(&record, &arena, 0, 0);
        }
        spans.committed(3);
        assert_eq!(exporter.get_finished_spans().unwrap().len(), 0);
        spans.committed(1);
        assert_eq!(exporter.get_finished_spans().unwrap().len(), 1);
    }
}
