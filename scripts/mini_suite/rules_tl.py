"""Tagalog: markers and linkers after the word that they belong to.

Only word order: the order of phrases is free, that inside a phrase is not. Agreement is left out,
for verbs do not agree and a changed focus or aspect often makes another sentence that is right.
"""

from __future__ import annotations

from collections.abc import Iterator

from .edits import Tokens, at_boundary, core, swappable, tail

PREPOSITIONS = frozenset("ang ng sa mga si ni kay para mula tungkol isang".split())
BEFORE_VERBS = frozenset("ay upang hindi na nang kaya dahil habang bago kapag".split())
MARKERS = frozenset("ang ng sa".split())
# Wrong after their noun wherever it stands: nothing that follows could take them.
STRICT = frozenset("mga may ay isang bawat kaniyang kanyang kanilang aming walang".split())
OPENERS = frozenset(
    """ang ng sa si ni kay nina kina ay at o na nang upang para dahil habang bago kapag kaya
    sapagkat hanggang mula pagkaraan pagkatapos matapos tuwing ngunit kung""".split()
)
# Words that a marker may follow ("lahat ng", "bukod sa"), and those that are no nouns.
NOT_NOUNS = OPENERS | frozenset(
    """lahat mga may isang bawat ilang ilan karamihan bukod ayon batay loob labas likod harap
    ilalim ibabaw gitna tabi gilid paligid hindi ito iyon iyan kanila kaniya kanya amin atin
    inyo""".split()
)


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt."""
    for i in range(1, len(tokens) - 1):
        if not swappable(tokens, i):
            continue
        first, second = core(tokens[i]), core(tokens[i + 1])
        if second in NOT_NOUNS or second[:1].isupper() or not at_boundary(tokens, i + 1, OPENERS):
            continue
        if first in STRICT or (first in MARKERS and _takes_no_marker(tokens, i + 1)):
            yield i


def _takes_no_marker(tokens: Tokens, index: int) -> bool:
    """Whether a marker after this word is wrong, and not so plainly as at the end of a clause.

    An English-centred model knows that no sentence ends in "ng" (97 of 100); "tubig ang sa lawa"
    holds a phrase without a head that a reader may accept.
    """
    if tail(tokens[index]) or index + 1 == len(tokens):
        return False
    return core(tokens[index + 1]) != "sa"
