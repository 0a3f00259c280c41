//! A tower layer that opens a scope for each HTTP request; it works with axum.
//!
//! What a request's headers say is somebody else's word: a value that is malformed, or could not be
//! emitted, is ignored, and the request is served all the same.

use std::pin::Pin;
use std::task::{self, Poll};

use http::{HeaderMap, HeaderName, Request};
use outbox_contract::headers::{TRACEPARENT, TRACESTATE};
use outbox_contract::{columns, limits};
use tower_layer::Layer;
use tower_service::Service;

use super::trace::{is_traceparent, is_tracestate};
use super::{Context, Entered, current};

/// Takes `traceparent`, `tracestate` and a correlation id from the headers of each request, for
/// every event that is emitted while it is served.
///
/// A correlation id is what the client likes: where clients are not trusted, put a layer outside of
/// this one that replaces it. Where the current OpenTelemetry span is known (feature
/// `opentelemetry`), that is the trace of the events, not the request's `traceparent`.
///
/// ```
/// use axum::{Router, routing::post};
/// use outbox_sdk::context::{self, ContextLayer};
///
/// async fn place() {
///     // `emit` would write this correlation id.
///     let _ = context::current().correlation_id;
/// }
///
/// let app: Router = Router::new()
///     .route("/orders", post(place))
///     .layer(ContextLayer::new());
/// ```
#[derive(Debug, Clone)]
pub struct ContextLayer {
    correlation_header: HeaderName,
}

impl ContextLayer {
    /// A layer that takes the correlation id from `x-correlation-id`.
    pub fn new() -> Self {
        Self {
            correlation_header: HeaderName::from_static("x-correlation-id"),
        }
    }

    /// The same with another header for the correlation id, such as `x-request-id`.
    #[must_use]
    pub fn with_correlation_header(mut self, name: HeaderName) -> Self {
        self.correlation_header = name;
        self
    }

    /// The outer context with what the headers say.
    fn context(&self, headers: &HeaderMap) -> Context {
        let mut context = current();
        if let Some(id) = only(headers, &self.correlation_header)
            && limits::check_text(columns::CORRELATION_ID, id).is_ok()
        {
            context.correlation_id = Some(id.to_owned());
        }
        if let Some(parent) = only(headers, TRACEPARENT).filter(|text| is_traceparent(text)) {
            context.headers.remove(TRACESTATE);
            context = context.with_header(TRACEPARENT, parent);
            // Several headers of this name are one list.
            let states: Result<Vec<_>, _> = headers
                .get_all(TRACESTATE)
                .iter()
                .map(http::HeaderValue::to_str)
                .collect();
            let state = states.unwrap_or_default().join(",");
            if is_tracestate(&state) {
                context = context.with_header(TRACESTATE, state);
            }
        }
        context
    }
}

impl Default for ContextLayer {
    fn default() -> Self {
        Self::new()
    }
}

/// The text of a header that is there once: of two, either could be forged.
fn only(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService {
            layer: self.clone(),
            inner,
        }
    }
}

/// A service inside of a [`ContextLayer`].
#[derive(Debug, Clone)]
pub struct ContextService<S> {
    layer: ContextLayer,
    inner: S,
}

impl<S, Body> Service<Request<Body>> for ContextService<S>
where
    S: Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InContext<S::Future>;

    fn poll_ready(&mut self, task: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut inside = self.layer.context(request.headers());
        let future = {
            // A service may do its work here already.
            let _entered = Entered::new(&mut inside);
            Box::pin(self.inner.call(request))
        };
        InContext { inside, future }
    }
}

/// The future of a [`ContextService`].
#[derive(Debug)]
pub struct InContext<F> {
    inside: Context,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let Self { inside, future } = &mut *self;
        let _entered = Entered::new(inside);
        future.as_mut().poll(task)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Answers with the context in which it is called.
    struct Observe;

    impl Service<Request<()>> for Observe {
        type Response = Context;
        type Error = Infallible;
        type Future = Ready<Result<Context, Infallible>>;

        fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            ready(Ok(current()))
        }
    }

    fn observe(layer: &ContextLayer, headers: &[(&str, &str)]) -> Context {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(name, value);
        }
        let mut answer = layer.layer(Observe).call(request);
        let task = &mut task::Context::from_waker(task::Waker::noop());
        let Poll::Ready(Ok(context)) = Pin::new(&mut answer).poll(task) else {
            panic!("the service is ready at once");
        };
        assert_eq!(current(), Context::new(), "nothing is left behind");
        context
    }

    #[test]
    fn a_requests_headers_are_the_context_of_what_it_emits() {
        let headers = [
            ("x-correlation-id", "checkout-7"),
            ("traceparent", PARENT),
            ("tracestate", "one=1"),
            ("tracestate", "two=2"),
            ("x-other", "is not taken"),
        ];
        let expected = Context::new()
            .with_correlation_id("checkout-7")
            .with_header("traceparent", PARENT)
            .with_header("tracestate", "one=1,two=2");
        assert_eq!(observe(&ContextLayer::new(), &headers), expected);
    }

    #[test]
    fn the_correlation_header_can_be_another() {
        let layer =
            ContextLayer::new().with_correlation_header(HeaderName::from_static("x-request-id"));
        let headers = [("x-correlation-id", "no"), ("x-request-id", "yes")];
        let expected = Context::new().with_correlation_id("yes");
        assert_eq!(observe(&layer, &headers), expected);
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        let long = "x".repeat(1025);
        for headers in [
            &[("x-correlation-id", "")][..],
            &[("x-correlation-id", &long)],
            &[("x-correlation-id", "\u{e4}")],
            &[("x-correlation-id", "one"), ("x-correlation-id", "two")],
            &[("traceparent", "00-0-0-00"), ("tracestate", "a=1")],
            &[("traceparent", PARENT), ("traceparent", PARENT)],
            &[("tracestate", "a=1")],
        ] {
            let found = observe(&ContextLayer::new(), headers);
            assert_eq!(found, Context::new(), "{headers:?}");
        }
        let headers = [("traceparent", PARENT), ("tracestate", "no list")];
        let expected = Context::new().with_header("traceparent", PARENT);
        assert_eq!(observe(&ContextLayer::new(), &headers), expected);
    }

    #[test]
    fn work_that_is_done_while_polled_is_inside_too() {
        let layer = ContextLayer::new();
        let mut headers = HeaderMap::new();
        headers.insert("x-correlation-id", http::HeaderValue::from_static("polled"));
        let mut answer = InContext {
            inside: layer.context(&headers),
            future: Box::pin(async { current() }),
        };
        let task = &mut task::Context::from_waker(task::Waker::noop());
        let expected = Context::new().with_correlation_id("polled");
        assert_eq!(Pin::new(&mut answer).poll(task), Poll::Ready(expected));
    }
}
