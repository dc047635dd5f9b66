"""Language identification by py3langid: the best of four by our figures, and deterministic.

What was compared, what it gets wrong and why the constants are what they are stands in
docs/language-identification.md (benchmarks/language_id.py). The model is py3langid's; the loop over
the bytes is ours, for it is what identification costs.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from polyglot_harness.errors import ConfigError

CANDIDATES = (
    "ar", "ca", "cs", "de", "el", "en", "es", "fa", "fi", "fr", "gl", "he", "hi", "hu", "id",
    "it", "ja", "jv", "ko", "nl", "pl", "pt", "ro", "ru", "sk", "sv", "th", "tl", "tr", "uk",
    "ur", "vi", "zh",
)  # fmt: skip
"""What models write by mistake, and the neighbours of the packs' languages.

Malay is not among them: Indonesian sentences would be taken for it.
"""

UNDETERMINED = "und"
"""ISO 639-2 code of a text in which there is nothing to tell by."""

BENEFIT_OF_DOUBT = 2.0
"""The wanted language is given unless another one is more than this many times as probable."""

MAX_BYTES = 512
"""Of a longer text parts from its beginning to its end are read, this many bytes together."""

PARTS = 8
"""Enough for a text that changes its language to be judged by what most of it is."""

_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)"  # code, also where its end was cut off
    r"|`[^`\n]*`|https?://\S+|</?[A-Za-z][^<>\n]*>|\$\$.*?\$\$|\\[A-Za-z]+",
    re.DOTALL,
)


class _Table(NamedTuple):
    """A naive Bayes model of some languages."""

    codes: list[str]
    weights: Any
    """(features, languages), float32, a row in a piece: read twice as fast as py3langid's."""
    prior: Any


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


@cache
def _automaton() -> tuple[Any, list[int], list[int]]:
    """Return next states, where the row of a state begins, the feature of a state or -1."""
    model = _model()
    return model.tk_nextmove, [row << 8 for row in model.tk_row], model.tk_output


@cache
def _table(wanted: str | None) -> _Table:
    """Return the model of the candidates and `wanted`."""
    import numpy as np

    if wanted in CANDIDATES:
        return _table(None)
    model = _model()
    if wanted is not None and wanted not in model.nb_classes:
        raise ConfigError(
            f"language {wanted!r} cannot be identified; py3langid knows: "
            f"{', '.join(sorted(model.labels))}"
        )
    chosen = [i for i, code in enumerate(model.nb_classes) if code in {*CANDIDATES, wanted}]
    weights = np.ascontiguousarray(model.nb_ptc[:, chosen], dtype=np.float32)
    return _Table([model.nb_classes[i] for i in chosen], weights, model.nb_pc[chosen])


def prose(text: str) -> str:
    """Return the text without code, addresses, tags and commands of LaTeX."""
    return _NO_PROSE.sub(" ", text)


def identify(text: str, wanted: str | None = None) -> str:
    """Return the ISO 639-1 code of the language of `text`.

    Args:
        text: Some text; a few words are enough in most cases. Code is left out, unless there are
            no letters besides.
        wanted: The language that the text should be in: a candidate besides `CANDIDATES`, and
            the answer in case of doubt (see `BENEFIT_OF_DOUBT`). None for a free choice.

    Returns:
        The code; `UNDETERMINED` or, if given, `wanted` where there is nothing to tell by.

    Raises:
        ConfigError: If the identifier does not know `wanted`.
    """
    rest = prose(text)
    table = _table(wanted)
    scores = _scores(rest if any(map(str.isalpha, rest)) else text, table)
    if scores is None:
        return wanted or UNDETERMINED
    best = int(scores.argmax())
    if wanted is not None:
        own = max(float(scores[i]) for i, code in enumerate(table.codes) if code == wanted)
        if float(scores[best]) - own <= math.log(BENEFIT_OF_DOUBT):
            return wanted
    return table.codes[best]


def _scores(text: str, table: _Table) -> Any:
    """Return the log-probability of each language up to a constant; None without any feature.

    As in py3langid 0.4: counts damped by log(1 + n), divided by the root of the length in bytes.
    """
    import numpy as np

    data = _normal(_sample(text))
    following, row, feature = _automaton()
    state = 0
    found = Counter([feature[state := following[row[state] + byte]] for byte in data])
    found.pop(-1, None)
    if not found:
        return None
    features = np.fromiter(found.keys(), np.intp, len(found))
    counts = np.fromiter(found.values(), np.float32, len(found))
    scores = np.log1p(counts) @ table.weights.take(features, axis=0) + table.prior
    return scores / math.sqrt(len(data))


def _normal(text: str) -> bytes:
    """Return what the model was trained on: composed characters, and no text all in capitals."""
    text = text.lower() if text.isupper() else text
    return unicodedata.normalize("NFC", text).encode(errors="surrogatepass")


def _sample(text: str) -> str:
    """Return evenly spread parts of a text that is longer than need be."""
    size = len(text.encode(errors="surrogatepass"))
    if size <= MAX_BYTES:
        return text
    part = MAX_BYTES * len(text) // (PARTS * size)
    starts = ((len(text) - part) * i // (PARTS - 1) for i in range(PARTS))
    return " ".join(text[start : start + part] for start in starts)
