"""Data scaling: students on nested samples of one set, compared on the same held-out examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import Example, LanguagePack, digest, pairs
from polyglot_harness.stages.students import (
    base_args,
    base_identity,
    evaluate,
    train,
    trained_args,
    trained_folder,
    trained_identity,
)
from polyglot_harness.stages.workshop import Done, Workshop
from polyglot_harness.store import Result, write_atomically

SCALING, PLOT = "scaling.json", "scaling.svg"
HELD_OUT = 200
"""Examples held out where the recipe says none, at most a tenth of all."""


@dataclass(frozen=True)
class Samples:
    """Nested samples of one set."""

    held_out: tuple[Example, ...]
    by_size: dict[int, tuple[Example, ...]]
    """Number of examples to train on -> these, in training order, without the held-out ones."""
    too_many: tuple[int, ...]
    """Sizes for which there is not enough."""
    unusable: int
    """Examples that are too long, or without a response in the chat template."""


def nested_samples(shop: Workshop, examples: Sequence[Example], sizes: Sequence[int]) -> Samples:
    """Draw the samples; what is held out is the same for all, and what a smaller one has is in all.

    Args:
        shop: The run; its recipe's `held_out` counts, or else a tenth, at most `HELD_OUT`.
        examples: The whole set.
        sizes: Numbers of examples to train on.

    Raises:
        ConfigError: If there is not enough for any size.
    """
    from polyglot_harness.models import resolve
    from polyglot_harness.training import encoding
    from polyglot_harness.training.base import context_length, load_tokenizer
    from polyglot_harness.training.data import choose

    spec = shop.spec
    pretrained = resolve(spec.student.pretrained)
    longest = min(
        spec.recipe.max_length,
        context_length(pretrained, spec.student) or spec.recipe.max_length,
    )
    found = encoding.sort(load_tokenizer(pretrained, spec.student), examples, longest)
    wanted = spec.recipe.held_out or min(HELD_OUT, len(found.kept) // 10) or 1
    # a student holds out at most half of what it is given
    kept, held = encoding.split(found.kept, min(wanted, min(sizes)), spec.seed)
    by_id = {example.id: example for example in examples}
    rest = [by_id[encoded.id] for encoded in kept]
    fitting = [size for size in sizes if size <= len(rest)]
    if not fitting:
        raise ConfigError(
            f"--scales {min(sizes)}: there are {len(rest)} examples to train on ({len(held)} held "
            f"out, {found.too_long} too long)"
        )
    return Samples(
        tuple(by_id[encoded.id] for encoded in held),
        {size: choose(rest, size, seed=spec.seed) for size in fitting},
        tuple(size for size in sizes if size > len(rest)),
        len(examples) - len(found.kept),
    )


def scale_students(
    shop: Workshop,
    name: str,
    samples: Samples,
    *,
    packs: Sequence[LanguagePack] = (),
    adapter: Path | None = None,
) -> tuple[Done, list[dict[str, Any]]]:
    """Train a student on each sample, and evaluate each, and the base, on the packs' tasks.

    Args:
        shop: The run.
        name: Readable name of the data.
        samples: As `nested_samples` draws them.
        packs: Languages to evaluate in; none to compare the held-out loss alone.
        adapter: Folder of an earlier training's weights, where each student begins.

    Returns:
        The stage with `SCALING` and `PLOT`, and the points: the base first, then by size.
    """
    student = shop.spec.student
    points: list[dict[str, Any]] = []
    before: float | None = None
    for size, chosen in samples.by_size.items():
        recipe = shop.spec.recipe.model_copy(
            update={"held_out": len(samples.held_out), "max_train_samples": size}
        )
        data = (*samples.held_out, *chosen)
        done = train(shop, f"{name}-{size}", student, data, recipe=recipe, adapter=adapter)
        counts = dict(done.record.counts)
        before = counts["held_out_loss_before"]
        weights = trained_folder(done)
        point = {
            "examples": counts["examples"],
            "steps": counts["steps"],
            "held_out_loss": counts["held_out_loss"],
            "held_out_loss_stderr": counts["held_out_loss_stderr"],
            "scores": _scores(
                shop, f"{student.name}-on-{name}-{size}", trained_args(student, weights),
                trained_identity(student, weights), packs,
            ),
            "weights": str(weights.relative_to(shop.root)),
        }  # fmt: skip
        points.append(point)
    # where the students begin: with an adapter, that is not the base
    start = (trained_args(student, adapter), trained_identity(student, adapter)) if adapter else (
        base_args(student), base_identity(student)
    )  # fmt: skip
    base: dict[str, Any] = {
        "examples": 0, "steps": 0, "held_out_loss": before, "held_out_loss_stderr": None,
        "scores": _scores(shop, f"base-{student.name}", *start, packs), "weights": "",
    }  # fmt: skip
    points.insert(0, base)
    return _written(shop, name, samples, points), points


def _scores(
    shop: Workshop, name: str, args: dict[str, Any], identity: str, packs: Sequence[LanguagePack]
) -> dict[str, dict[str, Any]]:
    """Return the mean over tasks in each language, as scores take it."""
    from polyglot_harness.lm.evaluate import ITEMS, read_items
    from polyglot_harness.scoring.items import align, count, estimate

    scores: dict[str, dict[str, Any]] = {}
    for pack in packs:
        done = evaluate(shop, name, args, identity, pack)
        try:
            arrays = align({pack.code: read_items(done.folder / ITEMS)})[pack.code]
        except StageError:
            scores[pack.code] = {"mean": None, "stderr": None, "n": 0}
            continue
        mean = estimate(arrays)
        scores[pack.code] = {"mean": mean.value, "stderr": mean.stderr, "n": count(arrays)}
    return scores


def _written(shop: Workshop, name: str, samples: Samples, points: Sequence[dict[str, Any]]) -> Done:
    spec = shop.spec
    about = {
        "student": spec.student.name,
        "recipe": spec.recipe.name,
        "seed": spec.seed,
        "held_out": len(samples.held_out),
        "unusable": samples.unusable,
        "left_out": list(samples.too_many),
        "points": list(points),
    }

    def work(folder: Path, progress: Progress) -> Result:
        from polyglot_harness.training.curve import plot_scales

        write_atomically(folder / SCALING, json.dumps(about, indent=1) + "\n")
        plot_scales(points, folder / PLOT, f"{spec.student.name}, {spec.recipe.name}, {name}")
        return Result({"students": len(points) - 1})

    inputs = pairs({"scaling": digest(about)})
    return shop.run("scaling", f"{spec.student.name}-on-{name}", inputs, work, f"compare {name}", 0)
