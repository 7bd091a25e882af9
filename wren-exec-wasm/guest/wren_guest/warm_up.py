"""Runs some scripts before the snapshot, so that caches are filled and byte code is specialised when the first one comes.

They go the way that every run goes; what a run leaves behind is taken away again.
"""

from __future__ import annotations

import sys

from wren import _host, registry
from wren._codec import dumps
from wren._runtime import session
from wren._runtime.loading import MODULE_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_SCRIPTS = (
    """
import asyncio, datetime, json, re, wren
from dataclasses import dataclass

@dataclass
class Item:
    name: str
    size: int = 0

@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin")
def main():
    items = [Item(f"item {number}", number) for number in range(20)]
    print("hello", len(items), datetime.datetime.now().isoformat())
    text = json.dumps([vars(item) for item in items], indent=1)
    found = [match.group(1) for match in re.finditer(r'"size": ([0-9]+)', text)]
    wren.state["seen"] = len(found)
    wren.context().run_id
    return {"found": found, "sum": sum(map(int, found)), "text": json.loads(text)}
""",
    """
import asyncio

async def double(value):
    await asyncio.sleep(0)
    return value * 2

async def main():
    return await asyncio.gather(double(1), double(2))
""",
    """
def main():
    raise ValueError("a failure")
""",
    "def main(:\n",
    "import wren\nmissing()\n",
    "import no_such_module\n",
)

_CONTEXT = {
    "run_id": "run",
    "deployment_id": "dep",
    "deployment_name": "warm-up",
    "revision": 1,
    "trigger": "manual",
    "trigger_id": None,
    "func": "main",
    "scheduled_for": "2026-01-01T00:00:00Z",
    "attempt": 1,
    "idempotency_key": "key",
    "correlation_id": "corr",
    "timezone": "UTC",
}


def run(entry: Any) -> None:
    """Does each script's jobs several times, as the interpreter specialises only what it has seen before."""
    entry.channel.connect(_Platform)
    # They work once in an interpreter's life.
    at_the_end = session._wait_for_threads, session.run_exit_functions
    session._wait_for_threads = session.run_exit_functions = _nothing
    try:
        world = entry.WitWorld()
        for _ in range(8):
            for script in _SCRIPTS:
                _do(entry, world, script)
    finally:
        session._wait_for_threads, session.run_exit_functions = at_the_end
    _host.end()
    registry.clear()
    sys.argv[:] = [""]


def _do(entry: Any, world: Any, script: str) -> None:
    code = world.compile(script, "script.py")
    base = {"t": "job", "v": 1, "script": script, "filename": "script.py", "argv_path": []}
    runs = {**base, "mode": "run", "func": "main", "trigger": "manual", "event": None, "context": _CONTEXT}
    for job in ({**base, "mode": "inspect"}, runs):
        before = dict(sys.modules)
        serve = world.run if job["mode"] == "run" else world.inspect
        serve(dumps(job).encode("utf-8"), code)
        entry.channel.last = None
        _forget(before)


def _forget(before: dict[str, ModuleType]) -> None:
    sys.modules.pop(MODULE_NAME, None)
    added = sys.modules.keys() - before.keys()
    if added:
        raise RuntimeError(f"a run imports {sorted(added)}, which belong to the snapshot")


class _Platform:
    """Takes what nobody is to see, and knows no answer but one."""

    @staticmethod
    def write(descriptor: int, data: bytes) -> None:
        """Drops it."""

    finish = write

    @staticmethod
    def call(frame: bytes) -> bytes:
        """Returns a reply."""
        return b'{"t":"reply","id":1,"ok":null}'


def _nothing() -> None:
    """Does nothing."""
