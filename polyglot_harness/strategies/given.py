"""What a strategy starts from: English prompts, prompts of the language, or whole examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import jsonl_rows
from polyglot_harness.languages import english_prompts
from polyglot_harness.spec import LanguagePack, Pairs


class Given(NamedTuple):
    """A prompt to start from; for refine with a response."""

    id: str
    prompt: str
    response: str = ""
    reference: str = ""
    """For translate: a human translation, to measure by."""


def given_of(pack: LanguagePack, strategy: str) -> Sequence[Any]:
    """Return what the strategy starts from, of records with id and prompt; generate has nothing."""
    if strategy == "generate":
        return ()
    return english_prompts() if strategy == "translate" else pack.seeds


def given_path(given: Pairs, strategy: str, language: str) -> Path | None:
    """Return the file that a strategy starts from in a language; None for what the pack has."""
    path = dict(given).get(strategy)
    return Path(str(path).replace("{lang}", language)) if path else None


def given_file(given: Pairs, strategy: str, language: str) -> Path | None:
    """Return what `given_path` does, if it is there.

    Raises:
        ConfigError: If it is not.
    """
    path = given_path(given, strategy, language)
    if path and not path.is_file():
        raise ConfigError(f"--given {strategy}={path}: no such file")
    return path


def read_given(path: Path | None, strategy: str) -> tuple[Given, ...] | None:
    """Read what a strategy starts from out of a JSONL file.

    A line has ``prompt`` (for translate an English one) and for refine ``response``; or
    ``messages`` with one user and one assistant message (a system message before them is passed
    over). ``id`` is optional, and so is ``reference`` for translate, a human translation of the
    prompt: the teacher does not see it, metrics do. Other fields are ignored, so the harness's own
    ``examples.jsonl`` will do.

    Args:
        path: The file; None for None.
        strategy: The strategy.

    Raises:
        ConfigError: If a line has neither or a field that is no text, or the file is missing or
            empty; file and line named.
    """
    if path is None:
        return None
    found = tuple(
        _given(row, strategy, f"{path}:{number}", number) for number, row in jsonl_rows(path)
    )
    if not found:
        raise ConfigError(f"{path}: holds no examples")
    return found


def _given(row: dict[str, Any], strategy: str, where: str, number: int) -> Given:
    fields = _turns(row["messages"], where) if "messages" in row else row
    names = ("prompt", "response") if strategy == "refine" else ("prompt",)
    for name in names:
        value = fields.get(name)
        if not isinstance(value, str) or not value.strip():
            problem = "is missing" if value is None else "must be a text that is not empty"
            hint = ", and there is no 'messages'" if value is None else f", got {value!r:.60}"
            raise ConfigError(f"{where}: field {name!r} {problem}{hint}")
    reference = row.get("reference") if strategy == "translate" else None
    if not isinstance(reference, str | None):
        raise ConfigError(f"{where}: field 'reference' must be a text, got {reference!r:.60}")
    key = str(row.get("id") or f"given-{number:06d}")
    texts = {name: fields[name].strip() for name in names}
    return Given(key, **texts, reference=(reference or "").strip())


def _turns(messages: Any, where: str) -> dict[str, Any]:
    """Return prompt and response of one exchange."""
    try:
        turns = [(m["role"], m["content"]) for m in messages if m["role"] != "system"]
    except (TypeError, KeyError):
        raise ConfigError(f"{where}: 'messages' must be a list of role and content") from None
    roles = [role for role, _ in turns]
    if roles != ["user", "assistant"]:
        raise ConfigError(
            f"{where}: 'messages' must be one user and one assistant message, got {roles!r:.80}"
        )
    return {"prompt": turns[0][1], "response": turns[1][1]}
