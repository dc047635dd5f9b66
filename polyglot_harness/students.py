"""Student cards and training recipes: TOML files inside the package's data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyglot_harness.assets import recipes_path, students_path
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record, read_toml
from polyglot_harness.spec import Recipe, StudentCard


def student_names() -> list[str]:
    """Return the names of all student cards."""
    return sorted(path.stem for path in students_path().glob("*.toml"))


def recipe_names() -> list[str]:
    """Return the names of all recipes."""
    return sorted(path.stem for path in recipes_path().glob("*.toml"))


def load_student(name: str | None, overrides: dict[str, Any] | None = None) -> StudentCard:
    """Load a student by card, by the path of a TOML file, or from ``--student_args`` alone.

    Args:
        name: Card name or path; None if only `overrides` say what it is.
        overrides: Fields of `StudentCard`, e.g. ``{"pretrained": "org/model"}``.

    Raises:
        ConfigError: If there is no such card, or a field is wrong.
    """
    overrides = dict(overrides or {})
    if name is None:
        if "pretrained" not in overrides:
            raise ConfigError("--student_args needs pretrained=... where --student is not given")
        overrides.setdefault("name", str(overrides["pretrained"]).rstrip("/").split("/")[-1])
        return parse_record(StudentCard, overrides, "--student_args")
    path = Path(name) if name.endswith(".toml") else students_path() / f"{name}.toml"
    if not path.is_file():
        raise unknown_name("student", name, student_names())
    where = f"{path} with --student_args" if overrides else str(path)
    return parse_record(StudentCard, {**read_toml(path), **overrides}, where)


def load_recipe(name: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """Load a recipe by name or path, with single fields overridden.

    Raises:
        ConfigError: If there is no such recipe, or a field is wrong.
    """
    path = Path(name) if name.endswith(".toml") else recipes_path() / f"{name}.toml"
    if not path.is_file():
        raise unknown_name("recipe", name, recipe_names())
    return parse_record(Recipe, {**read_toml(path), **(overrides or {})}, str(path))
