"""What a run of requests is given by the model type: how to send, and what is known so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyglot_harness.lm.concurrency import Window
from polyglot_harness.lm.exchange import Request
from polyglot_harness.lm.http_outcome import Without

if TYPE_CHECKING:
    import aiohttp


@dataclass(slots=True)
class Known:
    """What is learnt of a server, kept from one run of requests to the next."""

    window: Window
    heard: bool = False
    """It has answered before."""
    first: list[bool] = field(default_factory=list)
    """Of the first answers: whether each said that the request is wrong."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How requests are put on the wire."""

    url: str
    session: Callable[[], aiohttp.ClientSession]
    body: Callable[[Request], tuple[bytes, frozenset[str]]]
    """Returns a request's body, and which optional fields it has."""
    without: Callable[[Without], None]
    """Told of a field that the server does not know; `body` leaves it out then."""
