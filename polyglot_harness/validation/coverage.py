"""What cannot be measured in a language yet, whatever its pack says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import PACK_TEMPLATES
from polyglot_harness.spec import LanguagePack

if TYPE_CHECKING:
    from polyglot_harness.validation import PackReport

_PAPER = {"Global-MMLU-Lite": "global_mmlu", "MGSM": "mgsm", "M-RewardBench": "rewardbench"}
"""The benchmarks of arXiv 2604.11290, by what names of their tasks hold."""
MINI = ("continuation", "word_order", "agreement", "word_translation", "capitals", "reply")


def coverage(pack: LanguagePack, report: PackReport) -> dict[str, str]:
    """Return what can be measured: "" if it can, or else why not.

    What asks for another language than the pivot is not said of the pivot.

    Args:
        pack: The language.
        report: What is known of its tasks.
    """
    folder, pivot = Path(pack.folder), pack.role == "pivot"
    wanted = [kind for kind in MINI if not (pivot and kind == "word_translation")]
    kinds = [kind for kind in wanted if not (folder / "mini" / f"{kind}.jsonl").is_file()]
    foreign = {} if pivot else {
        "instructions in the language (--instruction_language own)":
            "" if (folder / PACK_TEMPLATES).is_file() else f"no {PACK_TEMPLATES}",
        "translation to and from English": _named(folder, pack, "translate"),
    }  # fmt: skip
    return {
        "language of replies (language_fidelity, code_switching)": _identified(pack),
        "known words (known_words)": _words(pack),
        "refusals in the language": "" if pack.refusals else "no refusals in pack.toml",
        "embedded student tasks": f"no {', '.join(kinds)}" if kinds else "",
        **foreign,
        **{name: _named(folder, pack, part) for name, part in _PAPER.items()},
    }  # fmt: skip


def _identified(pack: LanguagePack) -> str:
    from polyglot_harness.language_id import identify
    from polyglot_harness.letters import foreign_letter_count

    try:
        identify("a", pack.code)
        foreign_letter_count("a", pack.script)
    except ConfigError as error:
        return str(error).partition(";")[0]
    return ""


def _words(pack: LanguagePack) -> str:
    from polyglot_harness.lexicon import covers

    return "" if covers(pack.code) else "wordfreq has no list of words"


def _named(folder: Path, pack: LanguagePack, part: str) -> str:
    """Say whether the pack has, or names, a task of some kind."""
    names = [path.stem for path in folder.glob("*.yaml")] + list(pack.student_tasks)
    return "" if any(part in name for name in names) else "no such task in the pack"
