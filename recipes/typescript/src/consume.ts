/**
 * A service that consumes: the receipt and the effect are rows of one transaction.
 *
 * Kafka may deliver an event again, after a crash between the effect and the commit of the offset.
 * Its receipt is there then, and it has no second effect.
 *
 *     DATABASE_URL=… KAFKA_BOOTSTRAP_SERVERS=… SCHEMA_REGISTRY_URL=… \
 *         node dist/consume.js TOPIC GROUP CONSUMER
 */
import pg, { type PoolClient } from 'pg'
import { type Event, Events } from './events.js'
import { inTransaction } from './orders.service.js'

const [topic, group, consumer] = process.argv.slice(2) as [string, string, string]
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })

/** Writes the receipt, within the transaction; false where it lies there already. */
async function isNew(transaction: PoolClient, event: Event): Promise<boolean> {
  const receipt =
    'insert into receipt (consumer, event_id) values ($1, $2) on conflict do nothing'
  const { rowCount } = await transaction.query(receipt, [consumer, event.headers.id])
  return rowCount === 1
}

/** Adds an order up, or counts it as cancelled. */
async function handle(transaction: PoolClient, event: Event): Promise<void> {
  // A topic may carry types that a consumer does not know.
  if (event.headers.type !== 'bakery.OrderPlaced') return
  const [orders, total, cancelled] = event.value ? [1, `${event.value.total}`, 0] : [0, '0', 1]
  await transaction.query(
    `insert into revenue as r values ($1, $2, $3, $4) on conflict (consumer) do update set
       orders = r.orders + excluded.orders, total = r.total + excluded.total,
       cancelled = r.cancelled + excluded.cancelled`,
    [consumer, orders, total, cancelled],
  )
}

await new Events(topic, group).toTheEnd((event) =>
  inTransaction(pool, async (transaction) => {
    if (await isNew(transaction, event)) await handle(transaction, event)
  }),
)
await pool.end()
