"""Czech: stranded prepositions; gender and case agreement.

Word order is free, so the only swaps made are those that part a preposition from its noun (and
leave it where no other reading can pick it up) or move a word before the conjunction of its clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .edits import Tokens, at_boundary, core, replace, substitutions, swappable, tail

PREPOSITIONS = frozenset(
    """v ve na do z ze s se k ke od pro při po o u bez podle za před mezi nad pod kromě během
    pomocí proti""".split()
) - {"se"}
OPENERS = PREPOSITIONS | frozenset(
    """a nebo i je jsou není nejsou byl byla bylo byly byli nebyl nebyla nebylo nebyly bude budou
    musí může mohou nemůže mohou lze nelze se si že aby""".split()
)
RELATIVES = frozenset("který která které kteří kterou kterého kterému".split())
CONJUNCTIONS = frozenset("že aby zda protože jestliže".split())
COORDINATORS = frozenset("a nebo".split())
LOCAL = frozenset("v ve na s o při z ze do u".split())
DETERMINERS = frozenset(
    """této tomto touto tímto tohoto těchto vašem vašeho své svém svého žádném všech kterém kterých
    jakékoli jakémkoli jakéhokoli libovolné jiných stejné""".split()
)
AUXILIARY = re.compile(r"^(ne)?by(l|la|lo|li|ly)$")
PARTICIPLE = re.compile(r"[^\W\d_]{2,}(n|t)(|a|o|i|y)$")
OTHER_AUXILIARY = {"l": "la", "la": "l", "lo": "l", "li": "la", "ly": "l"}
DEMONSTRATIVES = {
    "tento": "tato",
    "tato": "tento",
    "toto": "tento",
    "tuto": "tento",
    "této": "tomto",
    "tomto": "této",
    "tohoto": "této",
    "tomuto": "této",
    "touto": "tímto",
    "tímto": "touto",
    "tyto": "toto",
    "žádná": "žádný",
    "žádný": "žádná",
    "žádné": "žádnou",
    "žádnou": "žádný",
    "všechny": "všechno",
    "váš": "vaše",
}
# oblique form -> nominative singular, which no Czech preposition governs; only words whose
# nominative is neither their accusative nor any other form
FEMININE_CASES = {
    "stránky": "stránka",
    "stránku": "stránka",
    "stránce": "stránka",
    "skupiny": "skupina",
    "skupinu": "skupina",
    "skupině": "skupina",
    "adresu": "adresa",
    "adresy": "adresa",
    "obnovu": "obnova",
    "ochranu": "ochrana",
    "kotvu": "kotva",
    "chybě": "chyba",
    "šabloně": "šablona",
    "kontrolu": "kontrola",
    "rodiny": "rodina",
    "domény": "doména",
    "službu": "služba",
    "správě": "správa",
    "správy": "správa",
    "strany": "strana",
    "době": "doba",
    "podobě": "podoba",
    "vazbě": "vazba",
}
# genitive or dative -> nominative, for prepositions that never take the accusative
STRICT_CASES = {
    "systému": "systém",
    "seznamu": "seznam",
    "souboru": "soubor",
    "postupu": "postup",
    "pohledu": "pohled",
    "formuláře": "formulář",
    "hesla": "heslo",
    "účtu": "účet",
    "problému": "problém",
    "dokumentu": "dokument",
    "obrázku": "obrázek",
    "obrázkům": "obrázek",
    "dokumentům": "dokument",
    "stránkám": "stránka",
    "funkcím": "funkce",
    "rozvoji": "rozvoj",
    "vyhnanství": "vyhnanstvím",
}
STRICT = frozenset("do z ze od bez u podle kromě během pomocí k ke".split())
ACCUSATIVE_TOO = frozenset("v ve na o po pro při za".split()) | STRICT
INFINITIVE = {"být": "je", "smazat": "smaže", "nastavit": "nastaví", "přidat": "přidá"}
INFINITIVE |= {"vytvořit": "vytvoří", "vybrat": "vybere", "upravit": "upraví", "použít": "použije"}
INFINITIVE |= {"uložit": "uloží", "odstranit": "odstraní", "publikovat": "publikuje"}
INFINITIVE |= {"zrušit": "zruší", "zakázat": "zakáže", "přihlásit": "přihlásí", "mít": "má"}
INFINITIVE |= {"zveřejnit": "zveřejní", "zobrazovat": "zobrazuje", "obsahovat": "obsahuje"}
INFINITIVE |= {"schválit": "schválí", "načíst": "načte", "ověřit": "ověří", "zvolit": "zvolí"}
MODALS = frozenset(
    """může mohou nemůže musí muset chcete můžete nemůžete lze nelze nesmí mohl má mají možné
    musíte mohly smí moci""".split()
)


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt."""
    for i in range(1, len(tokens) - 1):
        if not swappable(tokens, i):
            continue
        first, second = core(tokens[i]), core(tokens[i + 1])
        stranded = first in PREPOSITIONS and second not in OPENERS | RELATIVES
        if stranded and at_boundary(tokens, i + 1, OPENERS):
            yield i
        elif first in LOCAL and second in DETERMINERS and not tail(tokens[i + 1]):
            yield i
        elif first in RELATIVES | CONJUNCTIONS and tokens[i - 1].endswith(","):
            if second not in OPENERS and second[:1].islower():
                yield i
        elif first in COORDINATORS and tail(tokens[i + 1]) and not tail(tokens[i - 1]):
            yield i


def mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with a wrong auxiliary, demonstrative, case or verb form."""
    yield from _auxiliaries(tokens)
    for index, wrong in substitutions(tokens[:-1], DEMONSTRATIVES):
        following = tokens[index + 1]
        if _agrees(core(tokens[index]).lower(), following):
            yield replace(tokens, index, wrong)
    yield from _cases(tokens)
    yield from _infinitives(tokens)


def _agrees(word: str, following: str) -> bool:
    """Whether a word that the demonstrative must agree with follows it directly."""
    if not core(following).isalpha() or following[:1].isupper():
        return False
    return core(following) not in OPENERS and not (word == "toto" and following == "by")


def _auxiliaries(tokens: Tokens) -> Iterator[Tokens]:
    for i, token in enumerate(tokens):
        match = AUXILIARY.match(token.lower())
        if not match:
            continue
        for other in tokens[i + 1 : i + 3]:
            participle = PARTICIPLE.search(core(other))
            if participle and _ENDING[match[2]] == participle[2]:
                stem = token[: len(token) - len(match[2])]
                yield replace(tokens, i, stem + OTHER_AUXILIARY[match[2]])
                break


_ENDING = {"l": "", "la": "a", "lo": "o", "li": "i", "ly": "y"}


def _cases(tokens: Tokens) -> Iterator[Tokens]:
    for i in range(len(tokens) - 1):
        preposition, noun = tokens[i].lower(), core(tokens[i + 1])
        if preposition in ACCUSATIVE_TOO and noun in FEMININE_CASES:
            yield replace(tokens, i + 1, FEMININE_CASES[noun])
        elif preposition in STRICT and noun in STRICT_CASES:
            yield replace(tokens, i + 1, STRICT_CASES[noun])


def _infinitives(tokens: Tokens) -> Iterator[Tokens]:
    for i, wrong in substitutions(tokens, INFINITIVE):
        if any(core(t).lower() in MODALS for t in tokens[max(0, i - 2) : i]):
            yield replace(tokens, i, wrong)
