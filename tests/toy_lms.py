"""Small deterministic models that stand for teachers where the engine's logic is tested.

They speak German: sentences of the German pack's gold responses in new combinations.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from polyglot_harness.errors import StageError
from polyglot_harness.files import EXAMPLES, REJECTIONS
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.exchange import Reply, Request
from polyglot_harness.lm.judge import Judge
from polyglot_harness.lm.reply_log import LOG
from polyglot_harness.lm.tally import Spending
from polyglot_harness.lm.teach import teach
from polyglot_harness.spec import Checks, LanguagePack, RunSpec, TeacherCard, key_hash
from polyglot_harness.students import load_recipe, load_student

SHORT = "Ja."
"""A reply that is rejected as too short."""


@cache
def sentences() -> tuple[str, ...]:
    """Return what the models say."""
    texts = [seed.response for seed in load_pack("de").seeds]
    split = [s.strip() for text in texts for s in re.split(r"(?<=[.!?])\s+", text)]
    return tuple(dict.fromkeys(s for s in split if 40 < len(s) < 160 and s[-1] in ".!?"))


def speech(draw: Callable[[int], int]) -> str:
    """Return three sentences; `draw` returns a number below its argument."""
    return " ".join(sentences()[draw(len(sentences()))] for _ in range(3))


class Toy(LM):  # type: ignore[misc]
    """What both have in common."""

    def loglikelihood(self, requests: list[Instance], **_: Any) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Instance], **_: Any) -> list[float]:
        raise NotImplementedError

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        return json.dumps(chat_history, ensure_ascii=False)

    @property
    def tokenizer_name(self) -> str:
        return "toy"


class Sampler(Toy):
    """Samples a batch by torch's generator: a reply depends on those before it in the call."""

    def __init__(self, *, interrupted_at: int | None = None, short: float = 0.0) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.interrupted_at, self.short = interrupted_at, short

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        if self.interrupted_at == len(self.calls):
            raise KeyboardInterrupt
        self.calls.append([r.args[0] for r in requests])
        return [self._reply() for _ in requests]

    def _reply(self) -> str:
        short = torch.rand(()).item() < self.short
        text = speech(lambda n: int(torch.randint(n, ())))
        return SHORT if short else text


class Feed(Toy):
    """Answers out of order, as a server does; a reply depends on its request alone."""

    def __init__(
        self,
        *,
        window: int = 4,
        order: int = 0,
        failing: Collection[int] = (),
        dies_after: int | None = None,
        reply: Callable[[Request], Reply] | None = None,
        short: int = 0,
    ) -> None:
        """Answer every `short`-th request too shortly, fail at documents, die after replies."""
        super().__init__()
        self.window, self.order, self.failing, self.dies_after = window, order, failing, dies_after
        self.short = short
        self.reply = reply or self.speak
        self.asked: list[Request] = []

    @property
    def documents(self) -> list[int]:
        """Numbers of the documents that were asked."""
        return [request.index for request in self.asked]

    def stream_replies(self, requests: Iterator[Request]) -> Iterator[tuple[Request, Reply]]:
        rng, flying, answered = random.Random(self.order), list[Request](), 0
        while True:
            new = list(islice(requests, self.window - len(flying)))
            self.asked += new
            flying += new
            if not flying:
                return
            if answered == self.dies_after:
                raise StageError("no server answers")
            request = flying.pop(rng.randrange(len(flying)))
            answered += 1
            if request.index in self.failing:
                yield request, Reply("", error="503 after 3 tries: busy", tries=3)
            else:
                yield request, self.reply(request)

    def speak(self, request: Request) -> Reply:
        """Return a reply of 50 to 149 tokens to a request of 100."""
        rng = random.Random(key_hash(request.context, request.seed))
        text, tokens = speech(rng.randrange), rng.randrange(50, 150)
        if self.short and rng.randrange(self.short) == 0:
            text = SHORT
        return Reply(text, "stop", 100, tokens)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        raise AssertionError("a backend that streams is not sent chunks")


CARD = TeacherCard(name="toy", model="openai-compatible", form="chat", price_in=1.0, price_out=10.0)
"""A teacher behind a server: tokens cost 100 * 1 + (50 to 149) * 10 millionths of a dollar."""
IN_PROCESS = CARD.model_copy(update={"model": "hf"})
CHECKS = Checks(contamination=0)


def spec_of(limit: int, **changes: Any) -> RunSpec:
    """Return the spec of a run in German."""
    return RunSpec(
        **{
            "teachers": (CARD,), "languages": ("de",), "strategies": ("respond",), "limit": limit,
            "student": load_student("smollm2-135m", None), "reference": "gold",
            "recipe": load_recipe("demo", None), "metrics": (), "perplexity_model": "x",
            "checks": CHECKS, "chunk_size": 4, **changes,
        }
    )  # fmt: skip


class Desk:
    """A folder in which a teacher is at work: one log, and a new folder of outcomes each time."""

    def __init__(self, folder: Path) -> None:
        self.log, self.out = folder / "log", folder / "out"
        self.told: list[tuple[int, str]] = []

    def teach(
        self,
        lm: LM,
        limit: int,
        *,
        teacher: TeacherCard = CARD,
        pack: LanguagePack | None = None,
        strategy: str = "respond",
        spending: Spending | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Return the counts."""
        spec, pack = spec_of(limit, **changes), pack or load_pack("de")
        self.out.mkdir(parents=True, exist_ok=True)
        return teach(
            lm,
            teacher,
            pack,
            strategy,
            spec,
            Judge(spec.checks, pack.refusals),
            log_folder=self.log,
            folder=self.out,
            spending=spending or Spending(),
            progress=lambda done, note: self.told.append((done, note)),
        )

    @property
    def files(self) -> tuple[bytes, bytes]:
        """The outcomes."""
        return (self.out / EXAMPLES).read_bytes(), (self.out / REJECTIONS).read_bytes()

    @property
    def examples(self) -> list[dict[str, Any]]:
        return _rows(self.out / EXAMPLES)

    @property
    def rejections(self) -> list[dict[str, Any]]:
        return _rows(self.out / REJECTIONS)

    @property
    def replies(self) -> list[dict[str, Any]]:
        return _rows(self.log / LOG)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
