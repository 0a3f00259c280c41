//! The harness of the end-to-end tests: real servers, the real binary, and nothing assumed.
//!
//! A test takes a [`Scenario`] (own database, own relay name, own topics) on the stack that its
//! test binary shares ([`shared_stack`]), runs the relay as a process ([`RelayProcess`]), waits for
//! conditions ([`wait_until`]), and ends with the oracle (`postrider::verify`). The log guard looks
//! at every relay's log by itself. A test that kills a server starts a stack of its own.

mod batches;
mod collector;
mod kafka_client;
mod log_guard;
mod one_shot;
mod oracle;
mod pki;
mod pooler;
mod proxy;
mod recipe;
mod relay_binary;
mod relay_process;
mod scenario;
mod secured;
mod stack;
mod tls_front;
mod wait;
mod workload;

pub use batches::{WrittenBatch, batches};
pub use collector::{ClosedCollector, Collector, text_attribute};
pub use kafka_client::{
    abort, add_partitions, coordinator, fence, leader, open_transaction, produce, producer,
    read_to_the_end,
};
pub use log_guard::unexpected_lines;
pub use one_shot::OneShot;
pub use oracle::{judge, judge_with};
pub use pki::{Authority, HOST, Identity};
pub use pooler::Pooler;
pub use proxy::{Cut, End, Proxy, Way, ends_transaction, produces};
pub use recipe::Recipe;
pub use relay_binary::{lesson, relay_binary};
pub use relay_process::RelayProcess;
pub use scenario::Scenario;
pub use secured::{
    KAFKA_PASSWORD, POSTGRES_PASSWORD, REGISTRY_PASSWORD, Secured, USER, secured_stack,
    write_identity,
};
pub use stack::{
    cluster, own_stack, own_stack_of, own_stack_with, register, shared_stack, stack_behind_proxy,
};
pub use tls_front::{DOWNGRADE, TlsFront};
pub use wait::{Observed, wait_until};
pub use workload::{
    AGGREGATE_TYPE, EVENT_TYPE, ORDER_FIELD, SCHEMA, Workload, WorkloadOptions, Written,
    register_contract, write_huge,
};
