"""``open`` where no file exists, with a word on why."""

from __future__ import annotations

import builtins
import errno
import io

from wren._runtime.imports import executor_hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_open = io.open
_WHY = "this executor has no files: keep data in `wren.state` or in memory (`io.StringIO`, `io.BytesIO`); "


def open(file: Any, *args: Any, **options: Any) -> Any:
    """Opens what the interpreter itself can open, which is nothing but a descriptor."""
    try:
        return _open(file, *args, **options)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, f"{_WHY}{executor_hint('process')}", file) from None
    except OSError as error:
        if error.filename is None:
            raise
        raise FileNotFoundError(errno.ENOENT, f"{_WHY}{executor_hint('process')}", file) from None


def install() -> None:
    """Replaces ``open`` for scripts and for the library's modules."""
    open.__module__, open.__qualname__ = "io", "open"
    builtins.open = io.open = open
