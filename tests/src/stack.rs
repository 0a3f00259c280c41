//! The servers that tests share, and servers for one test alone.

use anyhow::Result;
use postrider::local::{
    KafkaOptions, Listener, PostgresOptions, Registry, Release, Stack, StackOptions, port,
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::proxy::Proxy;

/// Every scenario on the shared server has a replication slot and a connection or two that stay
/// until the end of the test binary.
const SLOTS: &str = "200";

/// Three virtual machines take 1 GB then.
const CLUSTER_HEAP_MEGABYTES: u32 = 256;

/// The stack of this test binary, started by the first test that asks.
///
/// It is shared, hence nobody may stop any of it: that needs `&mut`. No destructor runs for it; its
/// processes and folders go when the test binary ends, by the same means as under SIGKILL
/// (`postrider::local`).
///
/// # Errors
///
/// A server that could not be started; the next caller tries again.
pub async fn shared_stack() -> Result<&'static Stack> {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    STACK.get_or_try_init(own_stack).await
}

/// A stack for one test, which may kill and restart its servers.
///
/// # Errors
///
/// A server that could not be started.
pub async fn own_stack() -> Result<Stack> {
    own_stack_with(KafkaOptions::default()).await
}

/// The same, with a Kafka of the test's making.
///
/// # Errors
///
/// As [`own_stack`].
pub async fn own_stack_with(kafka: KafkaOptions) -> Result<Stack> {
    start(kafka, None).await
}

/// The same with another PostgreSQL than the installed one.
///
/// # Errors
///
/// As [`own_stack`]; a release that cannot be fetched.
pub async fn own_stack_of(release: Release) -> Result<Stack> {
    start(KafkaOptions::default(), Some(release)).await
}

/// A stack for one test, and a way to its Kafka on which the test decides what passes. What the
/// test itself asks Kafka goes another way.
///
/// # Errors
///
/// As [`own_stack`].
pub async fn stack_behind_proxy() -> Result<(Stack, Proxy)> {
    let port = port::free()?;
    let proxy = Proxy::start(port)?;
    let kafka = KafkaOptions {
        listeners: vec![Listener::behind_proxy(port, proxy.port())],
        ..KafkaOptions::default()
    };
    Ok((start(kafka, None).await?, proxy))
}

/// A stack with three brokers, which the tests of this binary have one after the other: each may
/// kill and pause some, and finds all of them running.
///
/// # Errors
///
/// As [`own_stack`].
pub async fn cluster() -> Result<MutexGuard<'static, Stack>> {
    static CLUSTER: OnceCell<Mutex<Stack>> = OnceCell::const_new();
    let start = async || {
        let kafka = KafkaOptions {
            nodes: 3,
            heap_megabytes: CLUSTER_HEAP_MEGABYTES,
            ..KafkaOptions::default()
        };
        Ok::<_, anyhow::Error>(Mutex::new(start(kafka, None).await?))
    };
    let mut stack = CLUSTER.get_or_try_init(start).await?.lock().await;
    for node in stack.kafka.nodes_mut() {
        if node.process_mut().exit_status()?.is_some() {
            node.restart().await?;
        }
        node.process_mut().resume()?;
    }
    Ok(stack)
}

async fn start(kafka: KafkaOptions, release: Option<Release>) -> Result<Stack> {
    let settings = [
        "max_replication_slots",
        "max_wal_senders",
        "max_connections",
    ];
    let settings = settings
        .map(|name| (name.to_owned(), SLOTS.to_owned()))
        .to_vec();
    let postgres = PostgresOptions {
        settings,
        release,
        ..PostgresOptions::default()
    };
    Ok(Stack::start(StackOptions {
        postgres,
        kafka,
        ..StackOptions::default()
    })
    .await?)
}

/// Registers a schema that other tests may register at the same time: one call at a time, since a
/// registry may refuse a subject that another call is just making.
///
/// # Errors
///
/// The registry refused.
pub async fn register(registry: &Registry, subject: &str, schema: &str) -> Result<()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    registry.register(subject, schema).await?;
    Ok(())
}
