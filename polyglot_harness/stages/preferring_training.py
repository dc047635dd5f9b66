"""The last stage of CroCo (arXiv 2605.26293): train on preferences, or on the best responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from polyglot_harness.errors import ConfigError
from polyglot_harness.spec import Example, Preference, Recipe, StudentCard, digest, key_hash
from polyglot_harness.stages.students import train, training_inputs, training_work
from polyglot_harness.stages.workshop import Done, Workshop
from polyglot_harness.students import check_trainable, load_recipe, recipe_names


def train_preference(
    shop: Workshop,
    name: str,
    student: StudentCard,
    pairs: Sequence[Preference],
    *,
    recipe: Recipe,
    adapter: Path | None = None,
) -> Done:
    """Train a student to prefer the chosen responses: direct preference optimisation.

    Args:
        shop: The run.
        name: Readable name of the pairs.
        student: The base model's card.
        pairs: Chosen and rejected responses; sampled down to the recipe's `max_train_samples`.
        recipe: One of the method ``dpo``.
        adapter: Folder of an earlier training's adapter, merged before this one begins: the policy
            starts there, and it is the reference.

    Raises:
        ConfigError: If the student is none that can be trained, or the recipe of another method.
    """
    check_trainable(student)
    check_method(recipe, "dpo", "preference training")
    drawn = sample(pairs, recipe.max_train_samples, seed=shop.spec.seed)
    work = training_work(shop, student, recipe, drawn, adapter)
    inputs = training_inputs(shop, student, recipe, digest(list(drawn)), adapter)
    title = f"train {student.name} to prefer {name}"
    return shop.run("prefer_train", f"{student.name}-prefers-{name}", inputs, work, title, 0)


def train_best(
    shop: Workshop,
    name: str,
    student: StudentCard,
    pairs: Sequence[Preference],
    *,
    recipe: Recipe,
    adapter: Path | None = None,
) -> Done:
    """Fine-tune a student on the chosen responses alone: the baseline that DPO must beat.

    Args:
        shop: The run.
        name: Readable name of the pairs.
        student: The base model's card.
        pairs: Of which the chosen responses are taken.
        recipe: One of the method ``sft``.
        adapter: Folder of an earlier training's adapter, merged before this one begins.

    Raises:
        ConfigError: If the student is none that can be trained, or the recipe of another method.
    """
    check_method(recipe, "sft", "training on the best responses")
    examples = best_examples(sample(pairs, recipe.max_train_samples, seed=shop.spec.seed))
    return train(shop, f"best-of-{name}", student, examples, recipe=recipe, adapter=adapter)


def best_examples(pairs: Sequence[Preference]) -> tuple[Example, ...]:
    """Return the distinct chosen responses as examples, in the order of the pairs."""
    first: dict[tuple[str, str, str], Preference] = {}
    for pair in pairs:
        first.setdefault((pair.language, pair.prompt, pair.chosen), pair)
    return tuple(
        Example(
            id=pair.id,
            language=pair.language,
            strategy="respond",
            seed_id=pair.id,
            prompt=pair.prompt,
            response=pair.chosen,
            finish_reason="unknown",
        )
        for pair in first.values()
    )


def sample(pairs: Sequence[Preference], limit: int, *, seed: int) -> tuple[Preference, ...]:
    """Draw at most `limit` pairs; a pair's place depends only on the seed and its id."""
    drawn = sorted(pairs, key=lambda pair: key_hash(seed, pair.id))[:limit]
    return tuple(sorted(drawn, key=lambda pair: key_hash(seed, "order", pair.id)))


def check_method(recipe: Recipe, method: Literal["sft", "dpo"], command: str) -> None:
    """Raise ConfigError if a recipe is of another method than what is to be done with it.

    Args:
        recipe: The user's.
        method: What is needed.
        command: What needs it, for the message.
    """
    if recipe.method == method:
        return
    fitting = [name for name in recipe_names() if load_recipe(name).method == method]
    raise ConfigError(
        f"recipe {recipe.name!r} is of the method {recipe.method!r}, and {command} needs one of "
        f"{method!r}: {', '.join(fitting)}, or one of your own with method = {method!r}"
    )
