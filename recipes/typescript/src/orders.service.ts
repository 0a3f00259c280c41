import type { Pool, PoolClient } from 'pg'
import type { Outbox } from './outbox.service.js'

/** A total is text, since a JavaScript number is a double and holds no cents exactly. */
export interface NewOrder {
  orderId: string
  total: string
  note?: string
}

/** The orders of a bakery; another provider, which gets the pool and the outbox injected. */
export class OrdersService {
  constructor(
    private readonly pool: Pool,
    private readonly outbox: Outbox,
  ) {}

  /** Places all of the orders or none; returns the ids of the events that say so. */
  place(orders: NewOrder[]): Promise<string[]> {
    return inTransaction(this.pool, async (transaction) => {
      const ids: string[] = []
      for (const { orderId, total, note } of orders) {
        const insert = 'insert into bread_order (order_id, total) values ($1, $2)'
        await transaction.query(insert, [orderId, total])
        const placedAt = new Date().toISOString()
        const payload = { order_id: orderId, total, placed_at: placedAt, note: note ?? null }
        ids.push(await this.outbox.emit(transaction, event(orderId, payload)))
      }
      return ids
    })
  }

  /** Deletes an order; `causationId` is the event that made it. */
  forget(orderId: string, causationId: string): Promise<string> {
    return inTransaction(this.pool, async (transaction) => {
      await transaction.query('delete from bread_order where order_id = $1', [orderId])
      return this.outbox.emit(transaction, { ...event(orderId, null), causationId })
    })
  }
}

function event(orderId: string, payload: object | null) {
  return {
    type: 'bakery.OrderPlaced',
    aggregateType: 'order',
    aggregateId: orderId,
    payload,
    schemaVersion: 1,
    correlationId: `order-${orderId}`,
  }
}

/** Runs `work` in a transaction on one connection of the pool; an error rolls it back. */
export async function inTransaction<T>(
  pool: Pool,
  work: (transaction: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
