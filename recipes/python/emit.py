"""A service that emits: its change and the event are rows of one transaction.

`outbox.emit` is an ordinary function. What the transaction rolls back was never emitted, and what it
commits reaches Kafka; the service needs no Kafka client and no schema registry.

    DATABASE_URL=… python emit.py
"""

import json
import os
from datetime import datetime, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg

# The casts choose between the forms of `emit` for text, json and jsonb.
EMIT = """
    select outbox.emit(
      event_type => 'bakery.OrderPlaced', aggregate_type => 'order', aggregate_id => %(order_id)s,
      payload => %(payload)s::text, schema_version => 1, headers => %(headers)s::text,
      correlation_id => %(correlation_id)s, causation_id => %(causation_id)s)
"""


class Orders:
    """The orders of a bakery. Each method is called inside the caller's transaction."""

    def __init__(self, connection: psycopg.Connection, headers: dict[str, str]):
        self.connection = connection
        self.headers = headers

    def place(self, order_id: UUID, total: Decimal, note: str | None = None) -> UUID:
        """Writes an order and the event that says so; returns the event's id."""
        self.connection.execute(
            "insert into bread_order (order_id, total) values (%s, %s)", (order_id, total)
        )
        # A decimal travels as text: JSON's numbers are doubles to many a program on the way.
        payload = {
            "order_id": str(order_id),
            "total": str(total),
            "placed_at": datetime.now(timezone.utc).isoformat(),
            "note": note,
        }
        return self._emit(order_id, json.dumps(payload), cause=None)

    def forget(self, order_id: UUID, cause: UUID) -> UUID:
        """Deletes an order; an event without a payload becomes a tombstone on the topic."""
        self.connection.execute("delete from bread_order where order_id = %s", (order_id,))
        return self._emit(order_id, None, cause)

    def _emit(self, order_id: UUID, payload: str | None, cause: UUID | None) -> UUID:
        parameters = {
            "order_id": str(order_id),
            "payload": payload,
            "headers": json.dumps(self.headers),
            "correlation_id": f"order-{order_id}",
            "causation_id": cause and str(cause),
        }
        return self.connection.execute(EMIT, parameters).fetchone()[0]


def main() -> None:
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        orders = Orders(connection, headers)
        first, second = uuid4(), uuid4()
        with connection.transaction():
            print(orders.place(first, Decimal("12.30")))
            placed = orders.place(second, Decimal("0.10"), "Körnerbrötchen 🥖")
            print(placed)
        try:
            with connection.transaction():
                orders.place(uuid4(), Decimal("7.00"))
                orders.place(uuid4(), Decimal("-1.00"))
        except psycopg.errors.CheckViolation:
            pass  # Neither order was placed, and neither event will be seen.
        with connection.transaction():
            print(orders.forget(second, cause=placed))


if __name__ == "__main__":
    main()
