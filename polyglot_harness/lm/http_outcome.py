"""What an answer of an OpenAI-compatible server means, or the lack of one: pure functions.

What servers say in error bodies is not standardised; the patterns are those of OpenAI, Azure,
OpenRouter, vLLM, SGLang, TGI and llama.cpp.
"""

from __future__ import annotations

import email.utils
import json
import os
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from polyglot_harness.errors import ConfigError, HarnessError, StageError
from polyglot_harness.lm.exchange import FinishReason, Reply


@dataclass(frozen=True, slots=True)
class Server:
    """Whom we ask, for messages."""

    url: str
    """Without user, password and query."""
    model: str
    key_env: str
    """Environment variable of the API key."""
    key: str = ""
    """Only to be taken out of what the server says."""

    def __repr__(self) -> str:
        """Keep the key out of tracebacks and logs."""
        return f"Server({self.model!r} at {self.url})"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Reject:
    """The request itself is at fault; the same one would fail again."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing came that can be used; a later try may bring it."""

    cause: str
    after: float | None = None
    """Seconds that the server asked to wait."""
    congested: bool = False
    """Fewer requests at once may help."""
    heard: bool = True
    """A server was there, if only with an error."""
    counts: bool = True
    """Is one of the request's tries; not if nobody was there to take it."""


@dataclass(frozen=True, slots=True)
class Without:
    """The server does not know an optional field; ask again without it."""

    field: str
    words: str


@dataclass(frozen=True, slots=True)
class Fatal:
    """No request could pass."""

    line: str
    error: type[HarnessError] = ConfigError


Outcome = Answer | Reject | Retry | Without | Fatal

_CONGESTED = (429, 503, 529)
_RETRIED = (408, 409, 425, 429)
_FINISH: Mapping[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("length", "max_tokens"), "length"),
    "content_filter": "content_filter",
}
_NO_CREDIT = re.compile(r"insufficient_quota|billing|exceeded your current quota|no credit")
_FILTERED = re.compile(
    r"content_filter|content[ _](management )?policy|responsibleaipolicy|moderation|flagged"
)
_TOO_LONG = re.compile(
    r"context[ _-]?(length|window|size)|too many (input )?tokens|must be <= \d+"
    r"|(prompt|input|request|inputs) (is |are )?too (long|large)|string_above_max_length"
)
_NO_MODEL = re.compile(
    r"model_not_found|unknown model|invalid model|not a valid model"
    r"|model\b.{0,120}(does not|doesn't|not) (exist|found)"
)
_UNKNOWN_FIELD = {
    "response_format": re.compile(r"response_format|json_schema|guided|structured[ _]output"),
    "max_tokens": re.compile(r"max_completion_tokens"),
}


def of_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    server: Server,
    sent: Collection[str] = (),
) -> Outcome:
    """Say what a response means.

    Args:
        status: HTTP status.
        headers: Its headers, names in any case.
        body: The whole body.
        server: Names for messages.
        sent: Optional fields that the request had: ``response_format``, ``max_tokens``.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if status == 200:
        error = data.get("error") if isinstance(data, dict) and "choices" not in data else None
        if not error:
            return _of_answer(data)
        # some routers report an upstream's error with status 200
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
    words, known = _words(data, body, server.key)
    return _of_error(status, headers, words, known, server, sent)


def of_exception(error: Exception, server: Server, timeout: float) -> Outcome:
    """Say what a failed connection or a lost answer means.

    Args:
        error: What aiohttp or the system raised.
        server: Names for messages.
        timeout: Seconds that a request was given.
    """
    import aiohttp

    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        return Fatal(
            f"no secure connection to {server.url}: {_clean(str(error), server.key)};"
            " set ca_bundle=FILE, or verify_certificate=false if you trust the network"
        )
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return Fatal(f"base_url: {server.url} is no address of a server")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Retry("no connection in time", heard=False, counts=False)
    if isinstance(error, TimeoutError):
        return Retry(f"no answer within {timeout:g} s", congested=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Retry("host name not found", heard=False, counts=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = os.strerror(error.errno).lower() if error.errno else "no connection"
        return Retry(cause, heard=False, counts=False)
    if isinstance(error, aiohttp.ClientPayloadError):
        return Retry("answer cut short")
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return Retry("connection lost", heard=False)
    return Retry(f"broken answer ({type(error).__name__})")


def _of_answer(data: Any) -> Outcome:
    """Read the body of a status 200, of the chat or of the completions endpoint."""
    try:
        choice = data["choices"][0]
        message = choice.get("message", choice)
        content = message["content"] if "content" in message else message.get("text")
        reason = _FINISH.get(str(choice.get("finish_reason")), "unknown")
        usage = data.get("usage") or {}
        tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        refusal = message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        return Retry("answer without choices" if data is not None else "answer is no JSON")
    if isinstance(content, list):
        content = "".join(str(p.get("text") or "") for p in content if isinstance(p, dict))
    if content is not None and not isinstance(content, str):
        return Retry("answer without text")
    if refusal and not content:
        return Answer(Reply(str(refusal), "content_filter", *tokens))
    return Answer(Reply(content or "", reason, *tokens))


def _of_error(
    status: int,
    headers: Mapping[str, str],
    words: str,
    known: str,
    server: Server,
    sent: Collection[str],
) -> Outcome:
    said = f"{status}: {words}" if words else str(status)
    if status in (402, 429) and (status == 402 or _NO_CREDIT.search(known)):
        return Fatal(
            f"the account at {server.url} has no credit for {server.model} ({said});"
            " add some and give the same command again",
            StageError,
        )
    if status in _RETRIED or status >= 500 and status != 501:
        return Retry(said, retry_after(headers), congested=status in _CONGESTED)
    if status in (400, 403, 451) and _FILTERED.search(known):
        return Reject(Reply("", "content_filter"))
    if status in (401, 403):
        return Fatal(_no_access(said, server))
    if status in (400, 404) and _NO_MODEL.search(known):
        return Fatal(f"{server.url} has no model {server.model!r} ({said}); give another model=")
    if status in (404, 405) or 300 <= status < 400:
        where = f", it points to {headers['Location']}" if headers.get("Location") else ""
        return Fatal(
            f"{server.url} is no address for requests to {server.model!r} ({said}{where});"
            " check base_url, endpoint and model"
        )
    if status == 413 or _TOO_LONG.search(known):
        return Reject(Reply("", "prompt_truncated"))
    for field, pattern in _UNKNOWN_FIELD.items():
        if field in sent and pattern.search(known):
            return Without(field, said)
    return Reject(Reply("", error=said))


def _no_access(said: str, server: Server) -> str:
    if server.key:
        advice = f"check the key in {server.key_env}"
    else:
        advice = f"set {server.key_env} to an API key"
    return f"{server.url} refuses access to {server.model!r} ({said}); {advice}"


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds to wait by ``Retry-After`` (RFC 9110, 10.2.3) or ``retry-after-ms``.

    Args:
        headers: Of the response, names in any case.
        now: Seconds since the epoch, for dates; None for the clock's.

    Returns:
        None where the server says nothing that can be read.
    """
    found = {name.lower(): value.strip() for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(found[name]) * unit
        except (KeyError, ValueError):
            continue
        if seconds == seconds:  # not "nan"
            return max(0.0, seconds)
    try:
        date = email.utils.parsedate_to_datetime(found.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, date.timestamp() - (time.time() if now is None else now))


def _words(data: Any, body: bytes, key: str) -> tuple[str, str]:
    """Return the server's own words on one line, and all that it says of the error, in lower case.

    Not simply the body: that may hold the request, and so words of the prompt.
    """
    error = data.get("error", data) if isinstance(data, dict) else data
    kinds: list[Any] = []
    if isinstance(error, dict):
        inner = error.get("innererror")
        kinds = [error.get("code"), error.get("type"), error.get("param")]
        kinds += [inner.get("code")] if isinstance(inner, dict) else []
        error = error.get("message") or error.get("detail")
    if isinstance(error, list):  # FastAPI: a list of faults with their places
        faults = [fault for fault in error if isinstance(fault, dict)]
        error = "; ".join(f"{_place(fault.get('loc'))}{fault.get('msg', '')}" for fault in faults)
    words = _clean(str(error or "") or body[:2000].decode(errors="replace"), key)
    told = words if error or data is None else ""
    return words, f"{told} {' '.join(str(kind) for kind in kinds if kind)}".lower()


def _place(loc: Any) -> str:
    return ".".join(map(str, loc)) + ": " if isinstance(loc, list) else ""


def _clean(text: str, key: str) -> str:
    """Return text of a server on one line of bearable length, without the key."""
    if key:
        text = text.replace(key, "***")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 300 else text[:299] + "…"


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) else None
