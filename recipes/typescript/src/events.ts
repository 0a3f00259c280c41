/** The events of a topic, as an ordinary consumer gets them. */
import registry, { SchemaType } from '@kafkajs/confluent-schema-registry'
import kafkajs, { type KafkaMessage } from 'kafkajs'
import lz4 from 'lz4-napi'
import { avroOptions } from './avro.js'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs

// The relay compresses with LZ4 unless it is told otherwise, and KafkaJS brings only gzip.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder: { buffer: Buffer }) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer: Buffer) => lz4.decompressFrame(buffer),
})

/** A record, decoded. `value` is null for a tombstone: forget what the key stands for. */
export interface Event {
  topic: string
  partition: number
  offset: bigint
  timestamp: bigint
  key: string
  headers: Record<string, string>
  value: Record<string, unknown> | null
}

type Handler = (event: Event) => Promise<void>

/** Reads a topic as a member of a consumer group. */
export class Events {
  private readonly kafka = new Kafka({
    brokers: process.env.KAFKA_BOOTSTRAP_SERVERS!.split(','),
    logLevel: logLevel.WARN,
  })
  private readonly registry: registry.SchemaRegistry

  constructor(
    private readonly topic: string,
    private readonly groupId: string,
    options: object = avroOptions,
  ) {
    const host = process.env.SCHEMA_REGISTRY_URL!
    this.registry = new registry.SchemaRegistry({ host }, { [SchemaType.AVRO]: options })
  }

  /**
   * Hands every event to `handle`, up to the end of each partition. A service never stops; a test
   * does. Offsets are committed after `handle` has succeeded.
   */
  async toTheEnd(handle: Handler): Promise<void> {
    const unread = await this.unread()
    const consumer = this.kafka.consumer({
      groupId: this.groupId,
      readUncommitted: false, // The default of KafkaJS, and not of other clients: say it.
      retry: { restartOnFailure: async () => false },
    })
    await consumer.connect()
    try {
      await consumer.subscribe({ topic: this.topic, fromBeginning: true })
      await new Promise<void>((resolve, reject) => {
        if (unread.size === 0) resolve()
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
        // Also comes for what a reader is not shown, such as the end of a transaction.
        consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
          const end = unread.get(payload.partition)
          if (end === undefined || BigInt(payload.lastOffset) + 1n < end) return
          unread.delete(payload.partition)
          if (unread.size === 0) resolve()
        })
        const eachMessage = async ({ partition, message }: Delivery) =>
          handle(await this.decode(partition, message))
        consumer.run({ eachMessage }).catch(reject)
      })
    } finally {
      await consumer.disconnect()
    }
  }

  /** The partitions in which something lies before the group, and where each ends now. */
  private async unread(): Promise<Map<number, bigint>> {
    const admin = this.kafka.admin()
    await admin.connect()
    const ends = await admin.fetchTopicOffsets(this.topic)
    const [own] = await admin.fetchOffsets({ groupId: this.groupId, topics: [this.topic] })
    await admin.disconnect()
    const position = new Map(own!.partitions.map((at) => [at.partition, BigInt(at.offset)]))
    return new Map(
      ends
        .filter((end) => end.low !== end.high && position.get(end.partition)! < BigInt(end.high))
        .map((end) => [end.partition, BigInt(end.high)]),
    )
  }

  private async decode(partition: number, message: KafkaMessage): Promise<Event> {
    const headers = Object.entries(message.headers ?? {})
    return {
      topic: this.topic,
      partition,
      offset: BigInt(message.offset),
      timestamp: BigInt(message.timestamp),
      key: message.key!.toString(),
      headers: Object.fromEntries(headers.map(([name, value]) => [name, `${value}`])),
      // The first five bytes name the schema; the client asks the registry for it.
      value: message.value && (await this.registry.decode(message.value)),
    }
  }
}

interface Delivery {
  partition: number
  message: KafkaMessage
}
