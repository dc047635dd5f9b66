"""The advice in words: how sure it is, what it rests on, what is not known."""

from __future__ import annotations

from collections.abc import Sequence

from polyglot_harness.leaderboard.advice.costs import Cost
from polyglot_harness.leaderboard.advice.knowledge import By, Chosen, Known
from polyglot_harness.leaderboard.advice.wanted import Filters
from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts
from polyglot_harness.scoring.items import FloatArray

SURE = 0.95
"""Probability of being better from which two teachers are told apart."""
WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}
SHOWN = 5
"""Names in a sentence."""


def nothing(known: Sequence[Known], by: By) -> str:
    """Say why nothing is known."""
    if not known:
        why = "there are no results" if by == "gain" else "there are no results of this student"
    else:
        why = f"of {len(known)} cells none has a {by} that can be used"
    return f"Nothing is known: {why}."


def sure(samples: FloatArray, p_best: float, by: By) -> str:
    """Say how surely the first is the best, and better than no teacher at all.

    Args:
        samples: Of the true values, in the order of the ranks, [count, teachers].
        p_best: Of the first.
        by: What the values are.
    """
    said = _choice(samples, p_best)
    if by == "gain":
        said += f" P(its student gains at all) is {(samples[:, 0] > 0).mean():.2f}."
    return said


def _choice(samples: FloatArray, p_best: float) -> str:
    n = samples.shape[1]
    if n == 1:
        return "There is one teacher only, so nothing to choose from."
    first = f"P(best) of the first is {p_best:.2f}"
    ahead = (samples[:, :1] > samples[:, 1:]).mean(axis=0)
    near = [rank for rank, p in enumerate(ahead, 2) if p < SURE]
    if not near:
        return f"{first}: it is better than any other one with at least {ahead.min():.0%}."
    if near == list(range(2, len(near) + 2)):
        count = WORDS.get(near[-1], str(near[-1]))
        who = ("the " if n == 2 else "all " if near[-1] == n else "the first ") + count
    else:
        who = f"it and {listed([f'#{rank}' for rank in near])}"
    return f"{first}: {who} cannot be told apart (that would take {SURE:.0%})."


def note(cost: Cost, facts: TeacherFacts, filters: Filters) -> str:
    """Say what is not known of a teacher, though it was asked for."""
    notes = []
    if cost.usd is None:
        notes.append(f"cost unknown: {cost.source}")
    elif filters.budget is not None and cost.high is not None and cost.high > filters.budget:
        notes.append(f"may go over ${filters.budget:,.2f}")
    if filters.max_size is not None and facts.size_b is None:
        notes.append("size unknown")
    return "; ".join(notes)


def notes(
    chosen: Chosen, used: Sequence[Known], language: str, student: StudentFacts
) -> tuple[str, ...]:
    """Say what the ranking rests on, and what it does not."""
    students, languages = {c.student.name for c in used}, {c.language for c in used}
    more = len(chosen.elsewhere)
    said = {
        f"No student {student.name} was measured: all is predicted from "
        f"{listed(sorted(students))}, and the intervals are as wide.": student.name not in students,
        f"No teacher was measured in {language}: all is predicted from "
        f"{listed(sorted(languages))}, and the intervals are as wide.": language not in languages,
        f"{chosen.others} cells of {chosen.conditions} other conditions are left out: they cannot "
        "be compared with these.": chosen.others,
        f"{chosen.variants} cells are left out: most others of their language have other tasks or "
        "another pack.": chosen.variants,
        f"{chosen.missing} cells are left out: they have no value, or an unsound anchor.": (
            chosen.missing
        ),
        "These cells were measured by another program: a run would be of another condition, beside "
        "them and not among them.": "version" not in dict(chosen.condition),
        f"{chosen.impossible} cells are left out: their values are too large to be true.": (
            chosen.impossible
        ),
        f"{len(chosen.cells) - len(used)} cells that say less of this student and language are "
        "left out, for time.": len(chosen.cells) > len(used),
        f"Only under other conditions: {listed(chosen.elsewhere)}.": more,
    }
    return tuple(text for text, true in said.items() if true)


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence, the first few of many."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
