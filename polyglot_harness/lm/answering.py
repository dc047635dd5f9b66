"""Have a model answer prompts, several times each: replies to the log, answers to the stage.

A reply is found again by its question and the number of its sample, so more samples, or more
questions, ask only for what is new. A model behind a server (and vllm) samples each reply by a seed
of its own. One in this process samples a batch from one stream of random numbers, so its samples
come in blocks of one question whose bounds are the same for any number of samples; what a block
has beyond that number waits in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.files import json_line
from polyglot_harness.lm.chunks import ask_chunk
from polyglot_harness.lm.engine import MAX_SEED, Engine
from polyglot_harness.lm.exchange import Reply, Request
from polyglot_harness.lm.reply_log import ReplyLog, request_key
from polyglot_harness.lm.tally import Spending, Tally
from polyglot_harness.spec import Answer, LanguagePack, RunSpec, TeacherCard, digest, key_hash
from polyglot_harness.store import disk_errors
from polyglot_harness.strategies.documents import Given, documents, stop_sequences
from polyglot_harness.strategies.fields import Fault, without_thoughts
from polyglot_harness.teachers import is_served

ANSWERS = "answers.jsonl"
VERSION = 1
"""Raised when what becomes an answer changes."""
BLOCK = 8
"""Samples of one question that a model in this process makes together."""
ENDS = ("stop", "length", "unknown")
Question = tuple[str, str]
"""Id and prompt."""


class Asking(NamedTuple):
    """How often, and how."""

    samples: int
    settings: Mapping[str, Any]
    """Generation settings, see `stages.answering.settings_of`."""

    @property
    def greedy(self) -> bool:
        """Whether a question has one possible answer."""
        return not self.settings["do_sample"]


class Prompts:
    """Documents and requests by their number: question by question, sample by sample."""

    def __init__(
        self, lm: Any, model: TeacherCard, pack: LanguagePack, questions: Sequence[Question],
        asking: Asking, spec: RunSpec,
    ) -> None:  # fmt: skip
        """Begin.

        Args:
            lm: The model's lm-eval ``LM``.
            model: Its card.
            pack: The language of the questions; in the completion form its seeds are the shots.
            questions: What is asked.
            asking: Samples of each, and generation settings.
            spec: Seed, system instruction, and the size of chunks.
        """
        self.task = f"answer {pack.code} by {model.name}"
        self._lm, self._model, self._pack, self._spec = lm, model, pack, spec
        self._questions, self._asking = questions, asking
        self.together = not (asking.greedy or is_served(model.model))
        """Samples of one question depend on one another."""
        bounds = block_bounds(asking.samples) if self.together else [0, asking.samples]
        self._blocks = list(zip(bounds, bounds[1:], strict=False))
        self.width = bounds[-1]
        """Samples of each question that are asked for."""
        self._stops = stop_sequences(pack, model.form)
        self._context: tuple[int, str] = (-1, "")

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self._questions) * self.width

    def document(self, index: int) -> dict[str, Any]:
        """Return question and sample of a number."""
        name, prompt = self._questions[index // self.width]
        sample = index % self.width
        return {"id": f"{name}#{sample}", "question_id": name, "prompt": prompt, "sample": sample}

    def request(self, document: dict[str, Any], index: int, attempt: int, seed: int) -> Request:
        """Return the request; its seed depends on the run's, the question and the sample alone."""
        settings = dict(self._asking.settings)
        settings["until"] = [*self._stops, *settings.get("until", [])]
        drawn = self._seed(document["question_id"], document["sample"])
        return Request(index, attempt, self._text(index, document), settings, drawn)

    def seed(self, *key: Any) -> int:
        """Return 0: see `request`."""
        return 0

    def _seed(self, question: str, sample: int) -> int:
        if self._asking.greedy:
            return 0
        if self.together:
            sample = next(first for first, end in self._blocks if first <= sample < end)
        return int.from_bytes(key_hash(self._spec.seed, question, sample)[:4], "big") & MAX_SEED

    def key(self, request: Request) -> str:
        """Return what a reply is found again by: not the place of its question among others."""
        return request_key(replace(request, index=request.index % self.width))

    def units(self) -> Iterator[range]:
        """Yield the numbers of the requests that a model in this process is asked together."""
        if not self.together:
            size = self._spec.chunk_size
            yield from (range(i, min(i + size, len(self))) for i in range(0, len(self), size))
            return
        for start in range(0, len(self), self.width):
            yield from (range(start + first, start + end) for first, end in self._blocks)

    def _text(self, index: int, document: dict[str, Any]) -> str:
        """Return what is sent; that of the last question is kept for its other samples."""
        number = index // self.width
        if self._context[0] != number:
            asked = self._chat if self._model.form == "chat" else self._completion
            self._context = number, asked(document["question_id"], document["prompt"])
        return self._context[1]

    def _chat(self, name: str, prompt: str) -> str:
        said = self._spec.system_instruction
        system = [{"role": "system", "content": said}] if said else []
        try:
            text: str = self._lm.apply_chat_template([*system, {"role": "user", "content": prompt}])
        except ValueError as error:
            raise ConfigError(
                f"{self._model.name}: its tokenizer has no chat template to ask it with; give one: "
                "--student_args chat_template=... (see: ls students), or for a base model behind "
                "--teacher_args form=completion"
            ) from error
        return text

    def _completion(self, name: str, prompt: str) -> str:
        (document,) = documents(
            self._pack, "respond", 1, seed=self._spec.seed, form="completion",
            given=(Given(name, prompt),),
        )  # fmt: skip
        return str(document["text"])


def block_bounds(samples: int) -> list[int]:
    """Return where blocks of samples begin, and the end: the same for more samples, but longer.

    The first sample is a block of its own, so that one answer costs one answer.
    """
    ends = range(BLOCK, samples + BLOCK, BLOCK)
    return [0, 1, *ends] if samples > 1 else [0, 1]


class Sampler(Engine):
    """The engine, with the samples of one question as its chunks."""

    def _chunks(self, attempt: int, todo: Any) -> None:
        """Ask unit by unit; one of which a reply is missing is made anew as a whole."""
        prompts = self.source
        assert isinstance(prompts, Prompts)
        for unit in prompts.units():
            members = []
            for index in unit:
                document = prompts.document(index)
                request = prompts.request(document, index, attempt, 0)
                members.append((request, self.key(request), document))
            whole = self.independent or all(self._stored(key) for _, key, _ in members)
            missing = [
                (request, key, document)
                for request, key, document in members
                if not (whole and self._found(request.index, attempt, key, document))
            ]
            if not missing:
                continue
            if self._too_dear(len(missing)):
                return
            replies = ask_chunk(self.lm, prompts.task, [request for request, *_ in missing])
            self._keep([(*m, reply) for m, reply in zip(missing, replies, strict=True)])


@dataclass(frozen=True)
class Reader:
    """Says which replies are answers: all but those that are empty, cut off from, or failed."""

    digest: str = digest(["answer", VERSION])

    def row(self, document: Mapping[str, Any], reply: Reply, attempt: int) -> dict[str, Any]:
        """Return the answer, or why there is none."""
        if reply.error:
            return {"reason": "backend_error", "detail": reply.error}
        if reply.finish_reason not in ENDS:
            return {"reason": reply.finish_reason, "detail": ""}
        text = without_thoughts(reply.text)
        if isinstance(text, Fault):
            return {"reason": text.reason, "detail": text.detail}
        reason = "" if text.strip() else "empty"
        return {"reason": reason, "detail": "", "response": text.strip()}


def answer_all(
    lm: Any,
    model: TeacherCard,
    pack: LanguagePack,
    questions: Sequence[Question],
    asking: Asking,
    spec: RunSpec,
    *,
    log_folder: Path,
    folder: Path,
    spending: Spending,
    progress: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Ask for the answers that the log lacks; write ``answers.jsonl``.

    Args:
        lm: The model's lm-eval ``LM``.
        model: Its card.
        pack: The language of the questions.
        questions: What is asked.
        asking: Samples of each, and generation settings.
        spec: Seed, system instruction, and the size of chunks.
        log_folder: Where all replies of this model are kept.
        folder: Gets the answers, in the order of questions and samples.
        spending: The money of the job.
        progress: Told of the replies so far, of how many, and of the state in words.

    Returns:
        Counts: requests, replies, tokens, cost, answers, and rejections by reason.

    Raises:
        HarnessError: What stopped the backend; what had arrived is in the log.
        StageError: If there is not one answer.
    """
    prompts = Prompts(lm, model, pack, questions, asking, spec)
    tally = Tally(model, len(prompts), spending)
    with ReplyLog(log_folder) as log:
        engine = Sampler(
            lm=lm,
            source=prompts,
            log=log,
            judge=Reader(),
            tally=tally,
            limit=len(prompts),
            max_attempts=1,
            chunk_size=spec.chunk_size,
            independent=not prompts.together,
            progress=lambda done, note: progress(done, len(prompts), note),
            key=prompts.key,
        )
        engine.run()
        outcomes = _write(log, engine.places[0], prompts, asking.samples, pack.code, folder)
    if not outcomes["answers"]:
        why = [f"{n} {k.removeprefix('rejected_')}" for k, n in sorted(outcomes.items()) if n]
        raise StageError(f"{prompts.task}: no answers ({', '.join(why)})")
    return {**tally.counts(), **outcomes}


def _write(
    log: ReplyLog, places: Any, prompts: Prompts, samples: int, language: str, folder: Path
) -> dict[str, int]:
    """Write what the samples became, but for those that wait; return the counts."""
    counts: Counter[str] = Counter(answers=0)
    wanted = chain.from_iterable(
        range(start, start + samples) for start in range(0, len(prompts), prompts.width)
    )
    with disk_errors(folder), (folder / ANSWERS).open("w", encoding="utf-8") as file:
        for index in wanted:
            row, document = log.read(int(places[index])), prompts.document(index)
            if row["reason"]:
                counts[f"rejected_{row['reason']}"] += 1
                continue
            counts["answers"] += 1
            answer = Answer(
                **document,
                language=language,
                response=row["response"],
                finish_reason=row["finish_reason"],
            )
            file.write(json_line(answer))
    return dict(counts)
