"""Prints a topic, one line of JSON for each record, in the form that ../README.md describes.

The tests compare it with the other languages' prints.

    KAFKA_BOOTSTRAP_SERVERS=… SCHEMA_REGISTRY_URL=… python dump.py TOPIC
"""

import dataclasses
import json
import struct
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from events import Events

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)


def canonical(value: Any) -> Any:
    """A decoded value with every scalar that JSON cannot say exactly in a tagged text."""
    match value:
        case None | bool() | str():
            return value
        case UUID():
            return str(value)
        case int():
            return {"$int": str(value)}
        case float():
            return {"$float": struct.pack(">d", value).hex()}
        case bytes():
            return {"$bytes": value.hex()}
        case Decimal():
            return {"$decimal": format(value, "f")}
        # A datetime is a date, too, so it comes first.
        case datetime():
            return {"$timestamp": str((value - EPOCH) // MICROSECOND)}
        case date():
            return {"$date": str((value - EPOCH.date()).days)}
        case time():
            midnight = datetime.min
            return {"$time": str((datetime.combine(midnight, value) - midnight) // MICROSECOND)}
        case list():
            return [canonical(item) for item in value]
        case dict():
            return {name: canonical(item) for name, item in sorted(value.items())}
    raise TypeError(f"no canonical form for {type(value)}")


def main(topic: str) -> None:
    events = Events(topic, f"dump-{uuid4()}")
    for event in events.to_the_end():
        line = {**dataclasses.asdict(event), "value": canonical(event.value)}
        print(json.dumps(line))
    events.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
