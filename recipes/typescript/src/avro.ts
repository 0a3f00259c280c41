/**
 * What the registry client must be told about Avro, since JavaScript's numbers are doubles: longs
 * become bigints, decimals `Decimal`s, and dates and times say what they count.
 *
 * Without this a long beyond 2^53 is an error, and a decimal is a Buffer.
 */
import avro from 'avsc'

/** A 64-bit integer, exactly. */
const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: (value: number | string) => BigInt(value),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** A decimal number: `unscaled` / 10^`scale`. */
export class Decimal {
  constructor(
    readonly unscaled: bigint,
    readonly scale: number,
  ) {}

  /** All digits, as PostgreSQL's `numeric` takes them. */
  toString(): string {
    const sign = this.unscaled < 0n ? '-' : ''
    const digits = `${this.unscaled}`.slice(sign.length).padStart(this.scale + 1, '0')
    const point = digits.length - this.scale
    const fraction = this.scale > 0 ? `.${digits.slice(point)}` : ''
    return `${sign}${digits.slice(0, point)}${fraction}`
  }
}

class DecimalType extends avro.types.LogicalType {
  private readonly scale: number

  constructor(schema: Annotated, options: Options) {
    super(schema as avro.Schema, options)
    this.scale = schema.scale ?? 0
  }

  protected override _fromValue(bytes: Buffer): Decimal {
    const unsigned = BigInt(`0x0${bytes.toString('hex')}`)
    return new Decimal(BigInt.asIntN(8 * bytes.length, unsigned), this.scale)
  }

  protected override _toValue(): undefined {
    return undefined // This side only reads.
  }
}

/** A date or a time: days or microseconds since 1970, or microseconds since midnight. */
export class Counted {
  constructor(
    readonly kind: 'date' | 'time' | 'timestamp',
    readonly count: bigint,
  ) {}
}

/** The logical type that counts `kind` in units of `unit` days or microseconds. */
function counting(kind: Counted['kind'], unit: bigint) {
  return class extends avro.types.LogicalType {
    constructor(schema: Annotated, options: Options) {
      const typeHook = () => (schema.type === 'long' ? long : undefined)
      super(schema as avro.Schema, { ...options, typeHook })
    }

    protected override _fromValue(value: number | bigint): Counted {
      return new Counted(kind, BigInt(value) * unit)
    }

    protected override _toValue(): undefined {
      return undefined
    }
  }
}

/** Options for `SchemaRegistry`, under `SchemaType.AVRO`. */
export const avroOptions = {
  // The value of a union as it is, whatever its branches are. One of two records needs 'always':
  // then each value comes in an object that names its branch.
  wrapUnions: 'never',
  typeHook: (schema: unknown): avro.Type | undefined => (isLong(schema) ? long : undefined),
  logicalTypes: {
    decimal: DecimalType,
    date: counting('date', 1n),
    'time-millis': counting('time', 1000n),
    'time-micros': counting('time', 1n),
    'timestamp-millis': counting('timestamp', 1000n),
    'timestamp-micros': counting('timestamp', 1n),
  },
}

export interface Annotated {
  type?: unknown
  logicalType?: string
  scale?: number
}

export type Options = Record<string, unknown>

/** A long without a meaning beyond its number. */
function isLong(schema: unknown): boolean {
  const { type, logicalType } = schema as Annotated
  return schema === 'long' || (type === 'long' && !(`${logicalType}` in avroOptions.logicalTypes))
}
