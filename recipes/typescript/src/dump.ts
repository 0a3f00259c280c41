/**
 * Prints a topic, one line of JSON for each record, in the form that ../README.md describes.
 *
 * The tests compare it with the other languages' prints.
 *
 *     KAFKA_BOOTSTRAP_SERVERS=… SCHEMA_REGISTRY_URL=… node dist/dump.js TOPIC
 */
import { randomUUID } from 'node:crypto'
import avro from 'avsc'
import { type Annotated, avroOptions, Counted, Decimal, type Options } from './avro.js'
import { Events } from './events.js'

/** A 32-bit integer as a bigint, so that every number that is left is a float or a double. */
class Int extends avro.types.LogicalType {
  constructor(options: Options) {
    super({ type: 'int', logicalType: 'int' } as avro.Schema, options)
  }

  protected override _fromValue(value: number): bigint {
    return BigInt(value)
  }

  protected override _toValue(): undefined {
    return undefined
  }
}

const options = {
  ...avroOptions,
  typeHook: (schema: unknown, options: Options) => {
    const { type, logicalType } = schema as Annotated
    const isInt = schema === 'int' || (type === 'int' && logicalType === undefined)
    return isInt ? new Int(options) : avroOptions.typeHook(schema)
  },
}

/** A decoded value with every scalar that JSON cannot say exactly in a tagged text. */
function canonical(value: unknown): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return { $int: `${value}` }
  if (typeof value === 'number') {
    const bits = Buffer.alloc(8)
    bits.writeDoubleBE(value)
    return { $float: bits.toString('hex') }
  }
  if (Buffer.isBuffer(value)) return { $bytes: value.toString('hex') }
  if (value instanceof Decimal) return { $decimal: `${value}` }
  if (value instanceof Counted) return { [`$${value.kind}`]: `${value.count}` }
  if (Array.isArray(value)) return value.map(canonical)
  const entries = Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, item]) => [name, canonical(item)]))
}

const [topic] = process.argv.slice(2) as [string]
await new Events(topic, `dump-${randomUUID()}`, options).toTheEnd(async (event) => {
  const { offset, timestamp, value } = event
  const line = {
    ...event,
    offset: Number(offset),
    timestamp: Number(timestamp),
    value: canonical(value),
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
})
