"""The licence of a data set, from those of its teachers and of what these were shown."""

from __future__ import annotations

from collections.abc import Iterable

from polyglot_harness.export.collect import Part, Selection
from polyglot_harness.languages import SEED_FILE
from polyglot_harness.spec import Pairs, Source
from polyglot_harness.strategies.given import given_path

OTHER = "other"
_HUB_IDS = {
    "afl-3.0", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-3.0", "cc-by-4.0",
    "cc-by-nc-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc0-1.0", "gemma", "gpl-3.0", "llama2", "llama3", "llama3.1", "llama3.2",
    "llama3.3", "mit", "mpl-2.0", "odc-by", "openrail", "unlicense",
}  # fmt: skip
ENGLISH = Source(name="english_prompts.jsonl", licence="Apache-2.0")
"""What translate starts from: shared by all packs, of this project."""
_ALSO = {"gemma-terms-of-use": "gemma", "llama-3.1-community-license": "llama3.1"}


def hub_licence(licences: Iterable[str]) -> str:
    """Return the hub's identifier of the licence that all share, else ``other``.

    Args:
        licences: As cards and packs name them, e.g. ``Apache-2.0``; "" where one is not stated.
    """
    ids = {_hub_id(licence) for licence in licences}
    return ids.pop() if len(ids) == 1 else OTHER


def _hub_id(licence: str) -> str:
    name = licence.strip().lower().replace(" ", "-")
    name = _ALSO.get(name, name)
    return name if name in _HUB_IDS else OTHER


def all_licences(selection: Selection) -> list[str]:
    """Return the licences of all that went into the data, each once; "" for one not stated."""
    teachers = [part.teacher.licence for part in selection.parts]
    return list(dict.fromkeys([*teachers, *(s.licence for _, s in sources(selection))]))


def sources(selection: Selection) -> list[tuple[str, Source]]:
    """Return (language, source) of all that teachers were shown, each once."""
    found = {
        (part.pack.code, source): True
        for part in selection.parts
        for source in _shown(part, selection.spec.given)
    }
    return list(found)


def _shown(part: Part, given: Pairs) -> tuple[Source, ...]:
    # a pack of someone else may call its seeds what it likes
    seeds = tuple(s for s in part.pack.sources if s.name == SEED_FILE) or part.pack.sources
    if path := given_path(given, part.strategy, part.pack.code):
        return (Source(name=path.name, licence=""), *seeds)
    return (ENGLISH, *seeds) if part.strategy == "translate" else seeds
