"""Says where an import hangs, shortly before the platform ends it.

The platform ends an import that is over its limit in any case, but cannot see where it is. This needs signals and the
main thread, or `sys.monitoring` where there are no signals; without them, or when the script blocks the signal or does not
come back from C, the platform's own word stands.
"""

from __future__ import annotations

import sys

from wren._runtime import failures, inspection

try:
    # `signal` wraps this one in enumerations, which take long to import.
    import _signal  # type: ignore[import-not-found]
except ImportError:
    _signal = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable

    from wren._runtime.channel import Channel
    from wren._runtime.loading import Script


class ImportLimit:
    """A context in which the import runs; at its limit it sends the inspection and ends the process."""

    def __init__(self, timeout_ms: Any, script: Script, names: dict[str, Any], channel: Channel) -> None:
        self._timeout_ms = timeout_ms
        self._script = script
        self._names = names
        self._channel = channel
        self._under_way = False
        self._watch: Watch | None = None

    def __enter__(self) -> None:
        if type(self._timeout_ms) is not int or self._timeout_ms <= 0:
            return
        if not hasattr(_signal, "setitimer"):
            if hasattr(sys, "monitoring"):
                self._watch = Watch(_seconds_until_report(self._timeout_ms), self._report)
                self._under_way = True
                self._watch.start()
            return
        self._under_way = True
        try:
            _signal.signal(_signal.SIGALRM, self._expire)
            _signal.setitimer(_signal.ITIMER_REAL, _seconds_until_report(self._timeout_ms))
        except (ValueError, OSError, OverflowError):
            # Not the main thread, or a limit beyond what a timer can hold.
            self._under_way = False

    def __exit__(self, *raised: object) -> None:
        if self._under_way:
            # First, so that a signal which has arrived and was not handled yet finds the import ended.
            self._under_way = False
            if self._watch is not None:
                self._watch.stop()
            else:
                _signal.setitimer(_signal.ITIMER_REAL, 0)

    def _expire(self, signum: int, frame: FrameType | None) -> None:
        self._report(frame)

    def _report(self, frame: FrameType | None) -> None:
        if not self._under_way or self._channel.forked:
            return
        self._under_way = False
        error = failures.of_import_timeout(self._timeout_ms, frame, self._script)
        # The script's own code may catch whatever leaves this handler, and go on without end.
        try:
            self._channel.send_and_exit(inspection.report(self._names, error))
        except BaseException:
            # Looking at what was registered runs the script's code; the error alone needs none of it.
            try:
                self._channel.send_and_exit({"t": "inspection", "error": error})
            except BaseException:
                pass


class Watch:
    """Looks at the clock whenever the script starts a function or goes back in a loop, where there are no signals.

    That makes loops several times slower, which an import can bear: a run is not watched.
    """

    # Not one of the numbers that `sys.monitoring` has names for.
    _TOOL = 4

    def __init__(self, seconds: float, report: Callable[[FrameType | None], None]) -> None:
        import time

        self._clock = time.monotonic
        self._time = time
        self._sleep = time.sleep
        self._at = self._clock() + seconds
        self._report = report

    def start(self) -> None:
        """Watches from now on."""
        monitoring = sys.monitoring  # type: ignore[attr-defined]
        events = monitoring.events
        monitoring.use_tool_id(self._TOOL, "wren")
        for event in (events.JUMP, events.PY_START):
            monitoring.register_callback(self._TOOL, event, self._look)
        monitoring.set_events(self._TOOL, events.JUMP | events.PY_START)
        self._time.sleep = self._sleep_until_report

    def stop(self) -> None:
        """Watches no longer."""
        monitoring = sys.monitoring  # type: ignore[attr-defined]
        monitoring.set_events(self._TOOL, 0)
        monitoring.free_tool_id(self._TOOL)
        if self._time.sleep == self._sleep_until_report:
            self._time.sleep = self._sleep

    def _look(self, *event: object) -> None:
        if self._clock() >= self._at:
            self._report(sys._getframe(1))

    def _sleep_until_report(self, seconds: float) -> None:
        left = self._at - self._clock()
        if isinstance(seconds, (int, float)) and seconds > left:
            self._sleep(max(left, 0))
            self._report(sys._getframe(1))
        else:
            self._sleep(seconds)


def _seconds_until_report(timeout_ms: int) -> float:
    # The platform's clock started before the interpreter did, which takes its time on a busy machine.
    spare = max(timeout_ms * 0.1, min(500, timeout_ms * 0.5))
    return (timeout_ms - spare) / 1000
