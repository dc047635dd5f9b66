"""The data set's card: ``README.md`` with the YAML that the hub and `datasets` read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from polyglot_harness import __version__
from polyglot_harness.export.collect import Part, Selection
from polyglot_harness.export.licences import OTHER, all_licences, hub_licence, sources
from polyglot_harness.export.rows import COLUMNS, teacher_model
from polyglot_harness.strategies import DESCRIPTIONS

TAG = "polyglot-harness"
TAGS = ["synthetic", "sft", "instruction-tuning", TAG]
SIZES = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)  # fmt: skip
REJECTED = "rejected_"
NOTHING = "—"
Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


def dataset_card(selection: Selection, rows: Mapping[str, int], form: str, name: str) -> str:
    """Return the text of ``README.md``.

    Args:
        selection: What is exported.
        rows: Examples by language; a language without any is not in it.
        form: Suffix of the data files.
        name: What ``load_dataset`` is given in the example.
    """
    parts = selection.parts
    packs = {part.pack.code: part.pack for part in parts if part.pack.code in rows}
    teachers = {part.teacher.name: part.teacher for part in parts}
    languages = ", ".join(pack.name for pack in packs.values())
    writers = f"{len(teachers)} teacher{'s' if len(teachers) > 1 else ''}"
    title = f"SFT data in {languages} by {writers}"
    sections = [
        _front_matter(title, selection, rows, form),
        f"# {_escape(title)}",
        f"{sum(rows.values())} examples ({', '.join(f'{n} {code}' for code, n in rows.items())}) "
        f"for supervised fine-tuning, written by language models and checked by programs only, "
        f"made with [polyglot-harness](https://github.com/polyglot-harness/polyglot-harness) "
        f"{__version__}. They may be wrong.",
        *_missing(selection),
        *_filter(selection, sum(rows.values())),
        f"## Load\n\n{_loading(name, next(iter(rows)))}",
        f"## Columns\n\n{_table((('column', 'what it is'), COLUMNS.items()))}",
        f"## Licences\n\n{_licence_words(selection)}",
        _table(_teachers(parts)),
        _table(_sources(selection)),
        f"## How they were made\n\n{_making(selection)}",
        f"## Counts\n\n{_table(_counts(parts))}",
        f"## Measured\n\n{_measured(selection)}",
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(title: str, selection: Selection, rows: Mapping[str, int], form: str) -> str:
    import yaml

    total = sum(rows.values())
    configs = [{"config_name": "default", "data_files": f"data/*/*.{form}"}]
    configs += [{"config_name": code, "data_files": f"data/{code}/*.{form}"} for code in rows]
    data = {
        "license": hub_licence(all_licences(selection)),
        "language": list(rows),
        "pretty_name": title,
        "task_categories": ["text-generation"],
        "tags": TAGS,
        "size_categories": [next((s for limit, s in SIZES if total < limit), "n>10M")],
        "configs": configs,
    }
    return f"---\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True)}---"


def _missing(selection: Selection) -> list[str]:
    if not selection.missing:
        return []
    lines = [f"- {what}" for what, _ in selection.missing]
    return ["**Incomplete**: not finished, so not in here:\n\n" + "\n".join(lines)]


def _filter(selection: Selection, rows: int) -> list[str]:
    if not selection.where:
        return []
    return [
        f"**Filtered**: of {selection.accepted} accepted examples only the {rows} that fulfil "
        f"`{selection.where}` are in here; {selection.accepted - rows} were removed, also where a "
        "value is missing. Counts and metrics below are of the data before."
    ]


def _loading(name: str, code: str) -> str:
    return (
        "```python\nfrom datasets import load_dataset\n\n"
        f'everything = load_dataset("{name}", split="train")\n'
        f'one_language = load_dataset("{name}", "{code}", split="train")\n```\n\n'
        "`messages` is what chat trainers such as TRL's `SFTTrainer` read; to train on one "
        "teacher, filter by `teacher`."
    )


def _licence_words(selection: Selection) -> str:
    stated = all_licences(selection)
    names = ", ".join(licence or "not stated" for licence in stated)
    if hub_licence(stated) == OTHER and len(stated) > 1:
        said = f"There is no one licence that covers all rows ({names}): see the tables."
    else:
        said = f"Teachers and what they were shown all have the same one: {names}."
    return (
        f"{said} What the terms of a model say of the use of its output is to be read at its "
        "address."
    )


def _teachers(parts: Sequence[Part]) -> Table:
    cards = {part.teacher.name: part.teacher for part in parts}.values()
    return ("teacher", "model", "licence", "address"), [
        (t.name, teacher_model(t), t.licence or "not stated", t.url or NOTHING) for t in cards
    ]


def _sources(selection: Selection) -> Table:
    return ("language", "shown to teachers", "licence", "address"), [
        (code, source.name, source.licence or "not stated", source.url or NOTHING)
        for code, source in sources(selection)
    ]


def _making(selection: Selection) -> str:
    spec, parts = selection.spec, selection.parts
    strategies = list(dict.fromkeys(part.strategy for part in parts))
    settings = ", ".join(f"{k}={v}" for k, v in spec.gen_kwargs) or "each strategy's own"
    signatures = {part.pack.code: part.signature for part in parts}
    return "\n\n".join(
        [
            "\n".join(f"- *{name}*: {DESCRIPTIONS[name]}" for name in strategies),
            f"{spec.limit} requests per teacher, language and strategy, seed {spec.seed}; "
            f"generation settings: {settings}. Signatures of the run:",
            "\n".join(["```text", *signatures.values(), "```"]),
        ]
    )


def _counts(parts: Sequence[Part]) -> Table:
    """What the stages counted; what only some of them did is missing in the others."""
    known = {key: True for part in parts for key in part.counts if not key.startswith(REJECTED)}
    columns = list({"requests": True, "accepted": True, **known})
    table = []
    for part in parts:
        reasons = {k.removeprefix(REJECTED): n for k, n in part.counts.items() if REJECTED in k}
        rejected = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
        counts = [_number(part.counts.get(column)) for column in columns]
        table.append(
            (part.pack.code, part.teacher.name, part.strategy, *counts, rejected or NOTHING)
        )
    names = [column.replace("_", " ") for column in columns]
    return ("language", "teacher", "strategy", *names, "rejected"), table


def _measured(selection: Selection) -> str:
    if not selection.measured:
        return "Nothing: the metrics are of all strategies of a run together, once it measured."
    headers = ("language", "teacher", "metric", "value", "± stderr", "n")
    cells = [
        (m.language, name, m.name, _number(m.value), _number(m.stderr), m.n)
        for name, m in selection.measured
    ]
    return (
        "Of all strategies together; `polyglot-harness ls metrics` says what each one is.\n\n"
        + _table((headers, cells))
    )


def _number(value: Any) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(table: Table) -> str:
    headers, rows = table
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(_escape(str(cell)) for cell in line)} |" for line in lines)


def _escape(cell: str) -> str:
    """Keep a name from breaking its table."""
    return " ".join(cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
