"""Language identification by py3langid: deterministic, and six times faster than langdetect.

On full sentences of the six languages it is right in at least 95 % (Indonesian) to 99 % of cases.
Malay is not among the candidates: it cannot be told from Indonesian in short texts.
"""

from __future__ import annotations

from functools import cache
from typing import Any

CANDIDATES = (
    "ar", "cs", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja",
    "ko", "nl", "pl", "pt", "ro", "ru", "sk", "sv", "th", "tl", "tr", "uk", "ur", "vi", "zh",
)  # fmt: skip


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(CANDIDATES))
    return identifier


def identify(text: str) -> str:
    """Return the ISO 639-1 code of the language of `text`, one of `CANDIDATES`."""
    code, _ = _identifier().classify(text)
    return str(code)
