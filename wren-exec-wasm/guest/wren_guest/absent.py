"""What a component has not: threads, processes, sockets, timers. Using it says which executor has it."""

from __future__ import annotations

import _thread
import os
import signal
import socket
import subprocess
import threading

from wren._runtime.imports import executor_hint
from wren.errors import AgentFixableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, NoReturn

_EXECUTOR = "process"

#: Modules that are not here, and the executor that has them.
UNAVAILABLE = dict.fromkeys(
    (
        "_bz2 _ctypes _curses _curses_panel _dbm _gdbm _interpchannels _interpqueues _interpreters _lzma "
        "_multiprocessing _posixshmem _posixsubprocess _ssl _uuid _zstd bz2 ctypes curses dbm ensurepip fcntl grp "
        "lzma mmap multiprocessing pty pwd readline resource ssl syslog termios tty venv"
    ).split(),
    _EXECUTOR,
)

_OS_NAMES = frozenset(
    "abort execl execle execlp execlpe execv execve execvp execvpe fork forkpty getpgid getpgrp getppid getsid kill "
    "killpg mkfifo nice openpty pipe pipe2 popen posix_spawn posix_spawnp setpgid setsid spawnl spawnle spawnlp "
    "spawnlpe spawnv spawnve spawnvp spawnvpe system wait wait3 wait4 waitid waitpid".split()
)
_SIGNAL_NAMES = frozenset("alarm getitimer pause pthread_kill setitimer sigwait sigtimedwait".split())
_SOCKET_NAMES = (
    "create_connection create_server fromfd getaddrinfo getfqdn gethostbyaddr gethostbyname gethostbyname_ex "
    "getnameinfo getservbyname getservbyport socketpair"
).split()
_SOCKET_HINT = "for HTTP use `wren.http` or `urllib.request`; as for sockets, "


class Unsupported(AgentFixableError):
    """The script uses what only another executor has."""

    def __init__(self, what: str, hint: str = "") -> None:
        message = f"{what} is not available in this executor"
        super().__init__(message, code="UNSUPPORTED_IMPORT", hint=hint + executor_hint(_EXECUTOR))


# Also what the interpreter itself raises in such a case: for code that can do without.
class UnsupportedAttribute(Unsupported, AttributeError):
    """A module lacks a function."""


class UnsupportedOperation(Unsupported, OSError):
    """The system lacks a service."""


class UnsupportedThread(Unsupported, RuntimeError):
    """No thread can be started."""


def refuse() -> None:
    """Replaces what would fail in its own, less helpful way."""
    for module in (_thread, threading):
        for name in ("start_new_thread", "start_new", "start_joinable_thread", "_start_joinable_thread"):
            if hasattr(module, name):
                setattr(module, name, _start_thread)
    subprocess.Popen.__init__ = _start_process
    socket.socket.__init__ = _open_socket
    for name in _SOCKET_NAMES:
        setattr(socket, name, _open_socket)
    _explain(os, _OS_NAMES)
    _explain(signal, _SIGNAL_NAMES)


def _start_thread(*args: Any, **options: Any) -> NoReturn:
    raise UnsupportedThread("starting a thread", "`asyncio` works, and runs one task at a time; ")


def _start_process(self: Any, *args: Any, **options: Any) -> NoReturn:
    raise UnsupportedOperation("starting a process")


def _open_socket(*args: Any, **options: Any) -> NoReturn:
    raise UnsupportedOperation("a socket", _SOCKET_HINT)


def _explain(module: ModuleType, names: frozenset[str]) -> None:
    """Says of functions that the module lacks why; ``hasattr`` is false for them as before."""

    def missing(name: str) -> NoReturn:
        if name in names:
            raise UnsupportedAttribute(f"`{module.__name__}.{name}`")
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}", name=name, obj=module)

    getter: Callable[[str], Any] = missing
    module.__getattr__ = getter  # type: ignore[method-assign]
