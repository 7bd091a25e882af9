"""The interpreter's heap as the snapshot leaves it: a run should write to few pages of it, as each costs a copy."""

from __future__ import annotations

# Blocks of up to 512 bytes come from pools of one size each; what is larger comes from the C library.
_ALIGNMENT = 16
_LARGEST_SMALL = 512
_POOL_BYTES = 16 * 1024
_LARGEST = 64 * 1024
# What a `bytes` object takes beside its bytes.
_HEADER = b"".__sizeof__()

# Nobody frees what fills the holes.
_kept: list[object] = []


def fill_holes() -> None:
    """Allocates whatever is free between what is in use.

    What a run allocates is then next to what it allocated before, and not on a page of its own.
    """
    for size in range(_LARGEST_SMALL, 0, -_ALIGNMENT):
        if size >= _HEADER:
            _fill(size, _POOL_BYTES // size)
    size = _LARGEST
    while size > _LARGEST_SMALL:
        _fill(size, 4)
        size = size * 7 // 8 // _ALIGNMENT * _ALIGNMENT


def _fill(size: int, enough: int) -> None:
    """Allocates blocks of a size until ``enough`` of them lay one behind the other."""
    last, run = 0, 0
    while run < enough:
        block = bytes(size - _HEADER)
        here = id(block)
        run = run + 1 if size <= here - last <= size + _ALIGNMENT else 0
        last = here
        _kept.append(block)
