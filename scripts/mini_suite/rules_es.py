"""Spanish: order around prepositions and clitics; gender and number agreement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .edits import Tokens, at_boundary, core, replace, swappable, tail

PREPOSITIONS = frozenset("en para por con a sobre desde hasta entre sin".split())
DETERMINERS = frozenset(
    "el la los las un una su sus este esta estos estas cada mi tu nuestra nuestro".split()
)
OF_DETERMINERS = frozenset("un una su sus este esta estos estas cada".split())
OPENERS = frozenset(
    """de del en para por con a al y o que se no es está son ha han puede debe sin sobre desde
    hasta""".split()
)
FINITE = frozenset("ha han puede pueden debe deben mostrará muestra muestran pudo hará".split())
_FEMININE = re.compile(r"(ción|sión|dad|tad|tud)$")
_FEMININE_PLURAL = re.compile(r"(ciones|siones|dades|tades)$")
_MASCULINE = {"archivo", "campo", "título", "tiempo", "examen", "usuario", "grupo", "nombre"}
_MASCULINE |= {"correo", "bloque", "banco", "valor", "enlace", "documento", "sitio", "número"}
_MASCULINE |= {"texto", "rango", "formulario", "objeto", "estímulo", "flujo", "informe", "derecho"}
_MASCULINE |= {"error", "modelo", "servidor", "código", "elemento", "tipo", "modo", "instructor"}
_FEMININE_NOUNS = {"página", "pregunta", "respuesta", "imagen", "contraseña", "tarea", "cuenta"}
_FEMININE_NOUNS |= {"vista", "lista", "fecha", "ley", "persona", "colección", "clave", "plantilla"}
_FEMININE_NOUNS |= {"etiqueta", "variable", "fórmula", "palabra", "base", "copia", "hora", "clase"}
GENDER = {"la": "el", "una": "un", "esta": "este", "nueva": "nuevo", "toda": "todo"}
GENDER_PLURAL = {"las": "los", "unas": "unos", "estas": "estos", "todas": "todos"}
MASCULINE = {"el": "la", "un": "una", "este": "esta", "nuevo": "nueva", "todo": "toda"}
MASCULINE_PLURAL = {"los": "las", "estos": "estas", "unos": "unas", "todos": "todas"}
NUMBER = {
    "es": "son",
    "está": "están",
    "debe": "deben",
    "tiene": "tienen",
    "ha": "han",
    "puede": "pueden",
    "contiene": "contienen",
    "fue": "fueron",
    "será": "serán",
    "existe": "existen",
}
NUMBER |= {plural: singular for singular, plural in NUMBER.items()}
_SUBJECT = frozenset("el la los las este esta estos estas su sus cada ningún ninguna".split())
_PARTICIPLE = re.compile(r"(ad|id)(o|a|os|as)$")
_ADJECTIVES = re.compile(
    r"^(correct|incorrect|válid|inválid|nuev|seleccionad|human|públic|jurídic|vací|requerid|"
    r"obligatori|duplicad|numéric|alternativ|predeterminad|siguient|activ|guardad)(a|as|o|os)$"
)
_NEUTRAL = frozenset("no para cada ya como pero a o".split())
_OTHER = {"o": "a", "a": "o", "os": "as", "as": "os"}


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt.

    A determiner before its preposition ("la en página"), a clitic after its verb ("ha se"), and a
    stranded "del" or "al".
    """
    for i in range(1, len(tokens) - 1):
        if not swappable(tokens, i):
            continue
        first, second = core(tokens[i]), core(tokens[i + 1])
        inner = i + 2 < len(tokens) and not tail(tokens[i + 1])
        if first in PREPOSITIONS and second in DETERMINERS and inner:
            yield i
        elif first == "de" and second in OF_DETERMINERS and inner:
            yield i
        elif first == "se" and second in FINITE:
            yield i
        elif first in ("del", "al") and at_boundary(tokens, i + 1, OPENERS):
            yield i


def mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with a verb, participle or adjective that does not agree."""
    yield from _verbs(tokens)
    yield from _participles(tokens)
    yield from _adjectives(tokens)


def easy_mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with an article of the wrong gender."""
    yield from _articles(tokens)


def _verbs(tokens: Tokens) -> Iterator[Tokens]:
    if tokens[0].lower() not in _SUBJECT or len(tokens) < 4 or tail(tokens[1]):
        return
    if tokens[1] in ("que", "de"):
        return
    place = 3 if tokens[2] == "no" else 2
    wrong = NUMBER.get(core(tokens[place])) if place < len(tokens) else None
    if wrong is not None:
        yield replace(tokens, place, wrong)


def _participles(tokens: Tokens) -> Iterator[Tokens]:
    if tokens[0].lower() not in _SUBJECT:
        return
    for i in range(3, len(tokens)):
        match = _PARTICIPLE.search(core(tokens[i]))
        passive = tokens[i - 1] == "sido" or tokens[i - 1] in ("fue", "está", "es", "están", "son")
        if match and passive and not _licensed(tokens[:i], _OTHER[match[2]]):
            yield replace(tokens, i, core(tokens[i])[: match.start(2)] + _OTHER[match[2]])


def _adjectives(tokens: Tokens) -> Iterator[Tokens]:
    for i in range(1, len(tokens)):
        match = _ADJECTIVES.match(core(tokens[i]))
        if not match or not _fits(tokens[i - 1], match[2]):
            continue
        if not _licensed(tokens[:i], _OTHER[match[2]]):
            yield replace(tokens, i, match[1] + _OTHER[match[2]])


def _fits(noun: str, ending: str) -> bool:
    """Whether a noun is known to have the gender and number of an ending."""
    if ending == "a":
        return noun in _FEMININE_NOUNS or bool(_FEMININE.search(noun))
    if ending == "o":
        return noun in _MASCULINE
    single = noun.removesuffix("s").removesuffix("e") if noun.endswith("res") else noun[:-1]
    if ending == "as":
        return single in _FEMININE_NOUNS or bool(_FEMININE_PLURAL.search(noun))
    return single in _MASCULINE


def _licensed(earlier: Tokens, ending: str) -> bool:
    """Whether an earlier word may have the gender and number of an ending, so that it agrees."""
    words = [core(token).lower() for token in earlier]
    return any(
        word not in _NEUTRAL and (word.endswith(ending) or _fits(word, ending)) for word in words
    )


def _articles(tokens: Tokens) -> Iterator[Tokens]:
    for i in range(len(tokens) - 1):
        noun = core(tokens[i + 1])
        word = tokens[i].lower()
        wrong = None
        if _FEMININE.search(noun) or noun in _FEMININE_NOUNS:
            wrong = GENDER.get(word)
        elif _FEMININE_PLURAL.search(noun) or noun.removesuffix("s") in _FEMININE_NOUNS:
            wrong = GENDER_PLURAL.get(word)
        elif noun in _MASCULINE:
            wrong = MASCULINE.get(word)
        elif noun.removesuffix("s") in _MASCULINE:
            wrong = MASCULINE_PLURAL.get(word)
        if wrong is not None:
            yield replace(tokens, i, wrong)
