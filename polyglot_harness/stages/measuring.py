"""The stage *measure*: numbers of the data themselves, metric by metric.

Each metric is a stage of its own, so that another metric, or another judge, costs only itself; so
are the vectors that several metrics read. What comes of it is one table: a row an example, a column
a value (``values.parquet``), and one record with all measurements.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness import intrinsic
from polyglot_harness.errors import HarnessError
from polyglot_harness.intrinsic import MeasureInput, Part
from polyglot_harness.intrinsic.samples import Data
from polyglot_harness.intrinsic.table import VALUES, write_table
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.reporting import Progress, Within
from polyglot_harness.spec import LanguagePack, Pairs, RunSpec, TeacherCard, pairs
from polyglot_harness.stages.teaching import replies_depend_on
from polyglot_harness.stages.workshop import Done, Workshop
from polyglot_harness.store import Result, stage_folder
from polyglot_harness.teachers import is_served

PERPLEXITY_BATCH = "4"
"""For models that are not asked directly: 4 x 200 tokens x 262k words x 4 bytes = 0.8 GB."""


def measure_data(shop: Workshop, name: str, pack: LanguagePack, data: Data) -> Done:
    """Measure the data of one teacher in one language.

    Args:
        shop: The run.
        name: The teacher's name, or any name for foreign data.
        pack: The language.
        data: The examples.

    Returns:
        The stage whose record has all measurements, and whose folder has ``values.parquet``.

    Raises:
        HarnessError: What stopped a metric, after all others were computed.
    """
    title = f"measure {name} {pack.code}"
    metrics = shop.spec.metrics
    wanted = {metric: _inputs(shop.spec, pack, data, metric) for metric in metrics}

    def work(folder: Path, progress: Progress) -> Result:
        found: list[Done] = []
        errors: dict[str, HarnessError] = {}
        for number, (metric, inputs) in enumerate(wanted.items()):
            within = replace(shop, reporter=Within(progress, number, len(wanted)))
            try:
                found.append(_measure_one(within, name, pack, data, metric, inputs))
            except HarnessError as error:
                errors[metric] = error
        if errors:
            first, *others = errors
            for metric in others:
                shop.reporter.failed(f"{title} {metric}", errors[metric])
            raise errors[first]
        write_table(folder / VALUES, data, pack.code, [Values(done.folder) for done in found])
        measurements = tuple(m for done in found for m in done.record.measurements)
        return Result({"examples": len(data)}, measurements)

    key = f"{name}-{pack.code}"
    return shop.run("measure", key, pairs(dict(wanted)), work, title, len(wanted))


def _inputs(spec: RunSpec, pack: LanguagePack, data: Data, metric: str) -> Pairs:
    return pairs({"data": data.identity, **intrinsic.depends_on(metric, spec, pack)})


def _measure_one(
    shop: Workshop, name: str, pack: LanguagePack, data: Data, metric: str, inputs: Pairs
) -> Done:
    """Compute one metric of the data of one teacher in one language."""
    spec = shop.spec

    def work(folder: Path, progress: Progress) -> Result:
        given = MeasureInput(
            pack=pack,
            data=data,
            spec=spec,
            vectors=lambda part: vectors(shop, name, pack, data, part),
            perplexity_lm=lambda: perplexity_lm(shop),
            judge_lm=lambda judge: shop.pool.lm(
                judge.model, dict(judge.model_args), batch_size=spec.batch_size, device=spec.device
            ),
            judgements=lambda judge: judgement_folder(shop.root, judge, spec),
            spending=shop.spending,
            free=shop.pool.release,
            progress=progress,
        )
        return Result({}, intrinsic.measure(metric, given, folder))

    return shop.run(
        "metrics", f"{name}-{pack.code}-{metric}", inputs, work, metric, max(len(data), 1)
    )


def perplexity_lm(shop: Workshop) -> Any:
    """Return the base LM that perplexity is taken by."""
    spec = shop.spec
    local = {"pretrained": spec.perplexity_model}
    served = {"model": spec.perplexity_model}
    args = served if is_served(spec.perplexity_backend) else local
    if spec.perplexity_backend == "hf":
        args["dtype"] = "float32"
    return shop.pool.lm(
        spec.perplexity_backend,
        {**args, **dict(spec.perplexity_args)},
        batch_size=PERPLEXITY_BATCH,
        device=spec.device,
        likelihoods=True,
    )


def vectors(
    shop: Workshop, name: str, pack: LanguagePack, data: Data, part: Part
) -> NDArray[np.float32]:
    """Return the vectors of all prompts or responses, made if they are not there."""
    from polyglot_harness.intrinsic.embedding.embedders import embedder_identity
    from polyglot_harness.intrinsic.embedding.vectors import open_vectors, write_vectors

    def work(folder: Path, progress: Progress) -> Result:
        write_vectors(folder, data, part, lambda: shop.pool.embedder(shop.spec.embedder), progress)
        return Result({"vectors": len(data)})

    inputs = pairs(
        {
            "data": data.identity,
            "language": pack.code,
            "part": part,
            "embedder": embedder_identity(shop.spec.embedder),
        }
    )
    key = f"{name}-{pack.code}-{part}"
    done = shop.run("embed", key, inputs, work, f"embed {part}s", max(len(data), 1))
    return open_vectors(done.folder)


def judgement_folder(root: Path, judge: TeacherCard, spec: RunSpec) -> Path:
    """Return where all replies of a judge are kept: it depends on the judge alone."""
    return stage_folder(
        root, "judgements", judge.name, pairs({"judge": replies_depend_on(judge, spec)})
    )
