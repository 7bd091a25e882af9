"""Asks a language model."""

from __future__ import annotations

from . import _host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, overload

if TYPE_CHECKING:

    @overload
    def ai(
        prompt: str,
        input: Any = None,
        *,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        json: Literal[False] = False,
    ) -> str: ...

    @overload
    def ai(
        prompt: str,
        input: Any = None,
        *,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        json: Literal[True],
    ) -> Any: ...


def ai(
    prompt: str,
    input: Any = None,
    *,
    model: str | None = None,
    system: str | None = None,
    max_tokens: int | None = None,
    json: bool = False,
) -> Any:
    """Returns the model's answer to ``prompt`` as text, or parsed when ``json`` is true.

    ``input`` is what the prompt is about: any JSON value, an ``Email``, or a list of them. ``max_tokens`` limits the
    answer's length. Without ``model`` the platform's default answers. Raises ``ValueError`` when ``json`` is true and
    the answer is not JSON.
    """
    args = {
        "prompt": prompt,
        "input": input,
        "model": model,
        "system": system,
        "max_tokens": max_tokens,
        "json": json,
    }
    text = str(_host.call("ai.complete", args, what="wren.ai()")["text"])
    return _parse(text) if json else text


def _parse(text: str) -> Any:
    from json import loads

    body = text.strip()
    # Models like to wrap JSON into a Markdown fence, even when told not to.
    if body.startswith("```") and body.endswith("```"):
        body = body[3:-3].partition("\n")[2]
    try:
        return loads(body)
    except ValueError:
        raise ValueError(f"the model's answer is not JSON: {text[:200]!r}") from None
