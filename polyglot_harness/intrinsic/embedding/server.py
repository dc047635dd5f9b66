"""An embeddings server, as OpenAI's (``POST /embeddings``): vLLM, TEI, llama.cpp, OpenAI itself.

Several requests are in flight, yet vectors come in the order of the texts. What an error means and
how long to be patient is as with teachers (`lm.http_outcome`, `lm.patience`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.lm.http_outcome import (
    Fatal,
    Outcome,
    Reject,
    Retry,
    Server,
    of_exception,
    of_response,
)
from polyglot_harness.lm.http_session import api_key, make_session, require_aiohttp
from polyglot_harness.lm.openai_payload import Endpoint, endpoint_of
from polyglot_harness.lm.patience import Patience, given_up
from polyglot_harness.lm.pulled_loop import PulledLoop
from polyglot_harness.models.embed import clean

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

KEY = "OPENAI_API_KEY"
"""Environment variable of the API key."""
BATCH = 64
"""Texts in a request."""
IN_FLIGHT = 8
SHORT = 16
"""Characters; a text of no more is never cut."""
PATIENCE = Patience(
    timeout=300.0, max_retries=8, retry_seconds=600.0, unreachable_seconds=None,
    backoff_seconds=1.0, grace_seconds=0.0,
)  # fmt: skip
Vectors = NDArray[np.float32]


def server_of(given: str) -> tuple[str, Endpoint]:
    """Return model and endpoint of ``MODEL@BASE_URL``; the URL may end with ``/embeddings``.

    Raises:
        ConfigError: If it has another form, or the URL holds a user name or password.
    """
    found = re.fullmatch(r"(.+?)@(https?://.+)", given)
    if not found:
        raise ConfigError(
            f"embedder openai:{given}: needs to be like openai:MODEL@http://host:8000/v1"
        )
    model, url = found.groups()
    if "@" in urlsplit(url).netloc:
        raise ConfigError("embedder: the URL holds a user name or password; take it out")
    chat = urlsplit(endpoint_of(url.rstrip("/").removesuffix("/embeddings"), "chat").url)
    path = chat.path.removesuffix("/chat/completions") + "/embeddings"
    return model, Endpoint(chat._replace(path=path).geturl(), chat=False)


class ServerEmbedder:
    """Embeds over HTTP."""

    def __init__(self, model: str, endpoint: Endpoint, *, patience: Patience = PATIENCE) -> None:
        """Check the key; nothing is sent yet.

        Args:
            model: Name of the model, as the server knows it.
            endpoint: Where requests go.
            patience: How long to try.

        Raises:
            ConfigError: If api.openai.com is to be asked without a key.
            MissingDependency: If aiohttp is not installed.
        """
        from polyglot_harness.intrinsic.embedding.embedders import prefix

        require_aiohttp()
        api_key(KEY, endpoint)
        self.name = f"openai:{model}"
        self._model = model
        self._endpoint = endpoint
        self._patience = patience
        self._prefix = prefix(model)
        self._heard = False
        """It has answered before."""
        self._knocking = False
        """It was said that it does not answer."""

    def batches(self, texts: Iterable[str]) -> Iterator[Vectors]:
        """Yield the vectors of the texts in their order, `BATCH` at a time.

        An empty text is sent as a blank, for most servers refuse it. A batch that the server does
        not take is halved; so is a text that is too long for it, and its vector is the mean of
        those of its halves.

        Args:
            texts: Any number; read as they can be sent.

        Raises:
            ConfigError: If the server refuses key, model or address.
            StageError: If nobody is there, a request fails for good, or an answer has not one
                vector a text.
        """
        loop, source = PulledLoop(), iter(texts)
        flying: deque[asyncio.Task[Vectors]] = deque()
        session = None
        try:
            session = loop.run(self._open())
            while True:
                while len(flying) < IN_FLIGHT and (batch := list(islice(source, BATCH))):
                    flying.append(loop.loop.create_task(self._embed(session, batch)))
                if not flying:
                    return
                found = loop.run(flying.popleft())
                with loop.standing_still():
                    yield found
        finally:
            for task in flying:  # of several errors one was raised, the others are of no interest
                task.add_done_callback(lambda t: t.cancelled() or t.exception())
            loop.close(session)

    async def _open(self) -> aiohttp.ClientSession:
        return make_session(
            self._endpoint, KEY, timeout=self._patience.timeout, ca_bundle="", verify=True
        )

    async def _embed(self, session: aiohttp.ClientSession, texts: list[str]) -> Vectors:
        """Embed a batch, in pieces where it must be."""
        found = await self._ask(session, texts)
        if not isinstance(found, Reply):
            return found
        if len(texts) > 1:
            middle = len(texts) // 2
            halves = texts[:middle], texts[middle:]
            return np.concatenate([await self._embed(session, half) for half in halves])
        (text,) = texts
        if found.finish_reason != "prompt_truncated" or len(text) <= SHORT:
            said = found.error or found.finish_reason
            raise StageError(f"{self._endpoint.shown} does not embed a text: {said}")
        middle = len(text) // 2
        pair = await self._embed(session, [text[:middle], text[middle:]])
        both: Vectors = pair.mean(axis=0, keepdims=True)
        return both

    async def _ask(self, session: aiohttp.ClientSession, texts: list[str]) -> Vectors | Reply:
        """Return vectors, or why the server does not take these texts."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        counted = 0
        for sends in count(1):
            outcome = await self._try(session, texts)
            if isinstance(outcome, np.ndarray):
                return outcome
            if isinstance(outcome, Reject):
                return outcome.reply
            if isinstance(outcome, Fatal):
                raise outcome.error(outcome.line)
            assert isinstance(outcome, Retry), "no optional field was sent"
            counted += outcome.counts
            spent = loop.time() - begun
            wait = self._patience.wait(sends, outcome.after, knocking=not outcome.counts)
            longest = self._patience.unreachable(self._heard)
            if not outcome.counts and not self._knocking:
                self._knocking = True
                where, cause = self._endpoint.shown, outcome.cause
                _log.warning("no server answers at %s (%s); trying for %d s", where, cause, longest)
            if not outcome.counts and spent >= longest:
                raise StageError(
                    f"no server answers at {self._endpoint.shown} ({outcome.cause}); start it and"
                    " give the same command again"
                )
            if counted > self._patience.max_retries or (
                outcome.counts and spent + wait > self._patience.retry_seconds
            ):
                raise StageError(f"{self._endpoint.shown}: {given_up(outcome.cause, sends)}")
            await asyncio.sleep(wait)
        raise AssertionError("count() has no end")

    async def _try(self, session: aiohttp.ClientSession, texts: list[str]) -> Vectors | Outcome:
        """Send a request once."""
        import aiohttp

        given = [self._prefix + clean(text) or " " for text in texts]
        body = json.dumps({"model": self._model, "input": given}, ensure_ascii=False).encode()
        server = Server(self._endpoint.shown, self._model, KEY, api_key(KEY, self._endpoint))
        try:
            async with session.post(self._endpoint.url, data=body, allow_redirects=False) as got:
                content = await got.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return of_exception(error, server, self._patience.timeout)
        self._heard, self._knocking = True, False
        rows = _rows(content) if got.status == 200 else None
        if rows is None:
            return of_response(got.status, got.headers, content, server)
        return rows if isinstance(rows, Retry) else self._vectors(rows, len(texts))

    def _vectors(self, rows: list[dict[str, object]], expected: int) -> Vectors:
        """Return the vectors of an answer, in the order of its texts."""
        where = self._endpoint.shown
        if len(rows) != expected:
            raise StageError(f"{where} gave {len(rows)} vectors for {expected} texts")
        try:
            found = {row.get("index", number): row["embedding"] for number, row in enumerate(rows)}
            with np.errstate(over="ignore"):  # an infinity is found with the sample's id
                vectors = np.array([found[i] for i in range(expected)], dtype=np.float32)
        except (AttributeError, KeyError, TypeError, ValueError):
            vectors = np.empty(0, dtype=np.float32)
        if vectors.ndim != 2 or not vectors.size:
            raise StageError(
                f"{where} gave embeddings that are not one list of numbers a text, all of one"
                " length"
            )
        return vectors


def _rows(content: bytes) -> list[dict[str, object]] | Retry | None:
    """Return what an answer holds; None if it is an error."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return Retry("answer is no JSON")
    if not isinstance(data, dict):
        return Retry("answer without data")
    if isinstance(data.get("data"), list):
        return list(data["data"])
    return None if data.get("error") else Retry("answer without data")
