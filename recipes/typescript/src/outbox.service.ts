import type { ClientBase } from 'pg'

/** An event for `outbox.emit`; a payload of null becomes a tombstone on the topic. */
export interface OutboxEvent {
  type: string
  aggregateType: string
  aggregateId: string
  payload: object | null
  schemaVersion: number
  correlationId?: string
  causationId?: string
}

// The casts choose between the forms of `emit` for text, json and jsonb.
const EMIT = `
  select outbox.emit(
    event_type => $1, aggregate_type => $2, aggregate_id => $3, payload => $4::text,
    schema_version => $5, correlation_id => $6, causation_id => $7, headers => $8::text) as id`

/**
 * Writes events into the transaction of the change that they tell of. In NestJS this is a provider:
 * `@Injectable()` on the class, `providers: [Outbox]` in its module; with request scope, where the
 * headers are those of the request.
 *
 * It takes the client on which the transaction runs. A pool would be wrong: each of its queries may
 * run on another connection, outside the transaction. With TypeORM, pass the same statement to
 * `EntityManager.query` inside `dataSource.transaction`.
 */
export class Outbox {
  constructor(private readonly headers: Record<string, string> = {}) {}

  /** Returns the event's id. */
  async emit(transaction: ClientBase, event: OutboxEvent): Promise<string> {
    const { rows } = await transaction.query<{ id: string }>(EMIT, [
      event.type,
      event.aggregateType,
      event.aggregateId,
      event.payload === null ? null : JSON.stringify(event.payload),
      event.schemaVersion,
      event.correlationId ?? null,
      event.causationId ?? null,
      JSON.stringify(this.headers),
    ])
    return rows[0]!.id
  }
}
