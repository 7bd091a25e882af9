"""An event loop for one thread without any input or output: its tasks, its timers, and sleep between them."""

from __future__ import annotations

import asyncio
import asyncio.unix_events
import time

from .absent import UnsupportedOperation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn


class _Sleep:
    """Stands for the selector, which with nothing to select from only waits."""

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            # Neither a timer nor a callback is left, and no signal or thread can add one.
            raise RuntimeError("every task waits for another one, and nothing is left that could wake any of them")
        if timeout > 0:
            time.sleep(timeout)
        return []


class EventLoop(asyncio.BaseEventLoop):
    """The loop of ``asyncio.run`` and of all else that makes one."""

    def __init__(self, selector: Any = None) -> None:
        super().__init__()
        self._selector = _Sleep()

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """It would wake the loop from another thread."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Runs the function at once, in place of a thread: ``asyncio.to_thread`` comes here."""
        self._check_closed()
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except (KeyboardInterrupt, SystemExit):
            raise
        except StopIteration as error:
            # A future cannot hold it.
            future.set_exception(RuntimeError(f"the function raised {error!r}"))
        except BaseException as error:
            future.set_exception(error)
        return future

    async def getaddrinfo(self, *args: Any, **options: Any) -> NoReturn:
        _no_socket()

    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> NoReturn:
        raise UnsupportedOperation("starting a process")


def _no_socket(*args: Any, **options: Any) -> NoReturn:
    raise UnsupportedOperation("a socket", "for HTTP use `wren.http` or `urllib.request`; as for sockets, ")


def install() -> None:
    """Makes it the loop of ``asyncio``."""
    for name in ("_add_reader", "_add_writer", "add_reader", "add_writer", "connect_read_pipe", "connect_write_pipe"):
        setattr(EventLoop, name, _no_socket)
    unix: Any = asyncio.unix_events
    unix._UnixSelectorEventLoop = unix.SelectorEventLoop = unix.EventLoop = EventLoop
    asyncio.SelectorEventLoop = asyncio.EventLoop = EventLoop  # type: ignore[misc,assignment]
    policy: Any = unix._DefaultEventLoopPolicy
    policy._loop_factory = EventLoop
