"""HTTP requests, sent by the platform on the script's behalf.

    answer = wren.http.get("https://api.example.com/items", params={"page": 2}, timeout=10)
    answer.raise_for_status()
    items = answer.json()

Only hosts that the deployment may reach are answered; others raise ``AgentFixableError`` with the code EGRESS_DENIED.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from . import _host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Optional, Union

    Pairs = Union[Mapping[str, Any], Sequence[tuple[str, Any]]]
    Params = Union[str, bytes, Pairs]
    Body = Union[str, bytes, Pairs]
    Timeout = Union[float, tuple[Optional[float], Optional[float]]]

__all__ = ["HTTPError", "Headers", "Response", "delete", "get", "head", "patch", "post", "put", "request"]

DEFAULT_TIMEOUT = 30.0


class HTTPError(Exception):
    """An answer whose status says that the request failed; ``response`` is that answer."""

    def __init__(self, message: str, response: Response) -> None:
        super().__init__(message)
        self.response = response


class Headers:
    """An answer's headers; their names are compared without case."""

    __slots__ = ("_values",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._values = {name.lower(): str(value) for name, value in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def get(self, name: str, default: str | None = None) -> str | None:
        """Returns a header's value, or ``default`` when there is none of that name."""
        return self._values.get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> list[tuple[str, str]]:
        """Returns the names, in lower case, with their values."""
        return list(self._values.items())

    def __wren_json__(self) -> dict[str, str]:
        return dict(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._values!r})"


class Response:
    """The answer to a request."""

    def __init__(self, answer: dict[str, Any], url: str) -> None:
        self.status_code = int(answer["status"])
        self.headers = Headers(answer.get("headers") or {})
        #: The address that answered, after redirects.
        self.url = str(answer.get("url") or url)
        #: The body's bytes.
        self.content: bytes = a2b_base64(answer.get("body") or "")

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text, in the charset that the answer names, else UTF-8; what does not decode is replaced."""
        charset = (self.headers.get("content-type") or "").lower().partition("charset=")[2]
        name = charset.partition(";")[0].strip(" \"'") or "utf-8"
        try:
            return self.content.decode(name, "replace")
        except (LookupError, ValueError):
            # No such charset, one that is not for text, or one whose name or codec refuses to work at all.
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Returns the body parsed as JSON; raises ``ValueError`` when it is none."""
        from json import loads

        return loads(self.content)

    def raise_for_status(self) -> None:
        """Raises ``HTTPError`` when the status is 400 or above."""
        if not self.ok:
            raise HTTPError(f"{self.url} answered {self.status_code}: {self.text[:200]}", self)

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"


def request(
    method: str,
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    data: Body | None = None,
    json: Any = None,
    timeout: Timeout | None = DEFAULT_TIMEOUT,
) -> Response:
    """Sends a request and returns its answer, whatever the status.

    ``params`` go into the query (text as it is), ``data`` is the body (a mapping is sent as a form), ``json`` a body
    that is encoded. ``timeout`` is in seconds, None leaves it to the platform; of a pair, one for connecting and one
    for reading, the sum counts.
    """
    args = _arguments(method, headers, data, json, timeout)
    args["url"] = _with_query(url, params)
    return Response(_host.call("http.request", args, what="wren.http"), url)


def _arguments(
    method: str, headers: Mapping[str, str] | None, data: Body | None, json: Any, timeout: Timeout | None
) -> dict[str, Any]:
    """Returns what a request says, its address aside."""
    if data is not None and json is not None:
        raise TypeError("a request has either data or json, not both")
    sent = {str(name): str(value) for name, value in (headers or {}).items()}
    body, content_type = _body(data, json)
    if content_type and not any(name.lower() == "content-type" for name in sent):
        sent["Content-Type"] = content_type
    return {
        "method": method.upper(),
        "headers": sent,
        "body": None if body is None else b2a_base64(body, newline=False).decode("ascii"),
        "timeout_ms": _milliseconds(timeout),
    }


def get(
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: Timeout | None = DEFAULT_TIMEOUT,
) -> Response:
    """Sends a GET request; ``timeout`` is in seconds."""
    return request("GET", url, params=params, headers=headers, timeout=timeout)


def head(
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: Timeout | None = DEFAULT_TIMEOUT,
) -> Response:
    """Sends a HEAD request; ``timeout`` is in seconds."""
    return request("HEAD", url, params=params, headers=headers, timeout=timeout)


def post(
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    data: Body | None = None,
    json: Any = None,
    timeout: Timeout | None = DEFAULT_TIMEOUT,
) -> Response:
    """Sends a POST request; ``timeout`` is in seconds."""
    return request("POST", url, params=params, headers=headers, data=data, json=json, timeout=timeout)


def put(
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    data: Body | None = None,
    json: Any = None,
    timeout: Timeout | None = DEFAULT_TIMEOUT,
) -> Response:
    """Sends a PUT request; ``timeout`` is in seconds."""
    return request("PUT", url, params=params, headers=headers, data=data, json=json, timeout=timeout)


def patch(
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    data: Body | None = None,
    json: Any = None,
    timeout: Timeout | None = DEFAULT_TIMEOUT,
) -> Response:
    """Sends a PATCH request; ``timeout`` is in seconds."""
    return request("PATCH", url, params=params, headers=headers, data=data, json=json, timeout=timeout)


def delete(
    url: str,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    data: Body | None = None,
    json: Any = None,
    timeout: Timeout | None = DEFAULT_TIMEOUT,
) -> Response:
    """Sends a DELETE request; ``timeout`` is in seconds."""
    return request("DELETE", url, params=params, headers=headers, data=data, json=json, timeout=timeout)


def _body(data: Body | None, json: Any) -> tuple[bytes | None, str | None]:
    if json is not None:
        from ._codec import dumps
        from ._runtime.encode import NotJson, to_plain

        try:
            return dumps(to_plain(json)).encode("utf-8", "replace"), "application/json"
        except NotJson as problem:
            raise TypeError(f"wren.http json: {problem}") from None
    if data is None:
        return None, None
    if isinstance(data, str):
        return data.encode("utf-8"), "text/plain; charset=utf-8"
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), None
    return _encode_form(data).encode("ascii"), "application/x-www-form-urlencoded"


def _milliseconds(timeout: Timeout | None) -> int | None:
    parts = timeout if isinstance(timeout, (tuple, list)) else (timeout,)
    seconds = [part for part in parts if part is not None]
    # Without a limit on one of its parts, the whole has none.
    return max(1, round(sum(seconds) * 1000)) if len(seconds) == len(parts) else None


def _with_query(url: str, params: Params | None) -> str:
    if not params:
        return url
    base, hash_sign, fragment = url.partition("#")
    joint = "" if base.endswith(("?", "&")) else "&" if "?" in base else "?"
    return base + joint + _encode_query(params) + hash_sign + fragment


def _encode_query(params: Params) -> str:
    if not isinstance(params, (str, bytes)):
        return _encode_form(params)
    from urllib.parse import quote

    # Encoded already, except for what cannot stand in an address at all.
    return quote(params, safe="!$%&'()*+,/:;=?@[]~")


def _encode_form(params: Pairs) -> str:
    from urllib.parse import urlencode

    pairs = list(params.items()) if hasattr(params, "items") else list(params)
    # Absent rather than the text "None".
    return urlencode([(name, value) for name, value in pairs if value is not None], doseq=True)
