"""A service that consumes: the receipt and the effect are rows of one transaction.

Kafka may deliver an event again, after a crash between the effect and the commit of the offset.
Its receipt is there then, and it has no second effect.

    DATABASE_URL=… KAFKA_BOOTSTRAP_SERVERS=… SCHEMA_REGISTRY_URL=… \\
        python consume.py TOPIC GROUP CONSUMER
"""

import os
import sys
from decimal import Decimal

import psycopg

from events import Event, Events


def is_new(connection: psycopg.Connection, consumer: str, event: Event) -> bool:
    """Writes the receipt, within the caller's transaction; false where it lies there already."""
    receipt = "insert into receipt (consumer, event_id) values (%s, %s) on conflict do nothing"
    return connection.execute(receipt, (consumer, event.headers["id"])).rowcount == 1


def handle(connection: psycopg.Connection, consumer: str, event: Event) -> None:
    """Adds an order up, or counts it as cancelled."""
    if event.headers["type"] != "bakery.OrderPlaced":
        return  # A topic may carry types that a consumer does not know.
    orders, total, cancelled = 0, Decimal(0), 1
    if event.value is not None:
        orders, total, cancelled = 1, event.value["total"], 0
    connection.execute(
        "insert into revenue as r values (%s, %s, %s, %s) on conflict (consumer) do update set "
        "orders = r.orders + excluded.orders, total = r.total + excluded.total, "
        "cancelled = r.cancelled + excluded.cancelled",
        (consumer, orders, total, cancelled),
    )


def main(topic: str, group: str, consumer: str) -> None:
    events = Events(topic, group)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        for event in events.to_the_end():
            with connection.transaction():
                if is_new(connection, consumer, event):
                    handle(connection, consumer, event)
            events.commit()
    events.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
