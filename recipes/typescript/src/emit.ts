/**
 * A service that emits: its change and the event are rows of one transaction.
 *
 * What the transaction rolls back was never emitted, and what it commits reaches Kafka; the service
 * needs no Kafka client and no schema registry.
 *
 *     DATABASE_URL=… node dist/emit.js
 */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { Outbox } from './outbox.service.js'
import { OrdersService } from './orders.service.js'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const outbox = new Outbox({
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
})
const orders = new OrdersService(pool, outbox)

const first = { orderId: randomUUID(), total: '12.30' }
const second = { orderId: randomUUID(), total: '0.10', note: 'Körnerbrötchen 🥖' }
const placed = await orders.place([first, second])
console.log(placed.join('\n'))

const valid = { orderId: randomUUID(), total: '7.00' }
const invalid = { orderId: randomUUID(), total: '-1.00' }
// Neither order is placed, and neither event will be seen.
await orders.place([valid, invalid]).then(
  () => { throw new Error('an order of -1.00 was placed') },
  (error: pg.DatabaseError) => { if (error.code !== '23514') throw error },
)

console.log(await orders.forget(second.orderId, placed[1]!))
await pool.end()
