"""Code-switching: how often a response goes over into another language; 0-1, lower is better.

- ``code_switching_rate``: share of responses whose passages are in more than one language.
- ``code_mixing_index``: the mean over responses of 1 - letters in its most frequent language /
  letters of all passages: the index of Das & Gambäck (2014), of passages instead of words, for
  which languages of one script are not told apart safely, and 0-1 instead of 0-100.

A passage is a sentence, or a stretch in another script within a sentence of the wanted language,
that says enough to judge: `MIN_WIDTH` letters, those of Chinese, Japanese and Korean counted twice.
What identification takes for another language, beyond doubt, is in it if it cannot be names: if it
has `MIN_WORDS` words, half of them in lower case, or a script without case. Code, addresses and
what stands in quotation marks are left out. Responses without a passage are missing. A response
that is wholly in another language does not switch: `language_fidelity` tells of it.

Of responses of three to five real sentences 0 to 0.8 % are taken for switching (six languages), and
77 to 91 % of them with an English sentence in between; most of the others are too short, names or
quoted.

Columns: ``code_switching`` (1 or 0), ``code_mixing``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import mean, share_of
from polyglot_harness.intrinsic.samples import blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.language_id import identify, prose
from polyglot_harness.letters import foreign_runs, letter_count, width
from polyglot_harness.provenance import relevant
from polyglot_harness.segmentation import VERSIONS, sentences
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

MIN_WIDTH = 20
MIN_WORDS = 4
OTHER_SCRIPT = "other script"
_QUOTED = re.compile(
    r"“[^”\n]{1,300}”|„[^“”\n]{1,300}[“”]|«[^»\n]{1,300}»|»[^«\n]{1,300}«"
    r"|「[^」\n]{1,300}」|『[^』\n]{1,300}』|\"[^\"\n]{1,300}\""
)


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the versions of what finds sentences and languages."""
    return {"pack": {"script": pack.script}, "versions": relevant("py3langid", *VERSIONS)}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``code_switching_rate`` and ``code_mixing_index``."""
    code = data.pack.code
    for block in blocks(data.data, values.rows):
        found = [mixing(s.response, data.pack) for s in block]
        values.add(
            code_switching=[None if index is None else index > 0 for index in found],
            code_mixing=found,
        )
        data.progress(values.rows, len(data.data))
    return (
        share_of("code_switching_rate", code, values, "code_switching"),
        mean("code_mixing_index", code, values, "code_mixing"),
    )


def mixing(text: str, pack: LanguagePack) -> float | None:
    """Return the share of letters that is not in the text's main language; None of no passage."""
    letters: Counter[str] = Counter()
    for passage, language in passages(text, pack):
        letters[language] += letter_count(passage)
    return 1 - max(letters.values()) / letters.total() if letters else None


def passages(text: str, pack: LanguagePack) -> Iterator[tuple[str, str]]:
    """Yield the passages of a text that say enough to judge, each with the code of its language.

    Args:
        text: Some text.
        pack: The wanted language: the answer in case of doubt.
    """
    for sentence in sentences(_QUOTED.sub(" ", prose(text)), pack.code):
        if width(sentence) < MIN_WIDTH:
            continue
        language = identify(sentence, pack.code)
        if language != pack.code and names_only(sentence):
            language = pack.code
        yield sentence, language
        if language == pack.code:
            for run in foreign_runs(sentence, pack.script):
                if width(run) >= MIN_WIDTH and not names_only(run):
                    yield run, OTHER_SCRIPT


def names_only(text: str) -> bool:
    """Whether a text is too few words for a sentence, or most of them are capitalised.

    Never so in scripts without case.
    """
    initials = [letters[0] for word in text.split() if (letters := [*filter(str.isalpha, word)])]
    cased = [letter for letter in initials if letter.isupper() or letter.islower()]
    if 2 * len(cased) <= len(initials):
        return False
    return len(cased) < MIN_WORDS or 2 * sum(map(str.islower, cased)) < len(cased)
