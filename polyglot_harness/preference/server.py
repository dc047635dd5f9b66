"""A reward model behind vLLM: ``POST /classify`` with the turns of a chat, one pair a request.

``vllm serve MODEL --runner pooling`` serves a sequence classifier of one label so; the one entry of
``probs`` is its logit where ``use_activation`` is false (vLLM 0.11.1 and later; earlier ones would
give the sigmoid of it, and no request shows which). What errors mean and how long to be patient is
as with teachers (`lm.http_outcome`, `lm.patience`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from polyglot_harness.errors import ConfigError, StageError
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

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

KEY = "OPENAI_API_KEY"
"""Environment variable of the API key."""
IN_FLIGHT = 32
PATIENCE = Patience(
    timeout=300.0, max_retries=8, retry_seconds=600.0, unreachable_seconds=None,
    backoff_seconds=1.0, grace_seconds=0.0,
)  # fmt: skip
_FORM = re.compile(r"(?:(?P<model>[^@\s]+)@)?(?P<url>https?://\S+)")


def address_of(text: str) -> tuple[str, Endpoint]:
    """Return model ("" for the one that is served) and endpoint of ``[MODEL@]URL``.

    The URL may end with ``/v1`` or ``/classify``.

    Raises:
        ConfigError: If it has another form, or the URL holds a user name or password.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ConfigError(
            f"--reward {text}: a server is http://host:8000, or MODEL@http://host:8000"
        )
    url = found["url"]
    if "@" in urlsplit(url).netloc:
        raise ConfigError("--reward: the URL holds a user name or password; take it out")
    base = url.rstrip("/").removesuffix("/classify").removesuffix("/v1")
    parts = urlsplit(endpoint_of(base, "chat").url)
    path = parts.path.removesuffix("/chat/completions") + "/classify"
    return found["model"] or "", Endpoint(parts._replace(path=path).geturl(), chat=False)


class ServerScorer:
    """Scores over HTTP, several requests in flight."""

    def __init__(self, text: str, *, patience: Patience = PATIENCE) -> None:
        """Check address and key; nothing is sent yet.

        Raises:
            ConfigError: If the address is wrong.
            MissingDependency: If aiohttp is not installed.
        """
        require_aiohttp()
        self.model, self._endpoint = address_of(text)
        api_key(KEY, self._endpoint)
        self.name = f"{self.model}@{self._endpoint.shown}" if self.model else self._endpoint.shown
        self._patience = patience
        self._heard, self._noted = False, False

    @property
    def identity(self) -> Any:
        """Return model and address: what is served there, nobody tells."""
        return [self.model, self._endpoint.shown]

    def score(self, prompts: Sequence[str], responses: Sequence[str], language: str) -> list[float]:
        """Return the server's rewards; NaN for a pair that it refuses, e.g. as too long.

        Raises:
            ConfigError: If the server refuses key, model or address.
            StageError: If nobody is there, or answers are no rewards.
        """
        return asyncio.run(self._all(list(zip(prompts, responses, strict=True))))

    def release(self) -> None:
        """Nothing is held."""

    async def _all(self, pairs: list[tuple[str, str]]) -> list[float]:
        session = make_session(
            self._endpoint, KEY, timeout=self._patience.timeout, ca_bundle="", verify=True
        )
        room = asyncio.Semaphore(IN_FLIGHT)

        async def one(prompt: str, response: str) -> float:
            async with room:
                return await self._ask(session, prompt, response)

        async with session:
            tasks = [asyncio.ensure_future(one(*pair)) for pair in pairs]
            try:
                return list(await asyncio.gather(*tasks))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, session: aiohttp.ClientSession, prompt: str, response: str) -> float:
        loop = asyncio.get_running_loop()
        begun, counted = loop.time(), 0
        for sends in count(1):
            outcome = await self._try(session, prompt, response)
            if isinstance(outcome, float):
                return outcome
            if isinstance(outcome, Reject):
                self._note(outcome.reply.error)
                return math.nan
            if isinstance(outcome, Fatal):
                raise outcome.error(outcome.line)
            assert isinstance(outcome, Retry), "no optional field was sent"
            counted += outcome.counts
            spent = loop.time() - begun
            wait = self._patience.wait(sends, outcome.after, knocking=not outcome.counts)
            if not outcome.counts and spent >= self._patience.unreachable(self._heard):
                raise StageError(
                    f"no server answers at {self._endpoint.shown} ({outcome.cause}); start it and "
                    "give the same command again"
                )
            if counted > self._patience.max_retries or (
                outcome.counts and spent + wait > self._patience.retry_seconds
            ):
                raise StageError(f"{self._endpoint.shown}: {given_up(outcome.cause, sends)}")
            await asyncio.sleep(wait)
        raise AssertionError("count() has no end")

    def _note(self, refusal: str) -> None:
        """Say once why the server refuses a pair; one that is too long is no surprise."""
        if refusal and not self._noted:
            self._noted = True
            _log.warning("%s refuses a pair, which gets no reward: %s", self.name, refusal)

    async def _try(
        self, session: aiohttp.ClientSession, prompt: str, response: str
    ) -> float | Outcome:
        """Send a request once."""
        import aiohttp

        turns = [("user", prompt), ("assistant", response)]
        body = {
            **({"model": self.model} if self.model else {}),
            "messages": [{"role": role, "content": content} for role, content in turns],
            "use_activation": False,
        }
        server = Server(self._endpoint.shown, self.model, KEY, api_key(KEY, self._endpoint))
        try:
            data = json.dumps(body, ensure_ascii=False).encode(errors="replace")
            async with session.post(self._endpoint.url, data=data, allow_redirects=False) as got:
                content = await got.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return of_exception(error, server, self._patience.timeout)
        self._heard = True
        if got.status != 200:
            return of_response(got.status, got.headers, content, server)
        return self._reward(content)

    def _reward(self, content: bytes) -> float:
        """Return the one number of an answer; NaN if it is none.

        Raises:
            StageError: If the answer is that of no reward model.
        """
        try:
            (row,) = json.loads(content)["data"]
            (value,) = row["probs"]
            number = math.nan if value is None else float(value)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise StageError(
                f"{self._endpoint.shown} does not answer as vLLM's /classify with a model of one "
                f"label does: {content[:120].decode(errors='replace')!r}"
            ) from None
        return number if math.isfinite(number) else math.nan
