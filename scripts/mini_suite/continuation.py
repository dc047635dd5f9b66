"""The true continuation of a sentence among those of other sentences."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from . import rules_ar, rules_cs, rules_de, rules_en, rules_es, rules_id, rules_ko, rules_tl
from .items import Draft
from .review import BAD_CONTINUATIONS
from .text import Sentence

# Words after which only some kinds of phrase can follow: a context that ends in one is continued
# wrongly by a phrase that was cut after a word of another kind.
_PREPOSITIONS = {
    "ar": rules_ar.PREPOSITIONS,
    "cs": rules_cs.PREPOSITIONS,
    "de": rules_de.PREPOSITIONS,
    "en": rules_en.PREPOSITIONS - {"to"},
    "es": rules_es.PREPOSITIONS | {"de", "que", "al"},
    "id": rules_id.PREPOSITIONS - {"untuk"},
    "tl": rules_tl.PREPOSITIONS,
}
_BEFORE_VERBS = {
    "ar": rules_ar.PARTICLES | {"لكي", "كي", "حتى"},
    "cs": rules_cs.RELATIVES,
    "en": rules_en.MODALS | {"to", "not"},
    "id": rules_id.ASPECT | {"untuk", "yang", "dapat", "harus"},
    "tl": rules_tl.BEFORE_VERBS,
}
_DETERMINERS = {
    "de": rules_de.ARTICLES | rules_de.STRONG | rules_de.CONTRACTIONS,
    "en": rules_en.DETERMINERS | {"this", "these", "is", "are"},
    "es": rules_es.DETERMINERS | {"del", "se"},
}
# Japanese: cut after the object or the subject. What follows an object is transitive, what follows
# a subject is not, so that neither continues the other.
_PARTICLE_CUT = re.compile(r"(?<=[をが])(?=[一-龠ァ-ヺ])")
# ... but for the potential form and some verbs, which take either particle
_POTENTIAL = re.compile(r"でき|られ|開始|移動")
_WORD = re.compile(r"\w{4,}")


@dataclass(frozen=True)
class Cut:
    """A sentence in two parts."""

    sentence: Sentence
    head: str
    rest: str
    kind: str
    """the class of the linking word at the end of the head (Japanese: the particle), or nothing"""
    content: frozenset[str]


def make_drafts(
    language: str, sentences: Sequence[Sentence], *, limit: int, rng: random.Random
) -> list[Draft]:
    """Cut the sentences and give each the three most fitting continuations of others."""
    by_head = {cut.head: cut for s in sentences if s.closed for cut in _cut(language, s, rng)}
    cuts = list(by_head.values())
    rng.shuffle(cuts)
    drafts: list[Draft] = []
    used: Counter[str] = Counter()
    for cut in cuts:
        wrong = _distractors(cut, cuts, used, rng)
        used.update(wrong)
        if len(wrong) == 3:
            drafts.append(
                Draft(context=cut.head, choices=[cut.rest, *wrong], source=cut.sentence.source)
            )
    drafts = [draft for draft in drafts if draft["context"] not in BAD_CONTINUATIONS]
    return drafts[:limit]


def _cut(language: str, sentence: Sentence, rng: random.Random) -> list[Cut]:
    text = sentence.text
    content = frozenset(_WORD.findall(text.casefold()))
    if language == "ja":
        places = [m.start() for m in _PARTICLE_CUT.finditer(text)]
        places = [p for p in places if p >= 6 and len(text) - p >= 8]
        if not places:
            return []
        place = rng.choice(places)
        pairs = frozenset(re.findall(r"[一-龠々]{2,}|[ァ-ヺー]{3,}", text))
        return [Cut(sentence, text[:place], text[place:], text[place - 1], pairs)]
    words = text.split()
    if language == "ko":
        places = [p for p in range(2, len(words) - 1) if _kind(language, words[p - 1])]
        places = [p for p in places if " ".join(words[:p]).count("'") % 2 == 0]
        if not places:
            return []
        place = rng.choice(places)
        kind = _kind(language, words[place - 1])
        return [Cut(sentence, " ".join(words[:place]), " ".join(words[place:]), kind, content)]
    if len(words) < 7:
        return []
    middle = range(max(3, round(len(words) * 0.35)), min(len(words) - 2, round(len(words) * 0.7)))
    linked = [p for p in middle if _kind(language, words[p - 1])]
    place = rng.choice(linked if linked and rng.random() < 0.5 else list(middle))
    kind = _kind(language, words[place - 1])
    return [Cut(sentence, " ".join(words[:place]), " ".join(words[place:]), kind, content)]


def _kind(language: str, word: str) -> str:
    if language == "ko":
        return rules_ko.continued_by(word)
    word = word.casefold()
    if word in _PREPOSITIONS[language]:
        return "preposition"
    if word in _BEFORE_VERBS.get(language, ()):
        return "before a verb"
    return word if word in _DETERMINERS.get(language, ()) else ""


def _distractors(
    cut: Cut, cuts: Sequence[Cut], used: Counter[str], rng: random.Random
) -> list[str]:
    """Continuations from the same source, of like length, about other things, cut elsewhere."""
    size = len(cut.rest)
    able = [
        other
        for other in cuts
        if other.sentence.source == cut.sentence.source
        and other.rest[-1] == cut.rest[-1]
        and other.rest != cut.rest
        and other.kind != cut.kind
        and not (cut.kind == "が" and _POTENTIAL.search(other.rest))
        and not rules_ko.could_follow(cut.kind, other.rest)
        and len(other.content & cut.content) <= 1
        and 0.65 <= len(other.rest) / size <= 1.5
    ]
    able.sort(key=lambda other: (abs(len(other.rest) - size), other.rest))
    near = able[:25]
    rng.shuffle(near)
    near.sort(key=lambda other: used[other.rest])
    chosen: list[Cut] = []
    for other in near:
        if all(other.rest != c.rest and not other.content & c.content for c in chosen):
            chosen.append(other)
    return [other.rest for other in chosen[:3]]
