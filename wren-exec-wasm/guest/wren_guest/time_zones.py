"""``zoneinfo`` without a file system: every zone of the IANA database from memory."""

from __future__ import annotations

import io
import os
import zoneinfo

import wren_guest_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def install() -> None:
    """Reads the database and puts it where both of the library's implementations look after the system's files."""
    path = os.path.join(os.path.dirname(wren_guest_data.__file__ or ""), "tzdata.bin")
    with open(path, "rb") as file:
        zones = _parse(file.read())

    def load(key: str) -> io.BytesIO:
        found = zones.get(key)
        if found is None:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
        return io.BytesIO(found)

    def available() -> set[str]:
        return set(zones)

    zoneinfo.reset_tzpath(to=())
    library: Any = zoneinfo
    library._common.load_tzdata = load
    library._tzpath.available_timezones = library.available_timezones = available


def _parse(data: bytes) -> dict[str, memoryview]:
    """Reads records of a name, preceded by its length in 2 bytes, and a zone, preceded by its length in 4."""
    view = memoryview(data)
    zones: dict[str, memoryview] = {}
    at = 0
    while at < len(view):
        end = at + 2 + int.from_bytes(view[at : at + 2], "big")
        name = str(view[at + 2 : end], "utf-8")
        at = end + 4
        end = at + int.from_bytes(view[end:at], "big")
        zones[name] = view[at:end]
        at = end
    return zones
