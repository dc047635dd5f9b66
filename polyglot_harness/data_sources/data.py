"""A table as data to be measured: one language of it, read as a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from polyglot_harness.data_sources.forms import Form, Found
from polyglot_harness.data_sources.tables import Table
from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic.samples import Sample
from polyglot_harness.spec import Rejection

SHOWN = 8
"""Languages that a message lists."""


@dataclass(frozen=True)
class TableData:
    """The usable rows of a table in one language."""

    table: Table
    form: Form
    language: str
    """Rows of others are passed over; "" for all rows."""
    count: int
    """Of these rows, by `survey`."""

    @property
    def identity(self) -> Any:
        """What stands for the data in a digest."""
        return [self.table.identity, self.form.identity, self.language]

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.count

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Yield the samples from number `start` on."""
        yield from islice(self._samples(), start, None)

    def _samples(self) -> Iterator[Sample]:
        for _, found in self._found(self.form.columns.values()):
            yield found.sample

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that the samples are of, with all their columns."""
        for row, _ in self._found(self.table.columns):
            yield row

    def _found(self, columns: Iterable[str]) -> Iterator[tuple[dict[str, Any], Found]]:
        for row, found in read(self.table, self.form, columns):
            if isinstance(found, Found) and self.language in ("", found.language):
                yield row, found

    def rejections(self) -> Iterator[Rejection]:
        """Yield nothing: what was rejected is not among the data of others."""
        return iter(())


@dataclass
class Survey:
    """What there is in a table."""

    rows: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    """Usable rows by code; "" for those without one."""
    unusable: Counter[str] = field(default_factory=Counter)
    """Other rows by reason."""
    long: int = 0
    """Usable rows of more than one exchange."""

    def notes(self) -> Iterator[str]:
        """Say what is not measured."""
        if self.unusable:
            reasons = ", ".join(f"{n} {reason}" for reason, n in self.unusable.most_common())
            yield f"{self.unusable.total()} of {self.rows} rows are left out: {reasons}"
        if self.long:
            yield f"{self.long} rows have several turns; the first exchange is measured"


def read(
    table: Table, form: Form, columns: Iterable[str]
) -> Iterator[tuple[dict[str, Any], Found | str]]:
    """Yield each row of a table, and what it holds, or why it is not usable."""
    for number, row in enumerate(table.rows(set(columns))):
        yield row, form.read(row, number)


def survey(
    table: Table, form: Form, progress: Callable[[int, int], None] = lambda done, total: None
) -> Survey:
    """Look at all rows once.

    Raises:
        ConfigError: If none is usable.
    """
    found = Survey()
    for _, held in read(table, form, form.columns.values()):
        found.rows += 1
        if isinstance(held, str):
            found.unusable[held] += 1
        else:
            found.languages[held.language] += 1
            found.long += held.turns > 1
        progress(found.rows, 0)
    if not found.languages:
        reasons = ", ".join(f"{n} {reason}" for reason, n in found.unusable.most_common())
        why = f"none of its {found.rows} rows is usable: {reasons}" if reasons else "holds no rows"
        raise ConfigError(f"{table.name}: {why} (columns: {', '.join(table.columns)})")
    return found


def of_languages(
    table: Table, form: Form, found: Survey, wanted: Sequence[str], packs: Sequence[str]
) -> tuple[dict[str, TableData], str]:
    """Divide a table by language.

    Args:
        table: The table.
        form: Its form.
        found: Its survey.
        wanted: Codes that the user gave; none for all that there is a pack of.
        packs: All codes with a pack.

    Returns:
        Code -> data, and what is said of rows in other languages ("" for nothing).

    Raises:
        ConfigError: If the language of the rows is not known, or nothing is in a wanted one.
    """
    if set(found.languages) == {""}:
        if len(wanted) != 1:
            raise ConfigError(
                f"{table.name}: does not say which language it is in; --languages needs exactly "
                "one code here, e.g. --languages de, or --columns language=COLUMN"
            )
        return {wanted[0]: TableData(table, form, "", found.languages[""])}, ""
    codes = [code for code in wanted or packs if found.languages[code]]
    listed = ", ".join(f"{n} {code or 'without'}" for code, n in found.languages.most_common(SHOWN))
    if not codes:
        raise ConfigError(
            f"{table.name}: column {form.columns['language']!r} has no row in "
            f"{', '.join(wanted or packs)} (rows: {listed}); --columns language=none passes it over"
        )
    others = found.languages.total() - sum(found.languages[code] for code in codes)
    note = f"{others} rows are in other languages (rows: {listed})" if others else ""
    return {code: TableData(table, form, code, found.languages[code]) for code in codes}, note
