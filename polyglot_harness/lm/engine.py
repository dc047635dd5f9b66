"""The generation engine: ask for what is not on disk, judge and keep each reply as it arrives.

A document is asked until its reply is accepted, at most `RunSpec.max_attempts` times. Memory does
not grow with the replies: requests are built when they can be sent, and what came back is in the
log; kept here are a few numbers a document.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol

import numpy as np

from polyglot_harness.errors import StageError
from polyglot_harness.files import storable
from polyglot_harness.lm.chunks import ask_chunk
from polyglot_harness.lm.exchange import Reply, Request, Streaming
from polyglot_harness.lm.reply_log import ReplyLog, request_key
from polyglot_harness.lm.tally import Tally, estimate_tokens
from polyglot_harness.spec import digest

FINAL = frozenset({"prompt_truncated"})
"""Reasons that asking again does not mend."""
NOTE_SECONDS = 0.1
"""Between two reports of the progress."""
MAX_SEED = 2**31 - 1
"""Some servers take no larger one."""
Document = dict[str, Any]


class BudgetReached(StageError):
    """``--max_cost`` is spent; what was paid for is kept."""


class Source(Protocol):
    """Documents and requests by their number."""

    task: str
    """Names the work in messages."""

    def document(self, index: int) -> Document:
        """Return the document of a number, with its ``id``; asked for in rising order."""

    def request(self, document: Document, index: int, attempt: int, seed: int) -> Request:
        """Return the request of a document."""

    def seed(self, *key: Any) -> int:
        """Return the seed of what `key` stands for."""


class Judge(Protocol):
    """Decides over replies; equal judges (by `digest`) decide alike."""

    @property
    def digest(self) -> str:
        """Digest of all that decides."""

    def row(self, document: Document, reply: Reply, attempt: int) -> Mapping[str, Any]:
        """Return what the log keeps of the decision.

        At least ``reason`` ("" where the reply is accepted) and ``detail``.
        """


@dataclass
class Engine:
    """One teacher at one kind of work in one language."""

    lm: Any
    source: Source
    log: ReplyLog
    judge: Judge
    tally: Tally
    limit: int
    max_attempts: int
    chunk_size: int
    independent: bool
    """Replies of one chunk do not depend on one another (a server samples each by itself)."""
    progress: Callable[[int, str], None]
    """Told of the replies so far, and of the state in words."""
    key: Callable[[Request], str] = request_key
    """What a reply is found again by."""
    final: frozenset[str] = FINAL
    """Reasons after which a document is not asked again."""
    places: list[Any] = field(default_factory=list)
    """Per attempt an array [limit] of places in the log; -1 where there is no reply."""

    def run(self) -> None:
        """Fill `places`.

        Raises:
            BudgetReached: If the money is spent.
            HarnessError: What stopped the backend; all replies that had arrived are in the log.
        """
        self._judge_digest = self.judge.digest
        self._stopped, self._noted = False, 0.0
        todo = np.arange(self.limit)
        ask = self._stream if isinstance(self.lm, Streaming) else self._chunks
        for attempt in range(1, self.max_attempts + 1):
            self.places.append(np.full(self.limit, -1, dtype=np.int64))
            self._again = np.zeros(self.limit, dtype=bool)
            ask(attempt, todo)
            self._note()
            if self._stopped:
                raise BudgetReached(
                    f"stopped at --max_cost {self.tally.spending.max_cost}: "
                    f"{self.tally.done} replies are kept; raise it and give the command again"
                )
            todo = np.flatnonzero(self._again)
            if not len(todo):
                break

    def _stream(self, attempt: int, todo: Iterable[int]) -> None:
        """Feed the backend continuously with what is not on disk."""
        waiting: dict[int, tuple[str, Document]] = {}

        def requests() -> Iterator[Request]:
            for index in map(int, todo):
                document = self.source.document(index)
                seed = self.source.seed("request", index, attempt) & MAX_SEED
                request = self.source.request(document, index, attempt, seed)
                key = self.key(request)
                if self._found(index, attempt, key, document):
                    continue
                if self._too_dear(len(waiting) + 1):
                    return
                waiting[index] = key, document
                yield request

        with closing(self.lm.stream_replies(requests())) as replies:
            for request, reply in replies:
                self._keep([(request, *waiting.pop(request.index), reply)])
        if waiting:
            raise StageError(f"{self.source.task}: {len(waiting)} of the requests got no reply")

    def _chunks(self, attempt: int, todo: Iterable[int]) -> None:
        """Ask chunk by chunk; a chunk of which a reply is missing is made anew as a whole."""
        indices = iter(map(int, todo))
        number = 0
        while chunk := list(islice(indices, self.chunk_size)):
            seed = self.source.seed(number, *([attempt] if attempt > 1 else []))
            chunked = [self._chunk_member(index, attempt, seed, chunk) for index in chunk]
            whole = self.independent or all(self._stored(key) for _, key, _ in chunked)
            missing = [
                (request, key, document)
                for request, key, document in chunked
                if not (whole and self._found(request.index, attempt, key, document))
            ]
            if missing:
                if self._too_dear(len(missing)):
                    return
                replies = ask_chunk(self.lm, self.source.task, [request for request, *_ in missing])
                self._keep([(*m, reply) for m, reply in zip(missing, replies, strict=True)])
            number += 1

    def _too_dear(self, unpaid: int) -> bool:
        """Whether there is no money for so many requests, those in flight among them."""
        self._stopped = self.tally.spending.reached(unpaid * self.tally.mean_cost)
        return self._stopped

    def _chunk_member(
        self, index: int, attempt: int, seed: int, chunk: list[int]
    ) -> tuple[Request, str, Document]:
        document = self.source.document(index)
        if self.independent:
            request = self.source.request(document, index, attempt, 0)
            return request, self.key(request), document
        request = self.source.request(document, index, attempt, seed)
        return request, digest([self.key(request), chunk]), document

    def _stored(self, key: str) -> tuple[int, dict[str, Any]] | None:
        """Return place and row of a reply in the log; the error of a server is none."""
        offset = self.log.find(key)
        row = self.log.read(offset) if offset >= 0 else None
        return (offset, row) if row and not row["error"] else None

    def _found(self, index: int, attempt: int, key: str, document: Document) -> bool:
        """Take a reply from the log, judged anew if it was judged by other checks."""
        stored = self._stored(key)
        if stored is None:
            return False
        offset, row = stored
        if row["judge"] != self._judge_digest:
            reply = Reply(row["reply"], row["finish_reason"], row["tokens_in"], row["tokens_out"],
                          row["error"], row["tries"])  # fmt: skip
            row.update(self._outcome(document, reply, attempt))
            (offset,) = self.log.append([row])
        self._place(index, attempt, offset, row, fresh=False)
        self.progress(self.tally.done, "")
        return True

    def _keep(self, arrived: list[tuple[Request, str, Document, Reply]]) -> None:
        """Judge replies, put them on disk, count them."""
        rows = [_row(request, key, document, reply) for request, key, document, reply in arrived]
        try:
            for row, (request, _, document, reply) in zip(rows, arrived, strict=True):
                reply = replace(reply, text=row["reply"])
                row.update(self._outcome(document, reply, request.attempt))
        except BaseException:
            self.log.append(rows)  # unjudged: the next run will judge them
            raise
        offsets = self.log.append(rows)
        for (request, *_), row, offset in zip(arrived, rows, offsets, strict=True):
            self._place(request.index, request.attempt, offset, row, fresh=True)
        if time.monotonic() - self._noted > NOTE_SECONDS:
            self._note()

    def _note(self) -> None:
        self._noted = time.monotonic()
        self.progress(self.tally.done, self.tally.note())

    def _place(
        self, index: int, attempt: int, offset: int, row: dict[str, Any], *, fresh: bool
    ) -> None:
        self.places[attempt - 1][index] = offset
        self._again[index] = bool(row["reason"]) and row["reason"] not in self.final
        self.tally.add(row, fresh=fresh)

    def _outcome(self, document: Document, reply: Reply, attempt: int) -> dict[str, Any]:
        return {"judge": self._judge_digest, **self.judge.row(document, reply, attempt)}


def _row(request: Request, key: str, document: Document, reply: Reply) -> dict[str, Any]:
    """Return the row of a reply that nobody has judged yet."""
    text = storable(reply.text)
    estimated = reply.tokens_in is None or reply.tokens_out is None
    nothing = bool(reply.error)
    tokens_in = estimate_tokens(request.context) if reply.tokens_in is None else reply.tokens_in
    tokens_out = estimate_tokens(text) if reply.tokens_out is None else reply.tokens_out
    return {
        "key": key,
        "id": document["id"],
        "attempt": request.attempt,
        "reply": text,
        "finish_reason": reply.finish_reason,
        "tokens_in": 0 if nothing else tokens_in,
        "tokens_out": 0 if nothing else tokens_out,
        "estimated": estimated and not nothing,
        "tries": reply.tries,
        "error": reply.error,
        "judge": "",
        "reason": "",
        "detail": "",
    }
