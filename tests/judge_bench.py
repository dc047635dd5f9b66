"""A bench on which judges are tried: samples, cards, a folder for their replies."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from judge_server import JudgeServer
from measuring import given, measured, run_spec, sample

from polyglot_harness.intrinsic.samples import Sample
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.lm.load import load_lm
from polyglot_harness.lm.tally import Spending
from polyglot_harness.spec import Measurement, TeacherCard, pairs

NAMES = ("language_proficiency", "cultural_nuance", "helpfulness")
COLUMNS = ("rubric_score", *(f"rubric_{name}" for name in NAMES))
Measured = tuple[dict[str, Measurement], Values]


def rows(n: int, scripts: dict[int, str] | None = None) -> list[Sample]:
    """Return samples; the judge repeats the script of a response that has one."""
    texts = {i: f"Antwort {i}" for i in range(n)}
    texts |= {i: f"{{{{{text}}}}}" for i, text in (scripts or {}).items()}
    return [sample(i, f"Frage {i}?", texts[i]) for i in range(n)]


def judgement(*scores: object) -> str:
    return json.dumps({"reasoning": "Gut.", **dict(zip(NAMES, scores, strict=True))})


GOOD, BAD = judgement(3, 4, 5), "The response is good."


def judge(server: JudgeServer | str, name: str = "judge", **changes: Any) -> TeacherCard:
    url = server if isinstance(server, str) else server.url
    args = {"model": name, "base_url": url, "max_retries": 2, "backoff_seconds": 0.01,
            "num_concurrent": 4, **changes.pop("args", {})}  # fmt: skip
    return TeacherCard(
        **{"name": name, "model": "openai-compatible", "model_args": pairs(args), "form": "chat",
           **changes}
    )  # fmt: skip


class Bench:
    """A folder in which examples are judged: logs of the judges, values that begin anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told, self.number = folder, list[tuple[int, int]](), 0

    def measure(
        self,
        samples: Sequence[Sample],
        *judges: TeacherCard,
        metric: str = "rubric",
        lm: Any = None,
        spending: Spending | None = None,
        **spec: Any,
    ) -> Measured:
        self.number += 1
        return measured(
            metric,
            given(
                samples,
                spec=run_spec(judges=judges, **spec),
                judge_lm=lambda card: _lm(card, lm),
                judgements=lambda card: self.folder / card.name,
                spending=spending or Spending(),
                progress=lambda done, total: self.told.append((done, total)),
            ),
            self.folder / f"values-{self.number}",
        )

    def log(self, name: str = "judge", metric: str = "rubric") -> list[dict[str, Any]]:
        data = (self.folder / name / f"{metric}-de" / "replies.jsonl").read_bytes()
        return [json.loads(line) for line in data.split(b"\n")[:-1]]


def _lm(card: TeacherCard, lm: Any) -> Any:
    if lm is None:
        return load_lm(card.model, dict(card.model_args))
    return lm[card.name] if isinstance(lm, dict) else lm


def numbers_asked(server: JudgeServer) -> list[int]:
    """Return which examples the server was asked about, in the order of arrival."""
    found = []
    for request in server.requests:
        _, _, rest = request.body["messages"][0]["content"].rpartition("Frage ")
        found.append(int(rest.split("?")[0]))
    return found


def table(values: Values) -> list[list[float | None]]:
    """Return the four columns of each example, None where missing."""
    found = np.concatenate([*values.blocks(*COLUMNS)])
    return [[None if math.isnan(v) else float(v) for v in row] for row in found]
