"""Student cards and training recipes: TOML files inside the package's data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyglot_harness.assets import PACKAGE, recipes_path, students_path
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record, read_toml
from polyglot_harness.safety.trust import refuse_remote_code
from polyglot_harness.spec import Recipe, StudentCard, pairs
from polyglot_harness.teachers import is_served, refuse_secrets

_WITH_LIKELIHOODS = ("local-completions", "openai-completions", "textsynth", "gguf", "ggml")
"""Model types of servers that tell the log-probabilities of a given text."""
_TEMPLATES = PACKAGE / "data" / "chat_templates"


def student_names() -> list[str]:
    """Return the names of all student cards."""
    return sorted(path.stem for path in students_path().glob("*.toml"))


def recipe_names() -> list[str]:
    """Return the names of all recipes."""
    return sorted(path.stem for path in recipes_path().glob("*.toml"))


def chat_template_names() -> list[str]:
    """Return the names of the chat templates that a card may name."""
    return sorted(path.stem for path in _TEMPLATES.glob("*.jinja"))


def chat_template(text: str) -> str:
    """Return the Jinja text that a card's `chat_template` stands for.

    Args:
        text: A template, or the name of one; "" for the tokenizer's own. What has no ``{`` in it
            is a name: it would say nothing as a template.

    Raises:
        ConfigError: If there is no template of that name.
    """
    if not text or "{" in text:
        return text
    path = _TEMPLATES / f"{text}.jinja"
    if text not in chat_template_names():
        raise unknown_name("chat template", text, chat_template_names())
    return path.read_text(encoding="utf-8").removesuffix("\n")


def load_student(name: str | None, overrides: dict[str, Any] | None = None) -> StudentCard:
    """Load a student by card, by the path of a TOML file, or from ``--student_args`` alone.

    Args:
        name: Card name or path; None if only `overrides` say what it is.
        overrides: Fields of `StudentCard`, e.g. ``{"pretrained": "org/model"}``; for a model type
            other than ``hf`` also its arguments, e.g. ``{"model": "local-chat-completions",
            "pretrained": "name", "base_url": "http://..."}``.

    Raises:
        ConfigError: If there is no such card, a field is wrong, or an argument holds a secret.
    """
    overrides = dict(overrides or {})
    if name is None:
        if "pretrained" not in overrides:
            raise ConfigError(
                "--student_args needs pretrained=... where --student is not given: a model, or "
                "the name that a server has for one"
            )
        overrides.setdefault("name", str(overrides["pretrained"]).rstrip("/").split("/")[-1])
        return _card({}, overrides, "--student_args")
    path = Path(name) if name.endswith(".toml") else students_path() / f"{name}.toml"
    if not path.is_file():
        raise unknown_name("student", name, student_names())
    where = f"{path} with --student_args" if overrides else str(path)
    data = read_toml(path)
    refuse_remote_code(data, str(path))
    return _card(data, overrides, where)


def gives_likelihoods(student: StudentCard) -> bool:
    """Whether it can be asked for the log-likelihood of a text, as most tasks do."""
    return not is_served(student.model) or student.model in _WITH_LIKELIHOODS


def check_trainable(student: StudentCard) -> None:
    """Raise ConfigError if the student cannot be trained here."""
    if student.model != "hf":
        raise ConfigError(
            f"student {student.name!r} is of model type {student.model!r}, and only one of 'hf' "
            "can be trained; a student behind a server can be evaluated: polyglot-harness evaluate"
        )


def load_recipe(name: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """Load a recipe by name or path, with single fields overridden.

    Raises:
        ConfigError: If there is no such recipe, or a field is wrong.
    """
    path = Path(name) if name.endswith(".toml") else recipes_path() / f"{name}.toml"
    if not path.is_file():
        raise unknown_name("recipe", name, recipe_names())
    data = {**read_toml(path), **(overrides or {})}
    for field in data.keys() - Recipe.model_fields.keys():
        raise ConfigError(f"{path}: {unknown_name('field', field, Recipe.model_fields)}")
    return parse_record(Recipe, data, str(path))


def _card(data: dict[str, Any], overrides: dict[str, Any], where: str) -> StudentCard:
    """Build a card; of a model type other than ``hf`` an override may be an argument."""
    args = data.get("model_args", {})
    args = dict(args) if isinstance(args, dict) else args
    if overrides.get("model", data.get("model", "hf")) != "hf" and isinstance(args, dict):
        for key in overrides.keys() - StudentCard.model_fields.keys():
            args[key] = overrides.pop(key)
    if "pretrained" in overrides:
        data = {**data, "revision": ""}  # another model has other commits
    merged = {**data, "model_args": pairs(args) if isinstance(args, dict) else args, **overrides}
    card = parse_record(StudentCard, merged, where)
    refuse_secrets(card.model_args, where)
    return card.model_copy(update={"chat_template": chat_template(card.chat_template)})
