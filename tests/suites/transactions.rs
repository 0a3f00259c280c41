//! Transactions that Kafka has forgotten, and those that somebody has forgotten in Kafka.

mod expired;
mod hanging;
