"""Samples and inputs for the tests of metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyglot_harness.intrinsic import MeasureInput, measure
from polyglot_harness.intrinsic.samples import Sample
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Measurement, Rejection, RunSpec, Strategy
from polyglot_harness.students import load_recipe, load_student


@dataclass(frozen=True)
class ListData:
    """Samples in memory."""

    rows: Sequence[Sample]
    rejected: Sequence[Rejection] = field(default=())
    identity: Any = "list"

    def __len__(self) -> int:
        return len(self.rows)

    def samples(self, start: int = 0) -> Iterator[Sample]:
        yield from self.rows[start:]

    def rejections(self) -> Iterator[Rejection]:
        yield from self.rejected


def sample(i: int, prompt: str, response: str, strategy: str = "respond", **more: Any) -> Sample:
    return Sample(f"s-{i}", prompt, response, strategy, **more)


def gold(language: str) -> list[Sample]:
    seeds = load_pack(language).seeds
    return [sample(i, seed.prompt, seed.response) for i, seed in enumerate(seeds)]


def rejection(
    i: int, reply: str, strategy: Strategy = "respond", reason: str = "empty", attempt: int = 1
) -> Rejection:
    return Rejection(
        id=f"r-{i}", language="de", strategy=strategy, reason=reason, reply=reply, attempt=attempt
    )


def run_spec(**changes: Any) -> RunSpec:
    """A spec of which metrics look at their own settings only."""
    return RunSpec(
        **{
            "teachers": (),
            "languages": ("de",),
            "strategies": ("respond",),
            "limit": 1,
            "student": load_student("smollm2-135m", None),
            "reference": "gold",
            "recipe": load_recipe("demo", None),
            "metrics": (),
            "perplexity_model": "gemma-3-270m",
            **changes,
        }
    )


def never(*_: Any) -> Any:
    raise AssertionError("a model was loaded")


def given(
    rows: Sequence[Sample] = (),
    rejected: Sequence[Rejection] = (),
    *,
    language: str = "de",
    spec: RunSpec | None = None,
    **more: Any,
) -> MeasureInput:
    """What a metric looks at; a model that is not given must not be loaded."""
    models: dict[str, Any] = {
        "vectors": never, "perplexity_lm": never, "judge_lm": never, "judgements": never,
    }  # fmt: skip
    return MeasureInput(
        pack=load_pack(language),
        data=ListData(rows, rejected),
        spec=spec or run_spec(),
        **{**models, **more},
    )


def measured(
    metric: str, data: MeasureInput, folder: Path
) -> tuple[dict[str, Measurement], Values]:
    """Compute a metric in a folder; return its measurements by name, and the values."""
    folder.mkdir(parents=True, exist_ok=True)
    found = measure(metric, data, folder)
    return {m.name: m for m in found}, Values(folder)
