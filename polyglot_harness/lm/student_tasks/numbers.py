r"""The number that a reply gives, in any script and locale, as an exact fraction.

Read are the decimal digits of all scripts (``١٨``, ``１８``), decimal and thousands marks of all
locales (``1.234,5``, ``1,234.5``, ``1 234,5``, ``1'234.5``, ``١٬٢٣٤٫٥``, ``12,34,567``), signs
(``−5``, ``-$5``), fractions (``3/4``, ``2½``), ``3万5千``, ``1만 2000``, ``二十三``,
``3 Millionen``. One mark with three digits after it (``1.234``) is read as the language writes
numbers (Unicode CLDR). Units, currencies, per cent, markdown and LaTeX are passed over; number
words are not read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction

# CLDR: these write a decimal comma and group by point, space or apostrophe; all others here the
# other way round
DECIMAL_COMMA = frozenset(
    "bg ca cs da de el es et eu fi fr gl hr hu id is it lt lv nb nl no pl pt ro ru sk sl sr sv tr "
    "uk vi".split()
)
LONGEST = 60
"""Digits beyond which a run is no number but a degenerate reply."""

_LATIN = "A-Za-z\u00c0-\u024f"
_MARKS = ".,'\u066b\u066c"
_ALIKE = {
    **dict.fromkeys("\u2212\u2013\uff0d\ufe63\u2010\u2011\u2012", "-"),
    **dict.fromkeys("\u00a0\u202f\u2009\u2007\u2008\u200a\u3000\t", " "),
    **dict.fromkeys("\u2019\u2018\u02bc\uff07", "'"),
    **dict.fromkeys("\u060c\uff0c", ","),
    "\uff0e": ".", "\uff0b": "+", "\uff1d": "=", "\uff0f": "/", "\u2044": "/",
    "\uff05": "%", "\uff04": "$", "\uffe5": "\u00a5", "\uff1a": ":",
}  # fmt: skip
_LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\{([.,])\}"), r"\1"),
    (re.compile(r"\\[,;: ]"), " "),
    (re.compile(r"\\([$%!])"), r"\1"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}"), r" \1 "),
)
_CODES = "Rp|RM|US|USD|EUR|CHF|Fr|GBP|JPY|KRW|PHP|Php|CZK|IDR|SAR|AED|EGP|MXN|Rs|P"
_CORE = (
    rf"(?>(?:(?<![0-9{_MARKS}])[.,\u066b](?=[0-9]))?"
    rf"[0-9]++(?:[{_MARKS}][0-9]++| (?=[0-9]{{3}}(?![0-9]))[0-9]{{3}})*+)"
)
_DIGIT = {c: n for n, c in enumerate("〇一二三四五六七八九")} | {"零": 0}
_SMALL = {"十": 10, "百": 100, "千": 1000, "십": 10, "백": 100, "천": 1000}
_LARGE = {"万": 10**4, "億": 10**8, "兆": 10**12, "만": 10**4, "억": 10**8, "조": 10**12}
_UNITS = "".join([*_SMALL, *_LARGE])
_WORDS = {
    10**3: "thousand Tausend tausend mil ribu tisíc tisíce ألف آلاف الف libo",
    10**6: "million millions Million Millionen Mio millón millones juta milion miliony milionů "
    "مليون ملايين milyon",
    10**9: "billion billions Milliarde Milliarden Mrd miliar miliarda miliardy مليار bilyon",
}
_SCALE = {word: factor for factor, words in _WORDS.items() for word in words.split()}
_NUMBER = re.compile(
    rf"(?:(?P<minus>(?<![0-9{_LATIN})\]}}%])[-+](?=(?:[$€£¥₩₱] ?)?(?:(?:{_CODES}) ?)?[.,]?[0-9])"
    rf"|(?i:\b(?:minus|menos)|マイナス|마이너스|سالب|ناقص) ?)"
    rf"[$€£¥₩₱]? ?)?"
    rf"(?:(?<![0-9{_LATIN}])(?:{_CODES})\.? ?(?=[0-9])|(?<![0-9{_LATIN}^]))"
    rf"(?:(?P<dates>[0-9]++(?:/[0-9]++){{2,}})"
    rf"|(?P<cjk>{_CORE} ?[{_UNITS}]+(?: ?{_CORE} ?[{_UNITS}]+)*(?: ?{_CORE})?)"
    rf"|(?P<core>{_CORE})"
    rf"(?: (?P<top>[0-9]+)/(?P<bottom>[0-9]++)(?! ?/)"
    rf"|(?P<slash> ?/ ?)(?P<under>{_CORE})(?! ?/)"
    rf"|[eE](?P<power>[-+]?[0-9]{{1,2}})(?![0-9{_LATIN}])"
    rf"| ?(?P<scale>{'|'.join(sorted(_SCALE, key=len, reverse=True))})(?!\w))?)"
)
_KANJI = re.compile(rf"[{''.join(_DIGIT)}十百千万億兆]+")
_CJK_TOKEN = re.compile(rf"{_CORE}|[{_UNITS}{''.join(_DIGIT)}]")
_ANSWER = re.compile(
    r"####|(?i:\b(?:antwort|ergebnis|lösung|answer|result|solution|respuesta|resultado|solución|"
    r"odpověď|výsledek|jawaban|hasil|jawabannya|hasilnya|sagot)\b\W{0,4}?"
    r"(?:[:=]|\b(?:lautet|ist|beträgt|is|es|je|zní|adalah|ay)\b)"
    r"|(?:答え?|回答|正解|解答|정답|답변?|الجواب|الإجابة|الاجابة|الناتج)"
    r" ?\W{0,4}?(?:は|が|은|는|이|هو|هي|[:=]))"
)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")


def answer_number(reply: str, language: str) -> Fraction | None:
    r"""Return the number that a reply gives as its answer; None if it gives none.

    It is the number in the last ``\boxed{}``, else the first one (the last of an equation) after
    the last answer word that one follows (``Antwort:``, ``答えは``, ``####``), else the last one of
    the first line that has any.

    Args:
        reply: What the model wrote; reasoning before ``</think>`` is left out.
        language: Its ISO 639-1 code decides how ``1.234`` is read.
    """
    text = _plain(reply.rpartition("</think>")[2])
    for boxed in reversed(_BOXED.findall(text)):
        if found := find_numbers(boxed, language):
            return found[-1]
    for part in reversed(_ANSWER.split(text)[1:]):
        line, found = _first_line(part, language)
        if found:
            return found[-1] if "=" in line else found[0]
    found = _first_line(text, language)[1]
    return found[-1] if found else None


def find_numbers(text: str, language: str) -> list[Fraction]:
    """Return all numbers of a text in order; numbers in kanji alone only if there is no other."""
    text = _plain(text)
    found = [number for match in _NUMBER.finditer(text) for number in _values(match, language)]
    if not found and language == "ja":
        runs = [run for run in _KANJI.findall(text) if len(run) <= LONGEST]
        found = [value for run in runs if (value := _cjk(run, language)) is not None]
    return found


def _first_line(text: str, language: str) -> tuple[str, list[Fraction]]:
    for line in text.splitlines():
        if found := find_numbers(line, language):
            return line, found
    return "", []


def _plain(text: str) -> str:
    """Write digits, marks and signs of all scripts in one way; drop what is not seen."""
    for pattern, by in _LATEX:
        text = pattern.sub(by, text)
    return re.sub(r"\*\*|`", "", "".join(_characters(text)))


def _characters(text: str) -> Iterator[str]:
    before = ""
    for character in text:
        if character.isascii():
            new = " " if character == "\t" else character
        elif (digit := unicodedata.decimal(character, None)) is not None:
            new = str(digit)
        elif unicodedata.category(character) == "Cf":
            new = ""
        elif "\u2044" in (form := unicodedata.normalize("NFKC", character)):
            new = (" " if before.isdigit() else "") + form.replace("\u2044", "/")
        else:
            new = _ALIKE.get(character, character)
        before = new or before
        yield new


def _values(match: re.Match[str], language: str) -> list[Fraction]:
    """Return the number of a match; its pieces, where they do not make up one (``3,5,7``)."""
    if match["dates"]:
        return _pieces(match[0])
    sign = -1 if match["minus"] and match["minus"] != "+" else 1
    if match["cjk"]:
        value = _cjk(match["cjk"], language)
        return _pieces(match["cjk"]) if value is None else [sign * value]
    value = _read(match["core"], language)
    under = _read(match["under"], language) if match["under"] else None
    if value is None or (match["under"] and not under):
        return _pieces(match[0])
    if under:
        value /= under
    elif match["bottom"]:
        if not int(match["bottom"]):
            return _pieces(match[0])
        value += Fraction(int(match["top"]), int(match["bottom"]))
    elif match["power"]:
        value *= Fraction(10) ** int(match["power"])
    elif match["scale"]:
        value *= _SCALE[match["scale"]]
    return [sign * value]


def _pieces(text: str) -> list[Fraction]:
    return [Fraction(int(run)) for run in re.findall("[0-9]+", text) if len(run) <= LONGEST]


def _read(text: str, language: str) -> Fraction | None:
    """Return the value of digits with marks between them; None if they make no one number."""
    groups = re.split(rf"[{_MARKS} ]", text)
    marks = re.findall(rf"[{_MARKS} ]", text)
    if sum(map(len, groups)) > LONGEST:
        return None
    decimal = "," if language in DECIMAL_COMMA else "."
    if not groups[0]:  # .5
        return Fraction(f"0.{groups[1]}") if len(groups) == 2 else None
    whole = _grouped(groups, marks)
    last = marks[-1] if marks else ""
    broken = None
    if (
        last in {".", ",", "\u066b"}
        and last not in marks[:-1]
        and _grouped(groups[:-1], marks[:-1])
    ):
        broken = Fraction(f"{''.join(groups[:-1])}.{groups[-1]}")
    if whole and broken is not None:
        return broken if last in (decimal, "\u066b") else Fraction(int("".join(groups)))
    return Fraction(int("".join(groups))) if whole else broken


def _grouped(groups: list[str], marks: list[str]) -> bool:
    """Whether the marks between these groups of digits are thousands marks (or there are none)."""
    if not marks:
        return True
    inner = {len(group) for group in groups[1:-1]}
    return (
        len(set(marks)) == 1
        and marks[0] != "\u066b"
        and 1 <= len(groups[0]) <= 3
        and not groups[0].startswith("0")
        and len(groups[-1]) == 3
        and (inner <= {3} or (inner == {2} and marks[0] == "," and len(groups[0]) <= 2))
    )


def _cjk(text: str, language: str) -> Fraction | None:
    """Return the value of digits or kanji with units: ``3万5千``, ``1億2000万``, ``二〇二四``."""
    total = section = Fraction(0)
    pending: Fraction | None = None
    least = None
    for token in _CJK_TOKEN.findall(text):
        if token in _SMALL:
            section += (1 if pending is None else pending) * _SMALL[token]
            pending, least = None, _SMALL[token]
        elif token in _LARGE:
            total += (section + (pending or 0) or 1) * _LARGE[token]
            section, pending, least = Fraction(0), None, _LARGE[token]
        elif token in _DIGIT:
            pending = Fraction((pending or 0) * 10 + _DIGIT[token])
        else:
            pending = _read(token, language)
            if pending is None:
                return None
    if least and pending is not None and pending >= least:
        return None
    return total + section + (pending or 0)
