"""The body of a request to an OpenAI-compatible server."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.exchange import Request

_log = logging.getLogger(__name__)

_OPENAI_HOST = "api.openai.com"
_MAX_STOPS = 4
"""Stop sequences that api.openai.com takes; others take more."""
_ENDPOINTS = {"chat": "/chat/completions", "completions": "/completions"}
ENDPOINTS = ("auto", *_ENDPOINTS)


class Messages(str):
    """The messages of a chat as JSON: a context that lm-eval passes on untouched."""

    __slots__ = ()


@dataclass(frozen=True)
class Endpoint:
    """Where requests go."""

    url: str
    chat: bool

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own."""
        return urlsplit(self.url).hostname == _OPENAI_HOST

    @property
    def shown(self) -> str:
        """The URL without what may be a secret: user, password and query."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{host}{port}{parts.path}"


def endpoint_of(base_url: str, endpoint: str) -> Endpoint:
    """Return the endpoint of a base URL (``.../v1``) or of a whole one (``.../v1/completions``).

    Args:
        base_url: Either.
        endpoint: One of `ENDPOINTS`; ``auto`` goes by the URL's end, and is chat otherwise.

    Raises:
        ConfigError: If it is no URL, or contradicts `endpoint`.
    """
    if endpoint not in ENDPOINTS:
        raise ConfigError(f"endpoint={endpoint}: valid: {', '.join(ENDPOINTS)}")
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError("base_url: needs to be like https://host/v1 or http://host:8000/v1")
    path = parts.path.rstrip("/")
    named = next((name for name, end in _ENDPOINTS.items() if path.endswith(end)), None)
    if named and endpoint not in ("auto", named):
        raise ConfigError(f"base_url ends with {_ENDPOINTS[named]}, but endpoint={endpoint}")
    kind = named or ("chat" if endpoint == "auto" else endpoint)
    path = path if named else path + _ENDPOINTS[kind]
    return Endpoint(parts._replace(path=path, fragment="").geturl(), kind == "chat")


def payload(
    request: Request,
    model: str,
    endpoint: Endpoint,
    *,
    max_tokens_field: str,
    max_gen_toks: int,
    with_seed: bool,
    with_schema: bool,
) -> dict[str, Any]:
    """Return the body of a request.

    Args:
        request: What is asked.
        model: Name of the model.
        endpoint: Where it goes.
        max_tokens_field: ``max_tokens`` or ``max_completion_tokens``.
        max_gen_toks: Budget where the request names none.
        with_seed: Send the request's seed.
        with_schema: Send the request's schema, if it has one.

    Raises:
        ConfigError: If messages are to go to the completions endpoint.
    """
    settings = dict(request.gen_kwargs)
    budgets = [settings.pop(k, None) for k in ("max_gen_toks", "max_tokens", max_tokens_field)]
    body: dict[str, Any] = {"model": model, **_question(request.context, endpoint)}
    body[max_tokens_field] = next((int(b) for b in budgets if b is not None), max_gen_toks)
    sampled = settings.pop("do_sample", None)
    temperature = settings.pop("temperature", None)
    if sampled is False or temperature is None and not sampled:
        body["temperature"] = 0
    elif temperature is not None:
        body["temperature"] = temperature
    stops = _stops(settings.pop("until", None), endpoint)
    if stops:
        body["stop"] = stops
    if with_seed:
        body["seed"] = request.seed
    if with_schema and request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "example", "strict": True, "schema": request.schema},
        }
    return body | settings


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return the body as UTF-8 JSON; half of a surrogate pair, which is no text, as ``?``."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _question(context: str, endpoint: Endpoint) -> dict[str, Any]:
    if not endpoint.chat:
        if isinstance(context, Messages):
            raise ConfigError(f"{endpoint.shown} takes text, not messages: it has no chat template")
        return {"prompt": context}
    if isinstance(context, Messages):
        return {"messages": json.loads(context)}
    return {"messages": [{"role": "user", "content": context}]}


def _stops(until: Any, endpoint: Endpoint) -> list[str]:
    found = [until] if isinstance(until, str) else list(until or ())
    stops = [stop for stop in found if stop]
    if endpoint.is_openai and len(stops) > _MAX_STOPS:
        _warn_of_stops(tuple(stops[_MAX_STOPS:]))
        return stops[:_MAX_STOPS]
    return stops


@cache
def _warn_of_stops(left_out: tuple[str, ...]) -> None:
    _log.warning("%s takes %d stop sequences; left out: %s", _OPENAI_HOST, _MAX_STOPS, left_out)
