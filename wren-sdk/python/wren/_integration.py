"""Services that the platform knows by name, beside those with a module of their own."""

from __future__ import annotations

from . import _host, http
from .registry import declare_integration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Integration:
    """A service of the platform's catalogue: requests to it carry the user's credential, which the script never sees.

    A target is a path such as "/v1/items", or a whole URL on one of the service's own hosts; any other host is refused
    with the code EGRESS_DENIED.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def request(
        self,
        method: str,
        target: str,
        *,
        params: http.Params | None = None,
        headers: Mapping[str, str] | None = None,
        data: http.Body | None = None,
        json: Any = None,
        timeout: http.Timeout | None = http.DEFAULT_TIMEOUT,
    ) -> http.Response:
        """Sends a request as ``wren.http.request`` does, and returns its answer, whatever the status."""
        args = http._arguments(method, headers, data, json, timeout)
        args["integration"] = self.name
        args["path" if target.startswith("/") else "url"] = http._with_query(target, params)
        what = f"wren.integration({self.name!r})"
        return http.Response(_host.call("integration.request", args, what=what), target)

    def get(self, target: str, **options: Any) -> http.Response:
        """Sends a GET request; the options are those of ``request``."""
        return self.request("GET", target, **options)

    def post(self, target: str, **options: Any) -> http.Response:
        """Sends a POST request; the options are those of ``request``."""
        return self.request("POST", target, **options)

    def put(self, target: str, **options: Any) -> http.Response:
        """Sends a PUT request; the options are those of ``request``."""
        return self.request("PUT", target, **options)

    def patch(self, target: str, **options: Any) -> http.Response:
        """Sends a PATCH request; the options are those of ``request``."""
        return self.request("PATCH", target, **options)

    def delete(self, target: str, **options: Any) -> http.Response:
        """Sends a DELETE request; the options are those of ``request``."""
        return self.request("DELETE", target, **options)

    def __repr__(self) -> str:
        return f"Integration({self.name!r})"


def integration(name: str) -> Integration:
    """Returns a service by its name in the platform's catalogue.

    At the top level of a script it declares that the script uses it, so that the deploy checks the user's credential.
    """
    if not isinstance(name, str):
        raise TypeError(f"wren.integration takes the name of an integration, not {type(name).__name__}")
    declare_integration(name)
    return Integration(name)
