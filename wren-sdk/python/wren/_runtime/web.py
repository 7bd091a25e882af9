"""Carries ``http.client``, and so ``urllib.request``, over host calls where an interpreter has no sockets.

The connection's own code writes a request and parses an answer as ever; only the socket between them is another one.
"""

from __future__ import annotations

import http.client
import io
import socket
from binascii import a2b_base64, b2a_base64

from wren import _host
from wren.errors import WrenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# They describe one connection, which ends at the platform: it makes its own to the server.
_OF_THE_CONNECTION = ("connection", "content-length", "keep-alive", "transfer-encoding")


class HTTPSConnection(http.client.HTTPConnection):
    """A connection whose other end speaks TLS, which the platform does on its behalf."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, host: str, port: int | None = None, *, context: Any = None, **options: Any) -> None:
        super().__init__(host, port, **options)
        self._context = context


class HostSocket:
    """What a connection takes for its socket: collects a request, and answers it when the answer is first read."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._sent = bytearray()

    def sendall(self, data: Any) -> None:
        self._sent += data

    def makefile(self, mode: str = "rb", *args: Any, **options: Any) -> io.BytesIO:
        request, self._sent = bytes(self._sent), bytearray()
        return io.BytesIO(_exchange(self._connection, request))

    def setsockopt(self, *args: Any) -> None:
        """There is no such option, and nothing depends on one."""

    settimeout = shutdown = setsockopt

    def close(self) -> None:
        """There is nothing to close: an answer is whole when it arrives."""


def install() -> None:
    """Puts the platform under ``http.client``; it MUST come before ``urllib.request`` is imported."""
    client: Any = http.client
    client.HTTPConnection.connect = _connect
    client.HTTPSConnection = HTTPSConnection
    client._create_https_context = lambda http_version: None
    if "HTTPSConnection" not in client.__all__:
        client.__all__.append("HTTPSConnection")


def _connect(self: Any) -> None:
    # A tunnel's far end is what the platform connects to itself.
    self.sock = HostSocket(self)


def _exchange(connection: Any, request: bytes) -> bytes:
    head, _, rest = request.partition(b"\r\n\r\n")
    start, *lines = head.decode("iso-8859-1").split("\r\n")
    method, target = start.split(" ")[:2]
    headers: dict[str, str] = {}
    length_is_told = False
    for line in lines:
        name, _, value = line.partition(":")
        lower, value = name.lower(), value.strip()
        if lower == "transfer-encoding" and value.lower() == "chunked":
            rest = _unchunked(rest)
        length_is_told = length_is_told or lower in ("content-length", "transfer-encoding")
        if lower != "host" and lower not in _OF_THE_CONNECTION:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    args = {
        "method": method,
        "url": _url(connection, target),
        "headers": headers,
        # A request may say that its body is empty, which is not the same as having none.
        "body": b2a_base64(rest, newline=False).decode("ascii") if rest or length_is_told else None,
        "timeout_ms": _milliseconds(connection.timeout),
    }
    try:
        answer = _host.call("http.request", args, what="http.client")
    except WrenError as error:
        raise _as_script_expects(error) from None
    return _response(method, answer)


def _url(connection: Any, target: str) -> str:
    if target.startswith(("http://", "https://")):
        # What a client says to a proxy is whole already.
        return target
    host = connection._tunnel_host or connection.host
    port = connection._tunnel_port if connection._tunnel_host else connection.port
    scheme = "https" if isinstance(connection, HTTPSConnection) else "http"
    place = f"[{host}]" if ":" in host else host
    return f"{scheme}://{place}{'' if port == connection.default_port else f':{port}'}{target}"


def _milliseconds(timeout: Any) -> int | None:
    if timeout is None or isinstance(timeout, (int, float)):
        seconds = timeout
    else:
        # An object that stands for the default.
        seconds = socket.getdefaulttimeout()
    return None if seconds is None else max(1, round(seconds * 1000))


def _unchunked(data: bytes) -> bytes:
    body = bytearray()
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if length == 0:
            break
        body += data[:length]
        data = data[length + 2 :]
    return bytes(body)


def _response(method: str, answer: Mapping[str, Any]) -> bytes:
    status = int(answer["status"])
    body = a2b_base64(answer.get("body") or "")
    sent = {str(name): str(value) for name, value in (answer.get("headers") or {}).items()}
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}"]
    for name, value in sent.items():
        # To HEAD a server answers with the length that another method's body would have.
        kept = name.lower() not in _OF_THE_CONNECTION or (method == "HEAD" and name.lower() == "content-length")
        if kept:
            # A line break would begin another header.
            lines.append(f"{name}: {' '.join(value.splitlines())}")
    if method != "HEAD":
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode("iso-8859-1", "replace")
    return head + b"\r\n\r\n" + body


def _as_script_expects(error: WrenError) -> WrenError:
    """Returns an error that may pass for what a socket raises, when that is what happened."""
    # Another try may succeed, as after a lost connection: `except OSError` and `URLError` are for these. All else keeps
    # its code, since `urllib` would wrap it into an error of its own.
    if not error.retryable:
        return error
    kind = type(error)
    made: WrenError = type(kind.__name__, (kind, ConnectionError), {"type": kind.type})(
        error.message,
        code=error.code,
        hint=error.hint,
        action_url=error.action_url,
        docs_url=error.docs_url,
        details=error.details,
        retryable=True,
    )
    made._answered = error._answered
    return made
