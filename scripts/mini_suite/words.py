"""An English word and its translation among the names of other emoji."""

from __future__ import annotations

import difflib
import json
import random
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .fetch import read_members
from .items import Draft
from .review import BAD_WORDS, LOCAL_BAD_WORDS
from .tables import CLDR_LOCALE, LANGUAGE_NAME, WORD_SHOTS

_SCRIPT = {
    "ar": re.compile(r"^[ء-ي]{2,}( [ء-ي]{2,})?$"),
    "ja": re.compile(r"^(?=.*[一-龠ぁ-ん])[一-龠々ぁ-んァ-ヺー]{1,8}$"),
    "ko": re.compile(r"^[가-힣]{1,6}( [가-힣]{1,6})?$"),
}
_FACE = re.compile(
    r"وجه|hlava|obličej|gesicht|kopf|\bcara\b|wajah|muka|kepala|顔|マーク|얼굴", re.IGNORECASE
)
_LATIN = re.compile(r"^[^\W\d_]{3,}( [^\W\d_]{2,})?$")


@dataclass(frozen=True)
class Name:
    """The names of one emoji."""

    english: str
    word: str
    topics: frozenset[str]
    """its keywords in both languages: names that share one may mean the same"""


def make_drafts(language: str, archive: Path, *, limit: int, rng: random.Random) -> list[Draft]:
    """Make one draft from each usable emoji name; none for English, which is translated from."""
    if language not in LANGUAGE_NAME:
        return []
    every = list(_names(language, archive))
    shots = {name.english: name.word for name in every if name.english in WORD_SHOTS}
    target = LANGUAGE_NAME[language]
    head = "".join(f"English: {word}\n{target}: {shots[word]}\n\n" for word in WORD_SHOTS)
    rest = [name for name in every if _usable(name, language) and name.english not in shots]
    rng.shuffle(rest)
    drafts: list[Draft] = []
    for name in rest:
        wrong = _distractors(name, rest, rng)
        if len(wrong) == 3:
            context = f"{head}English: {name.english}\n{target}:"
            drafts.append(
                Draft(context=context, choices=[name.word, *wrong], source="cldr-annotations")
            )
    return drafts[:limit]


def _names(language: str, archive: Path) -> Iterable[Name]:
    locales = ("en", CLDR_LOCALE.get(language, language))
    english, local = (_annotations(archive, code) for code in locales)
    seen: set[str] = set()
    for emoji, entry in sorted(english.items()):
        if emoji not in local or "tts" not in entry or "tts" not in local[emoji]:
            continue
        if not (0x2600 <= ord(emoji[0]) <= 0x27BF or ord(emoji[0]) >= 0x1F300):
            continue  # signs of punctuation, mathematics and money
        source, word = entry["tts"][0], local[emoji]["tts"][0].replace("\u00ad", "")
        if not re.fullmatch(r"[a-z]{3,}", source):
            continue
        if {source, word.casefold()} & seen:
            continue
        seen |= {source, word.casefold()}
        topics = {source, word.casefold()}
        for keywords in (entry.get("default", []), local[emoji].get("default", [])):
            topics |= {part for keyword in keywords for part in keyword.casefold().split()}
        yield Name(source, word, frozenset(topics))


def _annotations(archive: Path, code: str) -> dict[str, dict[str, list[str]]]:
    member = f"package/annotations/{code}/annotations.json"
    data = json.loads(read_members(archive, member, ".json")[member])
    annotations: dict[str, dict[str, list[str]]] = data["annotations"]["annotations"]
    return annotations


def fold(text: str) -> str:
    """Return a text in lower case without accents."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _usable(name: Name, language: str) -> bool:
    """Whether the local name is a plain word that translates the English one."""
    if name.english in BAD_WORDS | LOCAL_BAD_WORDS.get(language, set()) or _FACE.search(name.word):
        return False
    return bool(_SCRIPT.get(language, _LATIN).match(name.word)) and not _cognate(name)


def _cognate(name: Name) -> bool:
    """Whether the spelling alone betrays the translation."""
    left, right = name.english, fold(name.word)
    if any(left[:4] == part[:4] for part in right.split()):
        return True
    return difflib.SequenceMatcher(None, left, right).ratio() > 0.55


def _distractors(name: Name, names: list[Name], rng: random.Random) -> list[str]:
    size = len(name.word)
    able = [
        other
        for other in names
        if not other.topics & name.topics
        and 0.6 <= len(other.word) / size <= 1.7
        and (" " in other.word) == (" " in name.word)
    ]
    chosen = rng.sample(able, min(3, len(able)))
    return [other.word for other in chosen]
