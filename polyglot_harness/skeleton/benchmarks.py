"""Which benchmarks there are for a language: lm-eval's own, and those whose data the hub has."""

from __future__ import annotations

import re
from typing import NamedTuple

from polyglot_harness.lm.builtin_names import builtin_names
from polyglot_harness.lm.hub_pins import pin
from polyglot_harness.skeleton.facts import Facts, other_codes

WIDER = (
    r"belebele_{iso}_{script}",
    r"include_base_44_{name}",
    r"mmlu_prox_lite_{code}",
    r"xcopa_{code}",
    r"xstorycloze_{code}",
    r"xnli_{code}",
    r"multiblimp_{iso}",
    r"global_piqa_(non)?parallel_cloze_{iso}_{script}(_\w+)?",
)
"""What lm-eval calls its tasks (regular expressions), in the order of the packs' lists."""
LITE = frozenset(
    ["ar", "bn", "cy", "de", "es", "fr", "hi", "hu", "id", "it", "ja", "ko", "my", "or", "pt",
     "sk", "sq", "sw", "tg", "yo", "zh"]
)  # fmt: skip
"""Languages of CohereLabs/Global-MMLU-Lite (v3), but en and cs."""
MGSM = frozenset(["bn", "de", "es", "fr", "ja", "ru", "sw", "te", "th", "zh"])
"""Languages of juletxara/mgsm, but en."""
REWARD_BENCH = {
    "ar": "arb_Arab", "cs": "ces_Latn", "de": "deu_Latn", "el": "ell_Grek", "es": "spa_Latn",
    "fa": "pes_Arab", "fr": "fra_Latn", "he": "heb_Hebr", "hi": "hin_Deva", "id": "ind_Latn",
    "it": "ita_Latn", "ja": "jpn_Jpan", "ko": "kor_Hang", "nl": "nld_Latn", "pl": "pol_Latn",
    "pt": "por_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl", "tr": "tur_Latn", "uk": "ukr_Cyrl",
    "vi": "vie_Latn", "zh": "zho_Hans",
}  # fmt: skip
"""Configurations of CohereLabsCommunity/multilingual-reward-bench."""
_OTHER_SCRIPT = {"Kore": "Hang"}
_OTHER_NAME = {"bn": "bengali", "tl": "tagalog"}
_FLORES_PLUS = {"est_Latn": "ekk_Latn", "tgl_Latn": "fil_Latn", "zho_Hans": "cmn_Hans"}
"""What FLORES+ calls otherwise than Belebele, which is made of its forerunner's texts."""


class Benchmarks(NamedTuple):
    """Names and configurations; "" for what does not exist."""

    wider: tuple[str, ...]
    global_mmlu: str
    """``lite``, or ``full`` where the questions of Lite are picked out of the full set, by id."""
    global_mmlu_revision: str
    global_mmlu_lite_revision: str
    mgsm: str
    reward_bench: str
    flores: str
    flores_revision: str


def benchmarks(facts: Facts) -> Benchmarks:
    """Return which benchmarks there are for a language.

    Args:
        facts: Code, English name and script decide.
    """
    code, names = facts.code, builtin_names()
    wider = _wider(facts)
    belebele = next((name for name in wider if name.startswith("belebele_")), "")
    flores = belebele.removeprefix("belebele_")
    full = "full" if f"global_mmlu_full_{code}" in names else ""
    return Benchmarks(
        wider=wider,
        global_mmlu="lite" if code in LITE else full,
        global_mmlu_revision=pin("CohereLabs/Global-MMLU").revision,
        global_mmlu_lite_revision=pin("CohereLabs/Global-MMLU-Lite").revision,
        mgsm=code if code in MGSM else "",
        reward_bench=REWARD_BENCH.get(code, ""),
        flores=_FLORES_PLUS.get(flores, flores),
        flores_revision=pin("openlanguagedata/flores_plus").revision,
    )


def _wider(facts: Facts) -> tuple[str, ...]:
    parts = {
        "code": facts.code,
        "iso": f"({'|'.join(other_codes(facts.code))})",
        "script": _OTHER_SCRIPT.get(facts.script, facts.script),
        "name": re.escape(_OTHER_NAME.get(facts.code, facts.name.lower())),
    }
    names = sorted(name for name, found in builtin_names().items() if found.kind != "tag")
    patterns = [re.compile(pattern.format(**parts), re.IGNORECASE) for pattern in WIDER]
    return tuple(name for pattern in patterns for name in names if pattern.fullmatch(name))
