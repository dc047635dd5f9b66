"""The seeds of a pack: enough of them, in their language, each only once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import jsonl_rows
from polyglot_harness.languages import SEED_FILE, english_prompts
from polyglot_harness.safety import Finding
from polyglot_harness.spec import CATEGORIES, LanguagePack
from polyglot_harness.strategies.documents import SHOTS
from polyglot_harness.validation.pack import PLACEHOLDER

ENOUGH, ENOUGH_OF_A_CATEGORY = 60, 3
"""What a pack of this repository has at least."""
MOST = 5000
"""The search for near-duplicates and the identifier take their time for each."""
NEAR = 0.8
"""Jaccard similarity of character 5-grams from which two texts are near-duplicates."""
WRONG_SHARE = 0.05
"""Of short texts the language identifier takes up to so many for another language."""
_FIELDS = ("prompt", "prompt_en", "response")
Text = tuple[int, str]
"""Line and text."""


def seed_findings(pack: LanguagePack) -> Iterator[Finding]:
    """Yield what is wrong with the seeds of a pack."""
    path = Path(pack.folder) / SEED_FILE
    try:
        rows = list(jsonl_rows(path))
        held_out = _held_out(Path(pack.folder))
    except ConfigError:
        return  # told of already
    yield from _numbers(pack, path)
    if len(pack.seeds) > MOST:
        return
    # what is still to be written has been told of
    rows = [(n, row) for n, row in rows if not any(map(PLACEHOLDER.search, map(str, row.values())))]
    texts = {name: [(n, str(row.get(name, ""))) for n, row in rows] for name in _FIELDS}
    yield from _ids(path, [(n, str(row.get("id", ""))) for n, row in rows], pack.code)
    yield from _clean(pack, path, texts)
    for name in _FIELDS:
        yield from _repeated(path, texts[name], name)
        yield from _foreign(pack, path, texts[name], name)
    english = [(0, prompt.prompt) for prompt in english_prompts()]
    yield from _shared(path, texts["prompt_en"], english, "the shared english_prompts.jsonl")
    yield from _shared(path, texts["prompt"], held_out, "mini/reply.jsonl, which is held out")


def _numbers(pack: LanguagePack, path: Path) -> Iterator[Finding]:
    count = len(pack.seeds)
    if count <= SHOTS:
        yield Finding(path, 0, f"{count} seeds", f"write at least {SHOTS + 1}, better {ENOUGH}")
        return
    if count > MOST:
        yield Finding(path, MOST + 1, f"{count} seeds", f"keep at most {MOST}")
        return
    if count < ENOUGH:
        yield Finding(path, 0, f"{count} seeds", f"write at least {ENOUGH}", "warning")
    categories = Counter(seed.category for seed in pack.seeds)
    few = [name for name in CATEGORIES if categories[name] < ENOUGH_OF_A_CATEGORY]
    if few:
        remedy = f"write at least {ENOUGH_OF_A_CATEGORY} of each"
        yield Finding(path, 0, f"few seeds of {', '.join(few)}", remedy, "warning")


def _ids(path: Path, ids: Sequence[Text], code: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for line, name in ids:
        if name in seen:
            yield Finding(path, line, f"id {name!r} comes twice", f"number on: {code}-NNN")
        elif not re.fullmatch(rf"{code}-\d{{3,}}", name):
            yield Finding(path, line, f"id {name!r}", f"write {code}-NNN", "warning")
        seen.add(name)


def _clean(pack: LanguagePack, path: Path, texts: dict[str, list[Text]]) -> Iterator[Finding]:
    words = {pack.labels.prompt, pack.labels.response, "English"} - {"TODO"}
    labels = sorted(f"{word}:" for word in words)
    for name in _FIELDS:
        for line, text in texts[name]:
            if label := next((label for label in labels if label in text), None):
                remedy = "say it otherwise: replies are split there"
                yield Finding(path, line, f"{name} holds the label {label!r}", remedy)
            if text != text.strip() or "\ufffd" in text:
                remedy = "take them out"
                problem = f"{name} has spaces around it, or U+FFFD in it"
                yield Finding(path, line, problem, remedy, "warning")
            if name != "response" and "\n\n" in text:
                yield Finding(path, line, f"{name} has a blank line", "close it up")


def _repeated(path: Path, texts: Sequence[Text], name: str) -> Iterator[Finding]:
    from polyglot_harness.curation.duplicates import find_duplicates

    exact = find_duplicates([text for _, text in texts], 0)
    for later, earlier in find_duplicates([text for _, text in texts], NEAR).items():
        how = "repeats" if later in exact else "is much like"
        problem = f"{name} {how} line {texts[earlier][0]}"
        wrong = Finding(path, texts[later][0], problem, "write another one")
        yield wrong if later in exact else wrong._replace(level="warning")


def _shared(
    path: Path, texts: Sequence[Text], others: Sequence[Text], where: str
) -> Iterator[Finding]:
    from polyglot_harness.curation.duplicates import find_duplicates

    both = [*others, *texts]
    for later, earlier in find_duplicates([text for _, text in both], NEAR).items():
        if earlier < len(others) <= later:
            yield Finding(path, both[later][0], f"is also in {where}", "write another one")


def _foreign(pack: LanguagePack, path: Path, texts: Sequence[Text], name: str) -> Iterator[Finding]:
    """Find texts in another language, or in letters of another script."""
    from polyglot_harness.language_id import identify
    from polyglot_harness.letters import foreign_letter_count, letter_count

    code, script = ("en", "Latn") if name == "prompt_en" else (pack.code, pack.script)
    # one may quote another language: what counts is how many do
    try:
        strange = [
            line for line, text in texts
            if foreign_letter_count(text, script) > letter_count(text) / 2
        ]  # fmt: skip
        yield from _many(path, strange, texts, f"{name} not in the script {script}")
        wrong = [line for line, text in texts if identify(text, code) != code]
        yield from _many(path, wrong, texts, f"{name} in another language than {code}")
    except ConfigError:
        return  # a script or a language that is not known is told by `coverage`


def _many(path: Path, wrong: Sequence[int], texts: Sequence[Text], what: str) -> Iterator[Finding]:
    if len(wrong) > WRONG_SHARE * len(texts):
        lines = ", ".join(map(str, wrong[:8])) + (", ..." if len(wrong) > 8 else "")
        problem = f"{len(wrong)} of {len(texts)} texts seem to have {what} (lines {lines})"
        yield Finding(path, wrong[0], problem, "write them in the language")


def _held_out(folder: Path) -> list[Text]:
    path = folder / "mini" / "reply.jsonl"
    rows = jsonl_rows(path) if path.is_file() else ()
    return [(number, str(row.get("prompt", ""))) for number, row in rows]
