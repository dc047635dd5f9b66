"""Which cell of the candidate answers to which of the baseline.

Cells that differ in nothing but the seed are replicates of one group. A group of the baseline is
compared with the candidate's group of the same teacher, student, language and conditions; where the
candidate has other revisions of the teacher, with each of them, for a new revision is what is to be
judged. Else the nearest group tells which conditions have changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from polyglot_harness.leaderboard.guard.cells import Cell
from polyglot_harness.signature import diff_signatures, format_signature, parse_signature


@dataclass(frozen=True)
class Group:
    """The replicates of a cell."""

    condition: str
    """Signature without the seed."""
    cells: tuple[Cell, ...]
    """By seed."""

    @property
    def first(self) -> Cell:
        """Return a cell that stands for all in whatever does not depend on the seed."""
        return self.cells[0]

    @property
    def seeds(self) -> tuple[str, ...]:
        """Return the seeds as the signatures have them; "" where one does not say."""
        return tuple(parse_signature(c.signature).get("seed", "") for c in self.cells)


@dataclass(frozen=True)
class Match:
    """Groups that are compared, or that cannot be because their conditions differ."""

    before: Group
    after: Group
    changes: tuple[tuple[str, str, str], ...] = ()
    """Field of the signature, its value before, its value after."""


@dataclass(frozen=True)
class Matched:
    """All groups of both sides, each in at least one place."""

    compared: tuple[Match, ...]
    changed: tuple[Match, ...]
    """The conditions differ in more than what is allowed."""
    vanished: tuple[Group, ...]
    new: tuple[Group, ...]


def match(
    baseline: Iterable[Cell], candidate: Iterable[Cell], allowed: Collection[str] = ()
) -> Matched:
    """Match the cells of two sides.

    Args:
        baseline: Cells that must be there again.
        candidate: Cells that are judged.
        allowed: Fields of the signature that may change.
    """
    places: dict[tuple[str, str, str], list[Group]] = defaultdict(list)
    for group in _groups(candidate):
        places[group.first.place].append(group)
    compared: list[Match] = []
    changed: list[Match] = []
    vanished: list[Group] = []
    left: list[Group] = []
    used: set[int] = set()
    for before in _groups(baseline):
        same = [g for g in places[before.first.place] if g.condition == before.condition]
        found = [g for g in same if g.first.revision == before.first.revision] or same
        compared += [Match(before, after) for after in found]
        used |= {id(after) for after in found}
        left += [] if found else [before]
    answered = frozenset(used)
    for before in left:
        # what answers to another group exactly is not this one's successor
        free = [g for g in places[before.first.place] if id(g) not in answered]
        if not free:
            vanished.append(before)
            continue
        best = min((_changed(before, g) for g in free), key=lambda m: _distance(m, allowed))
        used.add(id(best.after))
        (changed if _distance(best, allowed)[0] else compared).append(best)
    new = [g for groups in places.values() for g in groups if id(g) not in used]
    return Matched(tuple(compared), tuple(changed), tuple(vanished), tuple(new))


def _groups(cells: Iterable[Cell]) -> list[Group]:
    found: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for cell in sorted(cells, key=lambda c: (*c.place, c.revision, c.signature)):
        fields = parse_signature(cell.signature)
        fields.pop("seed", None)
        found[(*cell.place, cell.revision, format_signature(fields))].append(cell)
    return [Group(condition, tuple(group)) for (*_, condition), group in found.items()]


def _changed(before: Group, after: Group) -> Match:
    old, new = parse_signature(before.condition), parse_signature(after.condition)
    names = diff_signatures(before.condition, after.condition)
    return Match(before, after, tuple((n, old.get(n, ""), new.get(n, "")) for n in names))


def _distance(match: Match, allowed: Collection[str]) -> tuple[int, int]:
    """Return how many fields differ that may not, and how many at all."""
    return sum(name not in allowed for name, *_ in match.changes), len(match.changes)
