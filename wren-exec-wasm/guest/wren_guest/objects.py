"""Where the objects are that the snapshot leaves behind.

The build makes them immortal (PEP 683): CPython counts references within the objects, and each count that a run changes costs it
a copy of a page. It can be done only from outside, where the memory is bytes.
"""

from __future__ import annotations

import gc
from array import array
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# An unsigned integer of 32 bits.
_WORD = "I"
# A bit for each place where an object can begin, up to an address that the guest's memory does not reach.
_ALIGNMENT = 8
_SEEN_BYTES = (128 << 20) // _ALIGNMENT // 8


def publish(path: str) -> None:
    """Writes the address of each object and that of its type, as integers of 32 bits in the machine's order."""
    # First, so that nothing of this function's is among them.
    found = gc.get_objects()
    seen = bytearray(_SEEN_BYTES)
    with open(path, "wb") as file:
        while found:
            thing = found.pop()
            place, bit = divmod(id(thing) // _ALIGNMENT, 8)
            if not seen[place] >> bit & 1:
                seen[place] |= 1 << bit
                array(_WORD, (id(thing), id(type(thing)))).tofile(file)
                found.extend(_referents(thing))


def _referents(thing: object) -> Iterable[object]:
    if isinstance(thing, CodeType):
        # The collector does not look into code.
        return (
            thing.co_consts,
            thing.co_names,
            *thing.co_varnames,
            *thing.co_cellvars,
            *thing.co_freevars,
            thing.co_filename,
            thing.co_name,
            thing.co_qualname,
            thing.co_linetable,
            thing.co_exceptiontable,
        )
    return gc.get_referents(thing)
