//! The trace that an event belongs to, in the form of W3C Trace Context
//! (<https://www.w3.org/TR/trace-context/>).

/// Adds the current OpenTelemetry span to `context`: it is where the code runs, and so more exact
/// than a trace that a scope was opened with. `traceparent` and `tracestate` are a pair, so both
/// are replaced.
#[cfg(feature = "opentelemetry")]
pub(crate) fn of_current_span(context: &mut super::Context) {
    use opentelemetry::trace::TraceContextExt as _;
    use outbox_contract::headers::{TRACEPARENT, TRACESTATE};

    let current = opentelemetry::Context::current();
    let span = current.span();
    let span = span.span_context();
    if !span.is_valid() {
        return;
    }
    let traceparent = format!(
        "00-{:032x}-{:016x}-{:02x}",
        span.trace_id(),
        span.span_id(),
        span.trace_flags().to_u8()
    );
    let headers = &mut context.headers;
    headers.insert(TRACEPARENT.to_owned(), traceparent);
    headers.remove(TRACESTATE);
    let tracestate = span.trace_state().header();
    if !tracestate.is_empty() {
        headers.insert(TRACESTATE.to_owned(), tracestate);
    }
}

/// Whether `text` is a `traceparent`: of version 00, or of a later one as far as it must be known
/// (section 3.2.4, "Versioning of traceparent").
#[cfg(feature = "tower")]
pub(super) fn is_traceparent(text: &str) -> bool {
    let is_hex = |text: &str, digits: usize| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == digits && text.bytes().all(is_digit)
    };
    let is_id = |text: &str, digits| is_hex(text, digits) && text.bytes().any(|byte| byte != b'0');
    let mut parts = text.splitn(5, '-');
    let mut part = || parts.next().unwrap_or_default();
    let (version, trace_id, parent_id, flags) = (part(), part(), part(), part());
    let has_more = parts.next().is_some();
    is_hex(version, 2)
        && version != "ff"
        && is_id(trace_id, 32)
        && is_id(parent_id, 16)
        && is_hex(flags, 2)
        && !(version == "00" && has_more)
}

/// Whether `text` can be a `tracestate`: nobody but its vendors reads more of it.
#[cfg(feature = "tower")]
pub(super) fn is_tracestate(text: &str) -> bool {
    const BYTES_MAX: usize = 512;
    let is_printable = |byte: u8| (b' '..=b'~').contains(&byte);
    (1..=BYTES_MAX).contains(&text.len()) && text.contains('=') && text.bytes().all(is_printable)
}

#[cfg(all(test, feature = "opentelemetry"))]
mod span_tests {
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    };

    use crate::Context;
    use crate::context::trace::of_current_span;

    fn inside(state: TraceState, context: Context) -> Context {
        let span = SpanContext::new(
            TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
            SpanId::from(0xb7ad_6b71_6920_3331),
            TraceFlags::SAMPLED,
            false,
            state,
        );
        let current = opentelemetry::Context::new().with_remote_span_context(span);
        let _attached = current.attach();
        let mut context = context;
        of_current_span(&mut context);
        context
    }

    #[test]
    fn the_current_span_is_the_trace_of_the_event() {
        let state = TraceState::from_key_value([("vendor", "x")]).unwrap();
        let expected = Context::new()
            .with_header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .with_header("tracestate", "vendor=x");
        assert_eq!(inside(state, Context::new()), expected);
    }

    #[test]
    fn a_state_never_stays_with_another_traces_parent() {
        let outer = Context::new()
            .with_header("traceparent", "of the request")
            .with_header("tracestate", "of=the-request")
            .with_header("tenant", "acme");
        let found = inside(TraceState::NONE, outer);
        let names: Vec<_> = found.headers.keys().map(String::as_str).collect();
        assert_eq!(names, ["tenant", "traceparent"]);
        assert!(found.headers["traceparent"].starts_with("00-0af7"));
    }

    #[test]
    fn without_a_span_the_context_stays_as_it_is() {
        let outer = Context::new().with_header("traceparent", "of the request");
        let mut context = outer.clone();
        of_current_span(&mut context);
        assert_eq!(context, outer);
    }
}

#[cfg(all(test, feature = "tower"))]
mod header_tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_traceparent_of_the_recommendation_is_one() {
        for good in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later",
        ] {
            assert!(is_traceparent(good), "{good}");
        }
    }

    #[test]
    fn what_the_recommendation_forbids_is_none() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
        for bad in [
            "",
            "a",
            "a=\u{e4}",
            "a=\n",
            &format!("a={}", "x".repeat(511)),
        ] {
            assert!(!is_tracestate(bad), "{bad}");
        }
        assert!(is_tracestate("rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"));
    }

    proptest! {
        #[test]
        fn any_ids_make_a_traceparent_and_any_text_is_read_without_a_panic(
            trace_id in 1..=u128::MAX, parent_id in 1..=u64::MAX, flags: u8, text: String,
        ) {
            let traceparent = format!("00-{trace_id:032x}-{parent_id:016x}-{flags:02x}");
            prop_assert!(is_traceparent(&traceparent));
            is_traceparent(&text);
            is_tracestate(&text);
        }
    }
}
