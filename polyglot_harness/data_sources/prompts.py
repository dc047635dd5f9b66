"""Prompts to be answered: those of a file, with or without responses, or of a pack's seeds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from polyglot_harness.data_sources.examples import GOLD, PREFIX, is_code, read_examples
from polyglot_harness.data_sources.find import find_table, short_name
from polyglot_harness.data_sources.forms import Form
from polyglot_harness.errors import ConfigError
from polyglot_harness.spec import Example

NUMBERED = re.compile(r"~\d+$")


class Prompt(NamedTuple):
    """What a model is asked."""

    id: str
    language: str
    prompt: str


def read_prompts(
    text: str, *, include_path: str | None = None, language: str | None = None
) -> tuple[Prompt, ...]:
    """Read prompts; of those that stand twice in a language the first is taken.

    Args:
        text: As `examples.read_examples` takes it; a column ``prompt`` without responses will do.
        include_path: A further folder of packs.
        language: Of the rows that do not say theirs, where there is no ``CODE=`` either.

    Raises:
        ConfigError: If there is no such source, or a row has no prompt or no language.
    """
    said = PREFIX.fullmatch(text)
    code, data = (said["code"].lower(), said["data"]) if said else (language, text)
    columns = () if data.startswith(GOLD) else find_table(data).columns
    if "prompt" in columns and not {"response", "completion"} & set(columns):
        found = _prompts(data, code)
    else:
        examples = read_examples(text, include_path=include_path, language=language)
        found = [
            Prompt(i, e.language, e.prompt) for i, e in zip(ids_of(examples), examples, strict=True)
        ]
    first: dict[tuple[str, str], Prompt] = {}
    for prompt in found:
        first.setdefault((prompt.language, prompt.prompt), prompt)
    return tuple(first.values())


def ids_of(examples: Sequence[Example]) -> list[str]:
    """Return the ids of examples as their source has them: one for all translations of a prompt.

    `examples.own_ids` numbers those that stand twice; within a language they stay numbered.
    """
    names = {example.id for example in examples}
    taken: set[tuple[str, str]] = set()
    found = []
    for example in examples:
        name = NUMBERED.sub("", example.id)
        if name not in names or (example.language, name) in taken:
            name = example.id
        taken.add((example.language, name))
        found.append(name)
    return found


def _prompts(data: str, language: str | None) -> list[Prompt]:
    table = find_table(data)
    there: dict[str, str] = {n: n for n in ("id", "language") if n in table.columns}
    # a prompt is read in place of the response that is not there
    form = Form(("prompt", "response"), {"prompt": "prompt", "response": "prompt", **there})
    prompts: list[Prompt] = []
    for number, row in enumerate(table.rows({"prompt", *there}), 1):
        found = form.read(row, number)
        if isinstance(found, str):
            raise ConfigError(f"{data}: row {number}: {found}")
        code = found.language or language or ""
        if not is_code(code):
            raise ConfigError(
                f"{data}: row {number} does not say its language; give CODE=FILE (e.g. "
                f"de={data}), or a column 'language' with a code of ISO 639-1"
            )
        name = f"{short_name(data)}-{number}" if row.get("id") is None else found.sample.id
        prompts.append(Prompt(name, code, found.sample.prompt))
    if not prompts:
        raise ConfigError(f"{data}: holds no prompts")
    return prompts
