//! Traces, over OTLP: one span for each sampled event, from the commit of the transaction that
//! wrote it to the commit of the Kafka transaction that carries it.
//!
//! It joins the trace of the writer, whose `traceparent` the event has in its headers, and which
//! the record keeps: what a consumer does joins the same trace, whether or not the relay traces.
//! Nothing here changes a record, and nothing waits for the collector.

mod collector;
mod spans;

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use collector::Collector;
pub use spans::EventSpans;

/// The variables that say where a collector is; without one of them there are no traces
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];

/// Longest wait for the last spans to leave, when the process ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether and where traces go. Clones share the connection.
#[derive(Clone, Default)]
pub struct Traces(Option<SdkTracerProvider>);

/// Why there are no traces although they were asked for. The relay works without them.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// Another protocol or exporter than the one that is built in.
    #[error("{variable} is {value:?}; traces leave by OTLP over http/protobuf only")]
    Unsupported {
        /// The variable.
        variable: &'static str,
        /// What it says.
        value: String,
    },
    /// The HTTP client could not be made.
    #[error("the client of the trace collector cannot be made")]
    Client(#[from] reqwest::Error),
    /// One of the variables makes no sense.
    #[error("the OTEL variables make no sense")]
    Exporter(#[from] ExporterBuildError),
}

impl Traces {
    /// As the `OTEL_*` variables say; the SDK reads those of the sampler, the queue and the
    /// resource itself (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
    pub fn from_environment(
        environment: &BTreeMap<String, String>,
        relay: &str,
    ) -> Result<Self, TracesError> {
        if !is_wanted(environment)? {
            return Ok(Self::default());
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new()?)
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource(environment, relay))
            .build();
        Ok(Self(Some(provider)))
    }

    /// Sends what is waiting. Blocks for at most two seconds.
    pub fn close(&self) {
        if let Some(provider) = &self.0 {
            // Spans of the last moment are lost if the collector is away: they are no data.
            let _lost = provider.shutdown_with_timeout(CLOSE_TIMEOUT);
        }
    }

    fn tracer(&self) -> Option<SdkTracer> {
        Some(self.0.as_ref()?.tracer("postrider"))
    }
}

fn is_wanted(environment: &BTreeMap<String, String>) -> Result<bool, TracesError> {
    // "MUST treat an empty value as unset", says the specification.
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let is_disabled = get("OTEL_SDK_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    if is_disabled || ENDPOINTS.iter().all(|name| get(name).is_none()) {
        return Ok(false);
    }
    let unsupported = |variable, value: &String| {
        let value = value.clone();
        Err(TracesError::Unsupported { variable, value })
    };
    match get("OTEL_TRACES_EXPORTER") {
        Some(none) if none == "none" => return Ok(false),
        Some(other) if other != "otlp" => return unsupported("OTEL_TRACES_EXPORTER", other),
        _ => {}
    }
    let protocol = PROTOCOLS.iter().find_map(|name| Some((*name, get(name)?)));
    match protocol {
        Some((variable, other)) if other != "http/protobuf" => unsupported(variable, other),
        _ => Ok(true),
    }
}

fn resource(environment: &BTreeMap<String, String>, relay: &str) -> Resource {
    let is_named = environment.contains_key("OTEL_SERVICE_NAME")
        || environment
            .get("OTEL_RESOURCE_ATTRIBUTES")
            .is_some_and(|attributes| attributes.contains("service.name="));
    let resource = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("postrider.name", relay.to_owned()),
    ]);
    if is_named {
        resource.build()
    } else {
        resource.with_service_name("postrider").build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variables: &[(&str, &str)]) -> Result<bool, String> {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        is_wanted(&environment).map_err(|error| error.to_string())
    }

    #[test]
    fn traces_leave_where_a_collector_is_named_and_nothing_forbids_it() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        let traces_endpoint = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://collector:4318/x",
        );
        assert_eq!(wanted(&[]), Ok(false));
        assert_eq!(wanted(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Ok(false));
        assert_eq!(wanted(&[endpoint]), Ok(true));
        assert_eq!(wanted(&[traces_endpoint]), Ok(true));
        assert_eq!(
            wanted(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]),
            Ok(false)
        );
        assert_eq!(
            wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]),
            Ok(false)
        );
        assert_eq!(
            wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "otlp")]),
            Ok(true)
        );
    }

    #[test]
    fn what_is_not_built_in_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
        for other in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
        ] {
            let error = wanted(&[endpoint, other]).unwrap_err();
            assert!(
                error.starts_with(&format!("{} is {:?}", other.0, other.1)),
                "{error}"
            );
        }
        let for_traces = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        let for_all = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert_eq!(wanted(&[endpoint, for_all, for_traces]), Ok(true));
    }
}
