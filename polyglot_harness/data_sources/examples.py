"""Training examples of any source: files, folders, data sets, and the packs' gold data."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from polyglot_harness.data_sources.find import find_table, short_name
from polyglot_harness.data_sources.forms import Form, Found, form_of
from polyglot_harness.data_sources.tables import FileTable, Table
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import EXAMPLES
from polyglot_harness.intrinsic.samples import spread
from polyglot_harness.spec import STRATEGIES, Example
from polyglot_harness.store import LOCK, RECORD, file_sha256, read_record, verify_output

GOLD = "gold:"
PREFIX = re.compile(r"(?P<code>[A-Za-z]{2,3})=(?P<data>.+)")
OWN_COLUMNS = ("seed_id", "finish_reason", "attempt")
"""Of our own examples, beside those of `forms`."""
SHOWN = 3
"""Rows that a message names for each reason."""
CHECKED = 64
"""Responses of a language that `check_languages` looks at."""
Columns = Mapping[str, str | None]


@dataclass(frozen=True)
class Loaded:
    """What a source of examples holds."""

    name: str
    """As the user gave it."""
    examples: tuple[Example, ...]
    identity: Any
    """What stands for its contents: digests of the files."""
    notes: tuple[str, ...] = ()
    """What of it is not taken."""


def read_examples(
    text: str,
    *,
    include_path: str | None = None,
    columns: Columns | None = None,
    language: str | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[Example, ...]:
    """Read training examples.

    A row keeps its id, or else has the name of its source and its number, from 1; it keeps its
    strategy if it is one of ours, or else counts as ``respond``. Rows that cannot be used are left
    out, counted and named.

    Args:
        text: A file (JSONL, JSON, CSV, Parquet), a folder (of files, ``generate``, ``run`` or
            `save_to_disk`), a data set of the hub, or ``gold:CODE`` for a pack's gold data;
            ``CODE=`` before it is the language of the rows that do not say theirs.
        include_path: A further folder of packs.
        columns: One of `forms.NAMES` -> the column that holds it, None for a column that is to be
            passed over (``--columns``); a source with none of these columns is read without them.
        language: Of the rows that do not say theirs, where there is no ``CODE=`` either.
        say: Is told what is not taken; None for standard error.

    Raises:
        ConfigError: If there is no such source, no row of it is usable, or a language is not known.
    """
    loaded = load_examples(text, include_path=include_path, columns=columns, language=language)
    for note in loaded.notes:
        (say or _say)(f"{loaded.name}: {note}")
    return loaded.examples


def load_examples(
    text: str,
    *,
    include_path: str | None = None,
    columns: Columns | None = None,
    language: str | None = None,
) -> Loaded:
    """As `read_examples`, with what stands for the source and what is said of it."""
    data = text
    if (said := PREFIX.fullmatch(text)) and not Path(text).exists():
        language, data = said["code"].lower(), said["data"]
    if language and not is_code(language):
        raise ConfigError(f"{text}: {language!r} is no language; valid: a code of ISO 639-1 (de)")
    if data.startswith(GOLD):
        return _gold(data, include_path)
    if files := stage_files(Path(data)):
        return _of_table(FileTable(data, files), {}, language)
    path = Path(data) / EXAMPLES
    if (path.parent / RECORD).is_file() and path.is_file() and not path.stat().st_size:
        return Loaded(text, (), file_sha256(path), ("none of its replies became an example",))
    table = FileTable(data, (path,)) if path.is_file() else find_table(data)
    return _of_table(table, columns or {}, language)


def stage_files(root: Path) -> tuple[Path, ...]:
    """Return the examples of the finished stages in a folder of ``run`` or ``generate``.

    Raises:
        ConfigError: If they are of several teachers or settings, or there is none yet.
        StoreError: If a file is not what its stage wrote.
    """
    files: dict[str, list[Path]] = {}
    teachers = set()
    for path in sorted(root.glob(f"generate/*/{RECORD}")):
        record = read_record(path)
        if record.status == "complete":
            file = verify_output(path.parent, record, EXAMPLES)
            files.setdefault(record.key, []).append(file)
            teachers.add(record.key.rsplit("-", 2)[0])
    several = [key for key, found in files.items() if len(found) > 1]
    if several or len(teachers) > 1:
        what = f"{several[0]} with several settings" if several else ", ".join(sorted(teachers))
        raise ConfigError(
            f"{root}: holds data of more than one kind ({what}); name the folders that are meant: "
            f"{root}/generate/..."
        )
    with_rows = tuple(file for (file,) in files.values() if file.stat().st_size)
    if not with_rows and any(root.glob(f"generate/*/{LOCK}")):
        raise ConfigError(f"{root}: no finished stage in it has examples; finish the command first")
    return with_rows


def own_ids(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Return the examples, those with an id that was there before as ``<id>~2`` and so on."""
    seen: Counter[str] = Counter()
    taken: set[str] = set()
    found = []
    for example in examples:
        name = example.id
        while name in taken:
            seen[example.id] += 1
            name = f"{example.id}~{seen[example.id] + 1}"
        taken.add(name)
        same = name == example.id
        found.append(example if same else example.model_copy(update={"id": name}))
    return tuple(found)


def check_languages(examples: Sequence[Example]) -> None:
    """Look whether examples are in the languages that they are said to be in.

    Looks at `CHECKED` responses of each language, evenly spread; those with hardly a letter, and
    languages that cannot be identified, are passed over.

    Raises:
        ConfigError: If most responses said to be in a language are in others.
    """
    from polyglot_harness.strategies.checks import MIN_IDENTIFIABLE

    by_language: dict[str, list[Example]] = {}
    for example in examples:
        by_language.setdefault(example.language, []).append(example)
    for code, group in by_language.items():
        texts = [group[i].response for i in sorted(spread(len(group), CHECKED))]
        texts = [text for text in texts if sum(map(str.isalpha, text)) >= MIN_IDENTIFIABLE]
        others = _others(texts, code)
        if 2 * others.total() > len(texts):
            listed = ", ".join(f"{other} {n}" for other, n in others.most_common(SHOWN))
            raise ConfigError(
                f"examples said to be in {code!r}: {others.total()} of {len(texts)} responses are "
                f"in another language ({listed}); say the right one (a column 'language', or "
                f"{others.most_common(1)[0][0]}=DATA), or give --any_language"
            )


@cache
def is_code(text: str) -> bool:
    """Whether a text is a language's code of ISO 639-1, of a pack or not."""
    import langcodes

    return bool(re.fullmatch("[a-z]{2}", text)) and langcodes.tag_is_valid(text)


@dataclass
class _Reading:
    """The rows of a table that were read."""

    rows: int = 0
    long: int = 0
    unusable: dict[str, list[int]] = field(default_factory=dict)
    """Numbers of rows, from 1, by reason."""

    def notes(self) -> tuple[str, ...]:
        left_out = sum(map(len, self.unusable.values()))
        notes = [f"{left_out} of {self.rows} rows are left out: {self.reasons()}"]
        turns = f"{self.long} rows have several turns; the first exchange is taken"
        return (*notes[: bool(left_out)], *[turns][: bool(self.long)])

    def reasons(self) -> str:
        return ", ".join(
            f"{len(numbers)} {reason} (row {', '.join(map(str, numbers[:SHOWN]))}"
            f"{', ...' if len(numbers) > SHOWN else ''})"
            for reason, numbers in self.unusable.items()
        )


def _of_table(table: Table, columns: Columns, language: str | None) -> Loaded:
    form = _form(table, columns)
    stem, id_column = short_name(table.name), form.columns.get("id", "")
    wanted = {*form.columns.values(), *OWN_COLUMNS}
    reading, examples = _Reading(), []
    for number, row in enumerate(table.rows(wanted), 1):
        found = form.read(row, number)
        reading.rows = number
        code = "" if isinstance(found, str) else found.language or language or ""
        if not isinstance(found, str) and not code:
            raise ConfigError(
                f"{table.name}: row {number} does not say its language; give CODE=DATA (e.g. "
                f"de={table.name}), or the column that says it: --columns language=COLUMN"
            )
        if not isinstance(found, str) and not is_code(code):
            found = f"language {code!r} is no code of ISO 639-1"
        if isinstance(found, str):
            reading.unusable.setdefault(found, []).append(number)
            continue
        reading.long += found.turns > 1
        name = f"{stem}-{number}" if row.get(id_column) is None else found.sample.id
        examples.append(_example(name, code, found, row))
    if not examples:
        why = f"no row is usable: {reading.reasons()}" if reading.rows else "holds no rows"
        raise ConfigError(f"{table.name}: {why} (columns: {', '.join(table.columns)})")
    return Loaded(table.name, own_ids(examples), table.identity, reading.notes())


def _form(table: Table, columns: Columns) -> Form:
    """Return the form of a table; the names in `columns` may be those of another source."""
    named = set(columns.values()) - {None}
    if named and not named & set(table.columns):
        with suppress(ConfigError):
            return form_of(table.columns, {}, table.name)
    return form_of(table.columns, columns, table.name)


def _example(name: str, code: str, found: Found, row: Mapping[str, Any]) -> Example:
    sample = found.sample
    ended, attempt = row.get("finish_reason"), row.get("attempt")
    return Example(
        id=name,
        language=code,
        strategy=cast(Any, sample.strategy if sample.strategy in STRATEGIES else "respond"),
        seed_id=str(row.get("seed_id") or ""),
        prompt=sample.prompt,
        response=sample.response,
        finish_reason=ended if ended in ("stop", "length") else "unknown",
        attempt=attempt if isinstance(attempt, int) else 1,
    )


def _gold(text: str, include_path: str | None) -> Loaded:
    from polyglot_harness.languages import SEED_FILE, load_pack
    from polyglot_harness.training.data import gold_examples

    pack = load_pack(text.removeprefix(GOLD), include_path)
    return Loaded(text, gold_examples(pack), [file_sha256(Path(pack.folder) / SEED_FILE)])


def _others(texts: Sequence[str], code: str) -> Counter[str]:
    """Return the languages of the texts that are not in `code`."""
    from polyglot_harness.strategies.checks import language_of

    try:
        return Counter(found for text in texts if (found := language_of(text, code)) != code)
    except ConfigError:  # a language that the identifier does not know
        return Counter()


def _say(line: str) -> None:
    print(f"polyglot-harness: {line}", file=sys.stderr)  # noqa: T201
