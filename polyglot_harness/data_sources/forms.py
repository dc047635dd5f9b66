"""The columns in which data sets keep a prompt and its response, and how a row is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import storable
from polyglot_harness.intrinsic.samples import Sample

FORMS: dict[str, tuple[str, ...]] = {
    "prompt and response": ("prompt", "response"),
    "messages (a list of role and content)": ("messages",),
    "conversations (a list of from and value)": ("conversations",),
    "instruction and output (and input)": ("instruction", "output"),
    "prompt and completion": ("prompt", "completion"),
}
"""Columns that a form must have; the first form whose columns are there is taken."""
OPTIONAL = ("id", "language", "strategy", "source", "reference")
NAMES = tuple(dict.fromkeys([*(n for names in FORMS.values() for n in names), "input", *OPTIONAL]))
ROLES = {
    "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant",
}  # fmt: skip
"""Other roles (system, developer, tool) are passed over."""
Row = Mapping[str, Any]


class Found(NamedTuple):
    """What a row holds."""

    sample: Sample
    language: str
    """ISO 639-1 code as the row has it, "" for none."""
    turns: int
    """Of the user; the first one is the sample's prompt."""


@dataclass(frozen=True)
class Form:
    """How the rows of a data set are read."""

    needs: tuple[str, ...]
    """One of `FORMS`."""
    columns: Mapping[str, str]
    """One of `NAMES` -> column of the data set."""

    @property
    def identity(self) -> list[Any]:
        """What stands for the form in a digest."""
        return [list(self.needs), sorted(self.columns.items())]

    def read(self, row: Row, number: int) -> Found | str:
        """Return what a row holds, or why it is not usable.

        Args:
            row: Values by column.
            number: Of the row, from 0: its id where it has none.
        """
        values = {name: row.get(column) for name, column in self.columns.items()}
        prompt, response, turns = _READERS[self.needs](values)
        for part, text in (("prompt", prompt), ("response", response)):
            if not isinstance(text, str):
                return f"no {part}" if text is None else f"{part} is no text"
            if not text.strip():
                return f"empty {part}"
        key = values.get("id")
        sample = Sample(
            id=str(number) if key is None else _text(key),
            prompt=storable(prompt),
            response=storable(response),
            strategy=_text(values.get("strategy")),
            source=_text(values.get("source")),
            reference=_text(values.get("reference")),
        )
        return Found(sample, _code(values.get("language")), turns)


def form_of(columns: Sequence[str], named: Mapping[str, str | None], where: str) -> Form:
    """Return the form of a data set.

    Args:
        columns: Of the data set.
        named: One of `NAMES` -> the column that holds it, or None for a column that is not to be
            looked at (``--columns``).
        where: Name of the data set, for messages.

    Raises:
        ConfigError: If a name or a column is unknown, or no form has its columns.
    """
    for name, column in named.items():
        if name not in NAMES:
            raise unknown_name("name in --columns", name, NAMES)
        if column is not None and column not in columns:
            raise ConfigError(
                f"{where}: no column {column!r} (--columns {name}={column}); columns: "
                f"{', '.join(columns)}"
            )
    there = {n: named.get(n, n) for n in NAMES}
    known = {n: column for n, column in there.items() if column in columns and column is not None}
    # what was named decides where more than one form would do
    for needs in sorted(FORMS.values(), key=lambda needs: not set(needs) & set(named)):
        if set(needs) <= set(known):
            return Form(needs, {n: known[n] for n in (*needs, "input", *OPTIONAL) if n in known})
    raise ConfigError(
        f"{where}: no prompts and responses found in its columns ({', '.join(columns) or 'none'}); "
        f"needed: {'; or '.join(FORMS)}; or name them: --columns prompt=... response=..."
    )


Parts = tuple[Any, Any, int]


def _plain(prompt: str, response: str) -> Callable[[Row], Parts]:
    return lambda values: (values[prompt], values[response], 1)


def _instruction(values: Row) -> Parts:
    instruction, more = values["instruction"], values.get("input")
    both = isinstance(instruction, str) and isinstance(more, str) and more.strip()
    return f"{instruction}\n\n{more}" if both else instruction, values["output"], 1


def _chat(name: str) -> Callable[[Row], Parts]:
    return lambda values: _first_exchange(values[name])


def _first_exchange(messages: Any) -> Parts:
    """Return the first turn of the user and the first answer to it: they need no context."""
    prompt = response = None
    turns = 0
    for message in messages if isinstance(messages, Iterable) else ():
        if not isinstance(message, Mapping):
            continue
        role = ROLES.get(str(message.get("role") or message.get("from")))
        content = _content(message.get("content", message.get("value")))
        turns += role == "user"
        if role == "user" and prompt is None:
            prompt = content
        elif role == "assistant" and turns and response is None:
            response = content
    return prompt, response, turns


def _content(value: Any) -> Any:
    """Return the text of a message whose content may be a list of parts."""
    if not isinstance(value, list):
        return value
    parts = [part.get("text") for part in value if isinstance(part, Mapping)]
    return "".join(text for text in parts if isinstance(text, str))


_READERS: dict[tuple[str, ...], Callable[[Row], Parts]] = {
    ("prompt", "response"): _plain("prompt", "response"),
    ("prompt", "completion"): _plain("prompt", "completion"),
    ("instruction", "output"): _instruction,
    ("messages",): _chat("messages"),
    ("conversations",): _chat("conversations"),
}


def _text(value: Any) -> str:
    return "" if value is None else storable(str(value))


def _code(value: Any) -> str:
    """Return ``de`` for de, DE, de-AT, de_DE."""
    return _text(value).strip().lower().replace("_", "-").partition("-")[0]
