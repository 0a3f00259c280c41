//! Writers that place orders: their own table and the outbox in one transaction, some of which are
//! rolled back, as a whole or to a savepoint.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep_until};
use tokio_postgres::{Client, NoTls, Transaction};
use uuid::Uuid;

use super::Error;
use super::live::Live;
use super::orders::{Orders, Step};
use crate::runtime;

/// Most events of a transaction, those that are rolled back apart.
const EVENTS_MAX: u64 = 5;

/// The service's own table.
pub(super) const TABLE: &str = "create table orders \
    (id uuid primary key, state text not null, changed_at timestamptz not null default now())";

const CHANGE: &str = "insert into orders (id, state) values ($1, $2) \
    on conflict (id) do update set state = excluded.state, changed_at = now()";

/// What one writer has to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    /// Events to commit.
    pub(super) committed: u64,
    /// Events to roll back.
    pub(super) rolled_back: u64,
    /// For each event.
    pub(super) pause: Duration,
    /// Of what happens by chance, everything follows from this.
    pub(super) seed: u64,
}

impl Quota {
    fn is_done(&self) -> bool {
        self.committed == 0 && self.rolled_back == 0
    }

    /// Whether the next transaction rolls something back, so that the quota is spread evenly.
    fn rolls_back(&self, chance: &mut StdRng) -> bool {
        let ratio = u32::try_from(self.rolled_back + self.committed).unwrap_or(u32::MAX);
        chance.random_ratio(
            u32::try_from(self.rolled_back).unwrap_or(ratio).min(ratio),
            ratio,
        )
    }
}

/// A connection; it closes when the client is dropped.
pub(super) async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // A connection that breaks shows in the client's next statement.
    drop(runtime::spawn("demo-database", connection));
    Ok(client)
}

/// Writes until the quota is done.
pub(super) async fn write(mut client: Client, mut left: Quota, live: &Live) -> Result<(), Error> {
    let mut chance = StdRng::seed_from_u64(left.seed);
    let mut orders = Orders::default();
    let mut due = Instant::now();
    while !left.is_done() {
        sleep_until(due).await;
        let rolls_back = left.rolls_back(&mut chance);
        let as_a_whole = rolls_back && (left.committed == 0 || chance.random());
        let events = chance.random_range(1..=EVENTS_MAX);
        let mut tx = client.transaction().await?;
        let mut draft = orders.clone();
        let mut done = 0;
        if rolls_back {
            let lost = events.min(left.rolled_back);
            if as_a_whole {
                place(&mut tx, &mut draft, lost, &mut chance).await?;
            } else {
                let mut savepoint = tx.transaction().await?;
                place(&mut savepoint, &mut draft.clone(), lost, &mut chance).await?;
                savepoint.rollback().await?;
            }
            left.rolled_back -= lost;
            live.rolled_back(lost);
            done += lost;
        }
        if as_a_whole {
            tx.rollback().await?;
        } else {
            let kept = events.min(left.committed);
            let ids = place(&mut tx, &mut draft, kept, &mut chance).await?;
            live.committing(&ids);
            tx.commit().await?;
            orders = draft;
            left.committed -= kept;
            live.committed(kept);
            done += kept;
        }
        due += left.pause * u32::try_from(done).unwrap_or(u32::MAX);
    }
    Ok(())
}

/// Writes `events` steps into the transaction and the draft.
async fn place(
    tx: &mut Transaction<'_>,
    draft: &mut Orders,
    events: u64,
    chance: &mut StdRng,
) -> Result<Vec<Uuid>, Error> {
    let mut ids = Vec::new();
    for _ in 0..events {
        let step: Step = draft.next(chance);
        tx.execute(CHANGE, &[&step.order_id(), &step.state()])
            .await?;
        ids.push(step.emit(tx).await?.as_uuid());
    }
    Ok(ids)
}
