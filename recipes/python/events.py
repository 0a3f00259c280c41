"""The events of a topic, as an ordinary consumer gets them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


@dataclass(frozen=True)
class Event:
    """A record, decoded. `value` is None for a tombstone: forget what the key stands for."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str
    headers: dict[str, str]
    value: dict[str, Any] | None


class Events:
    """Reads a topic as a member of a consumer group."""

    def __init__(self, topic: str, group: str):
        self.topic = topic
        self.deserialize = AvroDeserializer(
            SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]})
        )
        self.consumer = Consumer(
            {
                "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
                "group.id": group,
                "auto.offset.reset": "earliest",
                # The default of librdkafka, and not of other clients: say it.
                "isolation.level": "read_committed",
                # Offsets are committed after the effect, never by the clock.
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )

    def to_the_end(self) -> Iterator[Event]:
        """Every event up to the end of each partition. A service never stops; a test does."""
        partitions = self.consumer.list_topics(self.topic).topics[self.topic].partitions
        unread = set(partitions)
        self.consumer.subscribe([self.topic])
        while unread:
            message = self.consumer.poll(1.0)
            if message is None:
                continue
            if (error := message.error()) is None:
                yield self._event(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
            else:
                raise KafkaException(error)

    def commit(self) -> None:
        """Commits how far the group has read: what was yielded is handled."""
        positions = self.consumer.position(self.consumer.assignment())
        self.consumer.commit(
            offsets=[position for position in positions if position.offset != OFFSET_INVALID],
            asynchronous=False,
        )

    def close(self) -> None:
        self.consumer.close()

    def _event(self, message: Message) -> Event:
        context = SerializationContext(message.topic(), MessageField.VALUE, message.headers())
        return Event(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            timestamp=message.timestamp()[1],
            key=message.key().decode(),
            headers={name: value.decode() for name, value in message.headers()},
            # The first five bytes name the schema; the deserializer asks the registry for it.
            value=self.deserialize(message.value(), context),
        )
