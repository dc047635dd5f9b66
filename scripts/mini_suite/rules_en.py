"""English: order around prepositions and auxiliaries; number and form of verbs, number of nouns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .edits import Tokens, core, replace, substitutions, swappable, tail

PREPOSITIONS = frozenset(
    """in at for from with of into about between under during without against among through on
    by to before after""".split()
)
# "this in", "that of" and "her in" can be read with a pronoun
DETERMINERS = frozenset("the a an your their its our my every".split())
MODALS = frozenset("can could will would shall should must may might cannot".split())
_AFTER_MODALS = frozenset("be have not".split())

VERB_NUMBER = {
    "is": "are",
    "are": "is",
    "has": "have",
    "have": "has",
    "was": "were",
    "were": "was",
    "does": "do",
    "doesn't": "don't",
    "isn't": "aren't",
    "aren't": "isn't",
    "hasn't": "haven't",
    "wasn't": "weren't",
}
# words before a verb that go with either number, or leave open what the verb belongs to
_OPEN = frozenset(
    """and or nor that which who what whose number data none any all some most half majority either
    neither team staff group family media if unless whether than as couple lot variety there
    not""".split()
)
_SINGULAR = frozenset("this a an each every another".split())
_PLURAL = frozenset("these those many several few both two three four five".split())
_NOUN = frozenset(
    """page user field value file image document item question answer site form link name model
    object comment task workflow collection version revision setting snippet locale language block
    template title password account request student quiz exam point choice option response right
    person section column row tag word number character letter date change permission record list
    entry term attempt message feature parent child""".split()
)
_BE = frozenset("be been is are was were".split())
# participles that lose their last letter to become the infinitive, unless that is also an adjective
_PARTICIPLE = re.compile(r"((at|et|av|ng|ov|ir|ar|iz|os|ut)e|^(re)?use)d$")
_ADJECTIVES = frozenset("complete separate duplicate alternate".split())


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt.

    A determiner before its preposition ("the in page"), an auxiliary after its verb ("be can"), and
    a last noun before its determiner ("in page the.").
    """
    for i in range(1, len(tokens) - 1):
        if not swappable(tokens, i):
            continue
        first, second = core(tokens[i]), core(tokens[i + 1])
        last = i + 2 == len(tokens)
        if first in PREPOSITIONS and second in DETERMINERS and not last and not tail(tokens[i + 1]):
            yield i
        elif first in MODALS and second in _AFTER_MODALS:
            yield i
        elif first in DETERMINERS and last and second.islower():
            yield i


def mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with a verb of the wrong number."""
    for index, wrong in substitutions(tokens, VERB_NUMBER):
        before = {core(token).lower() for token in tokens[:index]}
        # a verb that comes first asks "Are you sure" again and again, or is a command
        if index in (0, len(tokens) - 1) or before & _OPEN or tail(tokens[index]):
            continue
        if tail(tokens[index - 1]):
            continue
        yield replace(tokens, index, wrong)


def easy_mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with a noun of the wrong number, or a wrong form after an auxiliary."""
    for i in range(len(tokens) - 1):
        word, following = core(tokens[i]).lower(), core(tokens[i + 1])
        if tail(tokens[i]):
            continue
        if word in _SINGULAR and following in _NOUN and _ends(tokens, i + 1):
            yield replace(tokens, i + 1, f"{following}s")
        elif word in _PLURAL and following.removesuffix("s") in _NOUN and _ends(tokens, i + 1):
            yield replace(tokens, i + 1, following.removesuffix("s"))
        elif word in MODALS and following == "be":
            yield replace(tokens, i + 1, "been")
        elif word in ("has", "have", "had") and following == "been":
            yield replace(tokens, i + 1, "be")
        elif word in _BE and _PARTICIPLE.search(following):
            if (infinitive := following.removesuffix("d")) not in _ADJECTIVES:
                yield replace(tokens, i + 1, infinitive)


def _ends(tokens: Tokens, index: int) -> bool:
    """Whether no further noun can follow the one at ``index``, which would be its attribute."""
    if tail(tokens[index]) or index + 1 == len(tokens):
        return True
    following = core(tokens[index + 1])
    return following in PREPOSITIONS | MODALS | VERB_NUMBER.keys() | {"and", "or", "that", "which"}
