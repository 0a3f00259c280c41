//! EVT-05: a partition is emptied when all its events are confirmed, never before, and none is ever
//! missing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use e2e::{Observed, wait_until};
use tokio_postgres::Client;

use super::{Slot, TestDatabase, database, one, refusal};

const PERIOD_SECONDS: i64 = 86_400;

/// A partition that time has left behind, and its outcome in the latest rotation.
struct OldPartition {
    ring: i16,
}

impl OldPartition {
    /// The one that was written to `periods` ago.
    async fn new(client: &Client, periods: u8) -> Self {
        assert!(
            (2..=6).contains(&periods),
            "the ring would reach it during the test"
        );
        let query = format!("select outbox.ring_at(now() - {periods} * outbox.ring_period())");
        Self {
            ring: one(client, &query).await.get(0),
        }
    }

    /// The statement that writes an event into it, as a transaction does that began in its time.
    fn insert(&self, aggregate_id: &str) -> String {
        format!(
            "insert into outbox.event (aggregate_type, aggregate_id, event_type, ring) \
             values ('a', '{aggregate_id}', 'x', {})",
            self.ring
        )
    }

    async fn count(&self, client: &Client) -> i64 {
        let count = format!(
            "select count(*) from outbox.event where ring = {}",
            self.ring
        );
        one(client, &count).await.get(0)
    }

    async fn rotate(&self, client: &Client, keep: &str) -> String {
        let rotate = format!(
            "select outcome from outbox.rotate('{keep}') where ring = {}",
            self.ring
        );
        one(client, &rotate).await.get(0)
    }

    /// Rotates while the slot confirms, until it is empty. Other tests of this server have open
    /// transactions, so sealing may take more than one try.
    async fn rotate_until_emptied(&self, client: &Client, slot: &Slot) {
        wait_until(
            "the partition is emptied",
            Duration::from_mins(1),
            async || {
                slot.take().await;
                match self.rotate(client, "0").await.as_str() {
                    "emptied" => Observed::Reached(()),
                    other => Observed::NotYet(other.to_owned()),
                }
            },
        )
        .await;
    }

    /// Rotates until it is sealed behind every row it has.
    async fn seal(&self, client: &Client) {
        let query = format!(
            "select coalesce((select sealed_xid from outbox.ring_state where ring = {0}) \
             > (select max(xid) from outbox.event_{0}), false)",
            self.ring
        );
        let unseal = format!(
            "update outbox.ring_state set sealed_system = null where ring = {}",
            self.ring
        );
        wait_until(
            "the partition is sealed",
            Duration::from_mins(1),
            async || {
                client
                    .batch_execute(&unseal)
                    .await
                    .expect("the superuser may unseal");
                assert_eq!(self.rotate(client, "0").await, "sealed");
                if one(client, &query).await.get(0) {
                    Observed::Reached(())
                } else {
                    Observed::NotYet("an older transaction still runs")
                }
            },
        )
        .await;
    }
}

async fn with_slot() -> (TestDatabase, Slot, Client) {
    let database = database().await;
    let slot = database.slot().await;
    let client = database.superuser().await;
    (database, slot, client)
}

#[tokio::test]
async fn a_partition_is_emptied_once_the_slot_has_confirmed_it() {
    let (_database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    old.seal(&client).await;
    for _ in 0..3 {
        assert_eq!(old.rotate(&client, "0").await, "unconfirmed");
    }
    assert_eq!(
        old.count(&client).await,
        1,
        "nothing unconfirmed is removed"
    );

    slot.take().await;
    assert_eq!(old.rotate(&client, "0").await, "emptied");
    assert_eq!(old.count(&client).await, 0);
    assert_eq!(old.rotate(&client, "0").await, "empty");
}

#[tokio::test]
async fn only_the_retention_role_is_needed() {
    let (database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    old.rotate_until_emptied(&database.role("outbox_retention").await, &slot)
        .await;
    assert_eq!(old.count(&client).await, 0);
}

#[tokio::test]
async fn the_slowest_slot_decides() {
    let (database, slot, client) = with_slot().await;
    let second = format!("{}_second", database.name);
    let create = format!(
        "select pg_create_logical_replication_slot('{second}', 'pgoutput'); \
         select outbox.register_slot('{second}')"
    );
    client.batch_execute(&create).await.expect("made");
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    old.seal(&client).await;
    slot.take().await;
    assert_eq!(old.rotate(&client, "0").await, "unconfirmed");
    Slot {
        name: second,
        client: database.superuser().await,
    }
    .take()
    .await;
    assert_eq!(old.rotate(&client, "0").await, "emptied");
}

#[tokio::test]
async fn a_relay_that_knows_better_than_the_slot_is_believed() {
    let (_database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    let before: String = one(&client, "select pg_current_wal_insert_lsn()::text")
        .await
        .get(0);
    old.seal(&client).await;
    slot.take().await;
    let rotate = format!(
        "select outcome from outbox.rotate('0', '{before}') where ring = {}",
        old.ring
    );
    assert_eq!(
        one(&client, &rotate).await.get::<_, String>(0),
        "unconfirmed"
    );
    assert_eq!(old.count(&client).await, 1);
}

#[tokio::test]
async fn a_transaction_that_writes_after_the_seal_loses_nothing() {
    let (database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    let writer = database.superuser().await;
    writer
        .batch_execute("begin; select pg_current_xact_id()")
        .await
        .expect("begun");
    client
        .batch_execute(&old.insert("before"))
        .await
        .expect("inserted");
    assert_eq!(old.rotate(&client, "0").await, "sealed");

    // It has not written here yet, and now it does, behind the confirmed position.
    writer
        .batch_execute(&old.insert("late"))
        .await
        .expect("inserted");
    slot.take().await;
    assert_eq!(
        old.rotate(&client, "0").await,
        "busy",
        "its lock is respected"
    );
    writer.batch_execute("commit").await.expect("committed");
    assert_eq!(old.rotate(&client, "0").await, "sealed", "again");
    assert_eq!(old.rotate(&client, "0").await, "unconfirmed");
    assert_eq!(old.count(&client).await, 2);
    old.rotate_until_emptied(&client, &slot).await;
}

#[tokio::test]
async fn an_open_transaction_elsewhere_delays_and_loses_nothing() {
    let (database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    let other = database.superuser().await;
    other
        .batch_execute("begin; select pg_current_xact_id()")
        .await
        .expect("begun");
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    for _ in 0..5 {
        slot.take().await;
        assert_ne!(old.rotate(&client, "0").await, "emptied");
    }
    assert_eq!(old.count(&client).await, 1);
    other.batch_execute("commit").await.expect("committed");
    old.rotate_until_emptied(&client, &slot).await;
}

#[tokio::test]
async fn a_prepared_transaction_prevents_the_truncation() {
    let (database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    let prepare = format!(
        "begin; {}; prepare transaction '{}'",
        old.insert("prepared"),
        database.name
    );
    client.batch_execute(&prepare).await.expect("prepared");
    for _ in 0..2 {
        slot.take().await;
        let outcome = old.rotate(&client, "0").await;
        assert!(["sealed", "busy"].contains(&outcome.as_str()), "{outcome}");
    }
    let commit = format!("commit prepared '{}'", database.name);
    client.batch_execute(&commit).await.expect("committed");
    assert_eq!(old.count(&client).await, 2);
    old.rotate_until_emptied(&client, &slot).await;
}

#[tokio::test]
async fn the_partitions_in_use_are_never_emptied() {
    let (_database, slot, client) = with_slot().await;
    let write = "insert into outbox.event (aggregate_type, aggregate_id, event_type, ring) \
         select 'a', '1', 'x', outbox.ring_at(now() - age * outbox.ring_period()) \
         from generate_series(0, 1) as age";
    client.batch_execute(write).await.expect("inserted");
    for _ in 0..3 {
        slot.take().await;
        client
            .batch_execute("select outbox.rotate('0')")
            .await
            .expect("rotated");
    }
    let rows: i64 = one(&client, "select count(*) from outbox.event")
        .await
        .get(0);
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn what_is_younger_than_keep_stays() {
    let (_database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    slot.take().await;
    // Its period ended three to four periods ago.
    assert_eq!(old.rotate(&client, "5 days").await, "kept");
    assert_eq!(old.rotate(&client, "2 days").await, "sealed");
}

#[tokio::test]
async fn a_changed_period_shortens_no_retention() {
    let (_database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    client
        .batch_execute("select outbox.set_ring_period('1 day')")
        .await
        .expect("set");
    slot.take().await;
    assert_eq!(old.rotate(&client, "1 hour").await, "kept");
}

#[tokio::test]
async fn without_a_slot_nothing_is_emptied() {
    let database = database().await;
    let client = database.superuser().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    let rotate = "select outbox.rotate('0')";
    let assert_refused = async |what: &str, message: &str| {
        let error = client.batch_execute(rotate).await.expect_err(what);
        let error = error.as_db_error().expect("PostgreSQL refused");
        assert_eq!(error.code().code(), "55000", "{what}");
        assert!(error.message().contains(message), "{what}: {error}");
        assert_eq!(old.count(&client).await, 1, "{what}");
    };
    assert_refused(
        "no slot is registered",
        "no replication slot reads this outbox",
    )
    .await;

    client
        .batch_execute("select outbox.register_slot('gone')")
        .await
        .expect("registered");
    assert_refused("the slot does not exist", "slot gone does not exist").await;

    // One slot that exists does not stand in for another that is gone.
    let _slot = database.slot().await;
    assert_refused(
        "one of two slots does not exist",
        "slot gone does not exist",
    )
    .await;
}

#[tokio::test]
async fn a_slot_of_another_database_confirms_nothing() {
    let (one_database, slot, _client) = with_slot().await;
    let other = database().await.superuser().await;
    let register = format!("select outbox.register_slot('{}')", slot.name);
    other.batch_execute(&register).await.expect("registered");
    let error = other.batch_execute("select outbox.rotate('0')").await;
    let error = error.expect_err("the slot reads another database");
    assert_eq!(refusal(&error).0, "55000");
    drop(one_database);
}

#[tokio::test]
async fn a_seal_of_another_cluster_counts_for_nothing() {
    let (_database, slot, client) = with_slot().await;
    let old = OldPartition::new(&client, 4).await;
    client
        .batch_execute(&old.insert("1"))
        .await
        .expect("inserted");
    // As a logical copy of a database brings it along.
    let copied = format!(
        "update outbox.ring_state set sealed_xid = '9000000000', sealed_lsn = '0/1', \
         sealed_system = 1 where ring = {}",
        old.ring
    );
    client.batch_execute(&copied).await.expect("updated");
    slot.take().await;
    assert_eq!(old.rotate(&client, "0").await, "sealed");
    assert_eq!(old.count(&client).await, 1);
}

#[tokio::test]
async fn a_rotation_that_could_not_see_new_rows_is_refused() {
    let (_database, _slot, client) = with_slot().await;
    for level in ["repeatable read", "serializable"] {
        let rotate = format!("begin isolation level {level}; select outbox.rotate('0')");
        let error = client.batch_execute(&rotate).await.expect_err(level);
        assert_eq!(refusal(&error).0, "25000", "{level}");
        client.batch_execute("rollback").await.expect("rolled back");
    }
}

#[tokio::test]
async fn a_time_that_the_ring_cannot_keep_is_refused() {
    let (_database, _slot, client) = with_slot().await;
    for keep in ["'7 days'", "'-1 hour'", "null"] {
        let rotate = format!("select outbox.rotate({keep})");
        let error = client.batch_execute(&rotate).await.expect_err(keep);
        assert_eq!(refusal(&error).0, "22023", "{keep}");
    }
    client
        .batch_execute("select outbox.rotate('6 days')")
        .await
        .expect("that fits");
}

#[tokio::test]
async fn no_period_lacks_its_partition() {
    let database = database().await;
    let client = database.superuser().await;
    // Sixteen periods to come, at their first and last microsecond.
    let insert = "insert into outbox.event (aggregate_type, aggregate_id, event_type, ring) \
         values ('a', $1, 'x', outbox.ring_at(to_timestamp($2::bigint * $3::bigint) \
         + $4::bigint * interval '1 microsecond')) returning ring";
    let query = format!("select floor(extract(epoch from now()) / {PERIOD_SECONDS})::bigint");
    let this_period: i64 = one(&client, &query).await.get(0);
    for period in this_period..this_period + 16 {
        let aggregate_id = period.to_string();
        let expected = i16::try_from(period % 8).expect("below eight");
        for (period, offset) in [(period, 0_i64), (period + 1, -1)] {
            let row = client
                .query_one(insert, &[&aggregate_id, &period, &PERIOD_SECONDS, &offset])
                .await
                .expect("every period has its partition");
            assert_eq!(row.get::<_, i16>(0), expected);
        }
    }
}

#[tokio::test]
async fn inserts_follow_the_ring_round_even_through_prepared_statements() {
    let database = database().await;
    let client = database.role("outbox_app").await;
    let insert = "insert into outbox.event (aggregate_type, aggregate_id, event_type) \
         values ('a', $1, 'x')";
    let insert = client.prepare(insert).await.expect("prepared");
    // After five executions PostgreSQL keeps one plan, with the period folded in.
    for _ in 0..10 {
        client
            .execute(&insert, &[&"before"])
            .await
            .expect("inserted");
    }
    let owner = database.owner().await;
    owner
        .batch_execute("select outbox.set_ring_period('50 milliseconds')")
        .await
        .expect("set");
    let superuser = database.superuser().await;
    let started = Instant::now();
    let mut used = BTreeSet::new();
    while used.len() < 8 && started.elapsed() < Duration::from_secs(30) {
        client
            .execute(&insert, &[&"after"])
            .await
            .expect("no partition is missing");
        let query = "select distinct ring from outbox.event where aggregate_id = 'after'";
        let rows = superuser.query(query, &[]).await.expect("read");
        used.extend(rows.iter().map(|row| row.get::<_, i16>(0)));
    }
    assert_eq!(used, (0..8).collect());
}
