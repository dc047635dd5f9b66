"""What goes to a teacher and what comes back: the vocabulary between the engine and the backends.

A backend is an lm-eval ``LM``. One that has a method ``stream_replies`` is fed continuously and
tells finish reasons, tokens and errors (`Streaming`); any other is sent chunks through
``generate_until``, which returns bare strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

FinishReason = Literal["stop", "length", "content_filter", "prompt_truncated", "unknown"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a teacher."""

    index: int
    """Number of the document."""
    attempt: int
    """1 for the first time that this document is asked."""
    context: str
    """The text, or the messages as an LM's own ``apply_chat_template`` gave them."""
    gen_kwargs: Mapping[str, Any]
    """lm-eval's generation settings: until, do_sample, temperature, top_p, max_gen_toks, ..."""
    seed: int
    """Seed of this request alone (0 to 2**31 - 1), for backends that sample each by its own."""
    schema: Mapping[str, Any] | None = None
    """JSON schema that the reply should follow, for backends with structured output."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    text: str
    """As it arrived; "" if nothing did (then see `finish_reason` and `error`)."""
    finish_reason: FinishReason = "unknown"
    tokens_in: int | None = None
    """Tokens of the request, from the server or the engine; None where it does not tell."""
    tokens_out: int | None = None
    error: str = ""
    """Why there is no answer although all was tried; "" if there is one."""
    tries: int = 1
    """How often the request was sent until this came back."""


@runtime_checkable
class Streaming(Protocol):
    """A backend that is fed continuously."""

    def stream_replies(self, requests: Iterator[Request]) -> Iterator[tuple[Request, Reply]]:
        """Yield each request with its reply, in the order of arrival.

        Requests are taken from the iterator no faster than they can be sent. The reply to a
        request depends on that request (its seed included) and on nothing that is sent beside it,
        as far as the backend can promise that. Closing the returned generator cancels what is in
        flight. What no request could pass (a wrong key, an unknown model, a dead server) raises a
        `HarnessError` after all replies that had arrived were yielded.
        """
