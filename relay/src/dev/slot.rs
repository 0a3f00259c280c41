//! The slot of a workbench in a database that was given.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Error, NAME};
use crate::postgres::{self, Target};

/// How long PostgreSQL may take to notice that the relay is gone.
const LIMIT: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(50);

/// Whether the slot is in use; none when there is no such slot.
const LOOK: &str = "select active from pg_replication_slots where slot_name = $1";

/// Drops the slot of `postrider dev` in the database at `url`, if it is there, once nobody reads it.
pub async fn drop_slot(url: &str) -> Result<(), Error> {
    let target: Target = url.parse().map_err(Error::Url)?;
    let session = postgres::connect(&target).await?;
    let slot = format!("postrider_{NAME}");
    let deadline = Instant::now() + LIMIT;
    loop {
        let row = session.client().query_opt(LOOK, &[&slot]).await?;
        match row.map(|row| row.get::<_, bool>(0)) {
            None => break,
            Some(true) if Instant::now() >= deadline => return Err(Error::SlotInUse { slot }),
            Some(true) => sleep(PAUSE).await,
            Some(false) => {
                let drop = "select pg_drop_replication_slot($1::text::name)";
                session.client().execute(drop, &[&slot]).await?;
            }
        }
    }
    session.close().await;
    Ok(())
}
