//! What an operator does when the relay has halted and waiting mends nothing.
//!
//! Contract: each rescue first shows what it would change, asks for a reason, and leaves a record of
//! who did it and why. It never writes to the outbox or to Kafka itself: the relay does, in its own
//! order and its own transactions, so that a rescue cannot lose or double an event.

pub mod skip;
