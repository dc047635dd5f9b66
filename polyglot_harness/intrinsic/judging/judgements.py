"""Have a judge rate examples: what it ever said is in a log, and only what is missing is asked.

A judgement is found again by its question alone, wherever the example stands: the same examples in
another order, or more of them, ask for nothing twice. (Models in this process judge in batches, and
are asked again where a batch holds other examples, since these may change the last digits.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import StageError
from polyglot_harness.intrinsic.judging.asking import question_of, reply_format
from polyglot_harness.intrinsic.judging.criteria import Rubric, question, schema
from polyglot_harness.intrinsic.judging.verdicts import REASONS, Reader
from polyglot_harness.intrinsic.samples import Data, Sample
from polyglot_harness.lm.engine import FINAL, Engine
from polyglot_harness.lm.exchange import Request
from polyglot_harness.lm.reply_log import ReplyLog, request_key
from polyglot_harness.lm.tally import Spending, Tally, price
from polyglot_harness.spec import LanguagePack, RunSpec, TeacherCard
from polyglot_harness.teachers import is_served


@dataclass
class Judgements:
    """What one judge said."""

    scores: NDArray[np.float32]
    """[examples, criteria], NaN in the whole row where there is no judgement."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why judgements are missing (`verdicts.REASONS`)."""
    tokens_in: int = 0
    tokens_out: int = 0
    """A judgement that serves several examples counts once."""
    cost: float | None = None
    """US dollars; None where the judge's prices are not known."""


class Questions:
    """The questions to one judge by their number."""

    def __init__(
        self, lm: Any, judge: TeacherCard, rubric: Rubric, pack: LanguagePack, data: Data,
        chosen: NDArray[np.int64],
    ) -> None:  # fmt: skip
        """Begin.

        Args:
            lm: The judge's lm-eval ``LM``.
            judge: Its card.
            rubric: What is asked.
            pack: The language of the examples.
            data: The examples.
            chosen: Numbers of those that are judged, in rising order.
        """
        self.task = f"{rubric.name} {pack.code} by {judge.name}"
        self._lm, self._judge, self._rubric, self._pack = lm, judge, rubric, pack
        self._data, self._chosen = data, chosen
        self._format = reply_format(judge)
        self._schema = schema(rubric) if self._format == "json" else None
        self._samples: Iterator[Sample] = iter(())
        self._next = len(data)

    def document(self, index: int) -> dict[str, Any]:
        """Return an example; the data are read forwards, from the start once an attempt."""
        number = int(self._chosen[index])
        if number < self._next:
            self._samples, self._next = self._data.samples(number), number
        while self._next <= number:
            sample = next(self._samples)
            self._next += 1
        return {"id": sample.id, "prompt": sample.prompt, "response": sample.response}

    def request(self, document: dict[str, Any], index: int, attempt: int, seed: int) -> Request:
        """Return the question (see `question_of`)."""
        text = question(self._rubric, document, self._pack.name, self._format)
        return question_of(self._lm, self._judge, text, self._schema, index, attempt)

    def seed(self, *key: Any) -> int:
        """Return 0: see `request`."""
        return 0


def question_key(request: Request) -> str:
    """Return the hash of all that decides a judgement (16 hex digits): not the example's number."""
    return request_key(replace(request, index=0))


def judge_all(
    lm: Any,
    judge: TeacherCard,
    rubric: Rubric,
    pack: LanguagePack,
    data: Data,
    chosen: NDArray[np.int64],
    spec: RunSpec,
    *,
    folder: Path,
    spending: Spending,
    progress: Callable[[int], None],
) -> Judgements:
    """Ask for the judgements that the log lacks, and return all.

    Args:
        lm: The judge's lm-eval ``LM``.
        judge: Its card.
        rubric: What is asked.
        pack: The language of the examples.
        data: The examples.
        chosen: Numbers of those that are judged, in rising order.
        spec: Attempts, and the size of chunks.
        folder: Where all replies of this judge are kept.
        spending: The money of the job.
        progress: Told of the replies so far.

    Raises:
        HarnessError: What stopped the backend; what had arrived is in the log.
        StageError: If a server failed at single examples; the next run asks for these.
    """
    with ReplyLog(folder / f"{rubric.name}-{pack.code}") as log:
        engine = Engine(
            lm=lm,
            source=Questions(lm, judge, rubric, pack, data, chosen),
            log=log,
            judge=Reader(rubric.names),
            tally=Tally(judge, len(chosen), spending),
            limit=len(chosen),
            max_attempts=spec.judge_attempts,
            chunk_size=spec.chunk_size,
            independent=is_served(judge.model),
            progress=lambda done, _: progress(done),
            key=question_key,
            # a sampled judgement must not stand in for a greedy one that a server failed to give
            final=FINAL | {"backend_error"},
        )
        engine.run()
        return _collected(log, engine.places, judge, len(chosen), len(rubric.criteria))


def _collected(
    log: ReplyLog, places: Sequence[NDArray[np.int64]], judge: TeacherCard, n: int, criteria: int
) -> Judgements:
    """Read the judgements from the log; a later attempt stands for the earlier ones."""
    found = Judgements(np.full((n, criteria), np.nan, dtype=np.float32))
    reasons = ("", *REASONS)
    why = np.zeros(n, dtype=np.int8)
    error = ""
    for place in places:
        asked = np.flatnonzero(place >= 0)
        offsets, which = np.unique(place[asked], return_inverse=True)
        scores = np.full((len(offsets), criteria), np.nan, dtype=np.float32)
        codes = np.zeros(len(offsets), dtype=np.int8)
        for number, offset in enumerate(map(int, offsets)):
            row = log.read(offset)
            found.tokens_in += row["tokens_in"]
            found.tokens_out += row["tokens_out"]
            codes[number] = reasons.index(row["reason"])
            if not row["reason"]:
                scores[number] = row["scores"]
            error = row["error"] or error
        found.scores[asked], why[asked] = scores[which], codes[which]
    if judge.price_in is not None or judge.price_out is not None:
        found.cost = price(judge, found.tokens_in, found.tokens_out)
    for reason, count in zip(reasons, np.bincount(why, minlength=len(reasons)), strict=True):
        if reason and count:
            found.reasons[reason] = int(count)
    if failed := found.reasons["backend_error"]:
        raise StageError(
            f"judge {judge.name}: the server failed at {failed} of {n} examples ({error}); "
            "all other judgements are kept, and the same command asks for these again"
        )
    return found
