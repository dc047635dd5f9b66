"""Flags of the training: a recipe, its fields, and how it is run and kept."""

from __future__ import annotations

import argparse
import ast
import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from polyglot_harness.assets import PACKAGE
from polyglot_harness.cli.values import KeyValues, literal

if TYPE_CHECKING:
    from polyglot_harness.spec import TrainingOptions

DEFAULT_RECIPE = "demo"
FIELD_FLAGS = {"batch_size": "train_batch_size"}
"""Fields of a recipe whose flag has another name: ``--batch_size`` is lm-eval's."""
NO_FLAGS = ("name", "method", "notes")
"""Fields that a recipe is not changed by."""


def recipe_flags(parser: argparse.ArgumentParser, *, fields: bool = False) -> None:
    """How students are trained; `fields` shows each field of the recipe as a flag of its own."""
    group = parser.add_argument_group("training")
    group.add_argument(
        "--recipe", default=DEFAULT_RECIPE, metavar="NAME",
        help="recipe or TOML file (see: ls recipes; default: %(default)s)",
    )  # fmt: skip
    more = "" if fields else "; each is also a flag of its own, see: train --help"
    group.add_argument(
        "--recipe_args", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="fields of the recipe, e.g. epochs=3 learning_rate=1e-4 (default: as in the recipe"
        f"{more})",
    )  # fmt: skip
    group.add_argument(
        "--auto_batch", action="store_true",
        help="out of memory, halve micro_batch_size (same effective batch) and go on (default: "
        "say what to change, and stop)",
    )  # fmt: skip
    group.add_argument(
        "--report_to", choices=("none", "trackio", "wandb"), default="none",
        help="also log the training there (default: %(default)s)",
    )  # fmt: skip
    _field_flags(parser, shown=fields)


def _field_flags(parser: argparse.ArgumentParser, *, shown: bool) -> None:
    """A flag a field of `Recipe`; what it gives goes into ``recipe_args``."""
    title = "fields of the recipe, in place of its own (default: as in the recipe)"
    group: argparse._ActionsContainer = parser.add_argument_group(title) if shown else parser
    for name, annotation, words in recipe_fields():
        group.add_argument(
            f"--{FIELD_FLAGS.get(name, name)}", action=RecipeField, field=name,
            help=words.replace("%", "%%").replace("`", "")
            if shown and name != "beta"  # of preference training
            else argparse.SUPPRESS,
            **_arity(annotation),
        )  # fmt: skip


@cache
def recipe_fields() -> tuple[tuple[str, str, str], ...]:
    """Return name, annotation and docstring of the fields of `spec.Recipe` that have a flag.

    Read from its source: to import it takes pydantic, for which ``--help`` does not wait.
    """
    source = (PACKAGE / "spec.py").read_text(encoding="utf-8")
    body = next(
        node.body
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == "Recipe"
    )
    found = []
    for node, after in pairwise([*body, ast.Pass()]):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name = node.target.id
        told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        words = str(after.value.value) if told else name.replace("_", " ")  # type: ignore[attr-defined]
        if name not in NO_FLAGS:
            found.append((name, ast.unparse(node.annotation), " ".join(words.split())))
    return tuple(found)


def _arity(annotation: str) -> dict[str, Any]:
    """Return how many values a flag takes, and how ``--help`` shows them."""
    if annotation == "bool":
        return {"nargs": "?", "const": True, "metavar": "TRUE|FALSE"}
    if annotation.startswith("tuple"):
        return {"nargs": "+", "metavar": "NAME"}
    words = re.findall(r"'(\w+)'", annotation)  # of Literal
    return {"metavar": "|".join(words) or "N"}


class RecipeField(argparse.Action):
    """A flag for one field of the recipe: ``--epochs 3`` is ``--recipe_args epochs=3``."""

    def __init__(self, *args: Any, field: str, **kwargs: Any) -> None:
        """Remember which field."""
        super().__init__(*args, **{**kwargs, "default": argparse.SUPPRESS})
        self.field = field

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add the field to ``recipe_args``; the last one given counts."""
        if isinstance(values, list):
            value: Any = [name for text in values for name in text.split(",") if name]
        else:
            value = literal(values) if isinstance(values, str) else values
        before = getattr(namespace, "recipe_args", None) or {}
        namespace.recipe_args = {**before, self.field: value}


def training_options(args: argparse.Namespace) -> TrainingOptions:
    """Return how trainings are run and kept, as the flags say."""
    from polyglot_harness.spec import TrainingOptions

    given = {k: v for k, v in vars(args).items() if k in TrainingOptions.model_fields}
    return TrainingOptions.model_validate(given)
