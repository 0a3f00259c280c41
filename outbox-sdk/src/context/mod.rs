//! What an event belongs to: inherited by everything that is emitted inside a [`scope`].
//!
//! A request handler opens a scope once, with the trace and the correlation id of the request, and
//! no function below it has to pass them on. Without a scope an event has no causation and no
//! headers, and its correlation id is its own id.
//!
//! With the feature `opentelemetry`, an event's `traceparent` and `tracestate` are those of the
//! current OpenTelemetry span, in place of the scope's. That is the current context of the crate
//! `opentelemetry` of release 0.33, which `tracing-opentelemetry` sets where its layer activates
//! contexts, as it does by default. With the feature `tower`, `ContextLayer` opens a scope for each
//! HTTP request.
//!
//! A scope is bound to its future, not to a thread or a runtime: it holds while the future is
//! polled, wherever that is. A task that is spawned inside does not inherit it; give it
//! [`current`]:
//!
//! ```
//! use outbox_sdk::context::{self, Context};
//!
//! # async fn spawn(future: impl Future) { future.await; }
//! # async fn handle() {
//! let request = Context::new()
//!     .with_correlation_id("order-42")
//!     .with_header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
//! context::scope(request, async {
//!     // Whatever is emitted here belongs to order-42.
//!     spawn(context::scope(context::current(), async { /* and here */ })).await;
//! })
//! .await;
//! # }
//! ```

#[cfg(feature = "tower")]
mod http;
#[cfg(any(feature = "opentelemetry", feature = "tower"))]
mod trace;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;

#[cfg(feature = "tower")]
pub use http::{ContextLayer, ContextService, InContext};

/// Correlation, causation and headers for the events of a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// What belongs together across services; an event's own id where there is none.
    pub correlation_id: Option<String>,
    /// The event or request that is being handled.
    pub causation_id: Option<String>,
    /// Further record headers: `traceparent`, `tracestate`, `tenant`, `reply-to` and the
    /// application's own. Those that the relay writes itself are refused when an event is emitted.
    pub headers: BTreeMap<String, String>,
}

impl Context {
    /// A context that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this correlation id.
    #[must_use]
    pub fn with_correlation_id(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }

    /// The same with this causation id.
    #[must_use]
    pub fn with_causation_id(mut self, causation_id: impl Into<String>) -> Self {
        self.causation_id = Some(causation_id.into());
        self
    }

    /// The same with this header, in place of one of that name.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
}

thread_local! {
    static CURRENT: RefCell<Context> = RefCell::default();
}

/// The context of the innermost scope that this code runs in; one that says nothing outside.
pub fn current() -> Context {
    CURRENT.with_borrow(Clone::clone)
}

/// What an event that is emitted here inherits: [`current`], and the current OpenTelemetry span.
pub(crate) fn inherited() -> Context {
    #[cfg_attr(
        not(feature = "opentelemetry"),
        expect(unused_mut, reason = "nothing but a span is added")
    )]
    let mut context = current();
    #[cfg(feature = "opentelemetry")]
    trace::of_current_span(&mut context);
    context
}

/// Runs `future` with `context` in place of that of an outer scope; to extend the outer one, begin
/// with [`current`].
///
/// Cancellation-safe where `future` is.
pub async fn scope<F: Future>(context: Context, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut inside = context;
    poll_fn(|task| {
        let _entered = Entered::new(&mut inside);
        future.as_mut().poll(task)
    })
    .await
}

/// Exchanges a scope's context with that of the thread, and back when it is dropped, which a panic
/// does, too.
struct Entered<'a> {
    exchanged: &'a mut Context,
}

impl<'a> Entered<'a> {
    fn new(context: &'a mut Context) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, context));
        Self { exchanged: context }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.exchanged));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context as Task, Poll, Waker};

    use super::*;

    fn named(name: &str) -> Context {
        Context::new().with_correlation_id(name)
    }

    /// Is ready when it is polled the second time.
    struct Yield(bool);

    impl Future for Yield {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }
    }

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Task::from_waker(Waker::noop()))
    }

    #[test]
    fn interleaved_scopes_keep_their_contexts() {
        let observe = |name| {
            scope(named(name), async {
                let before = current();
                Yield(false).await;
                (before, current())
            })
        };
        let (mut one, mut other) = (pin!(observe("one")), pin!(observe("other")));
        assert!(poll_once(one.as_mut()).is_pending());
        assert_eq!(current(), Context::new());
        assert!(poll_once(other.as_mut()).is_pending());
        let both = |name| Poll::Ready((named(name), named(name)));
        assert_eq!(poll_once(one.as_mut()), both("one"));
        assert_eq!(poll_once(other.as_mut()), both("other"));
        assert_eq!(current(), Context::new());
    }

    #[test]
    fn a_scope_ends_where_the_inner_one_began() {
        let mut nested = pin!(scope(named("outer"), async {
            let inner = scope(current().with_causation_id("cause"), async { current() }).await;
            (inner, current())
        }));
        let inner = named("outer").with_causation_id("cause");
        assert_eq!(
            poll_once(nested.as_mut()),
            Poll::Ready((inner, named("outer")))
        );
    }

    #[test]
    fn a_panic_inside_leaves_nothing_behind() {
        let panics = std::panic::catch_unwind(|| {
            let mut future = pin!(scope(named("lost"), async { panic!("on purpose") }));
            let _: Poll<()> = poll_once(future.as_mut());
        });
        assert!(panics.is_err());
        assert_eq!(current(), Context::new());
    }

    #[test]
    fn a_scope_can_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        is_send(&scope(Context::new(), async {}));
    }
}
