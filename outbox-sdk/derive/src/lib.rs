//! The derive macro for outbox events.
