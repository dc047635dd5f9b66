r"""The letter, A or B, that a reply gives, in any script.

Latin, Greek and Cyrillic look-alikes, full-width and circled letters are one; ``أ`` and ``ب`` are
the letters of Arabic lists. In order: the last ``[[A]]`` or ``\boxed{A}``; a reply that is nothing
but a letter; the last letter after an answer word (``Antwort: A``, ``回答：A``); a letter that the
reply begins with; the only letter that it has. Other replies with both give none.
"""

from __future__ import annotations

import re
import unicodedata

_ALIKE = str.maketrans("АВΑΒابأ", "ABABABA")
_ARABIC = "\u0620-\u064a"
_LATIN = "A-Za-z0-9\u00c0-\u024f"
_ALONE = rf"(?<![{_LATIN}'])([AB])(?![{_LATIN}'])"
_BOXED = re.compile(r"\[\[\s*([AB])\s*\]\]|\\boxed\s*\{\W*(?:text\s*\{)?\s*([AB])\W*\}")
_WORDS = (
    "answer|verdict|choice|winner|response|assistant|antwort|urteil|respuesta|veredicto|odpověď|"
    "verdikt|jawaban|pilihan|sagot"
)
_MARKED = re.compile(
    rf"(?i:\b(?:{_WORDS})\b[\s*_]*(?:[:=]|\b(?:is|ist|es|je|adalah|ay|lautet|zní)\b)"
    r"|(?:回答|答え?|判定|解答|정답|답변?|판정|الإجابة|الاجابة|الجواب|الحكم)"
    rf"[\s*_]*(?:[:=は]|은|는|هي|هو))[\s\W]*(?:(?i:{_WORDS}|回答|답변|الإجابة|الاجابة)\s*\W?)?"
    rf"{_ALONE}"
)
_VERB = "is|wins|was|ist|gewinnt|es|gana|je|vyhrává|adalah|lebih|menang|ay"
_BEGINS = re.compile(
    rf"[\W_]*(?:(?i:{_WORDS}|回答|답변|الإجابة|الاجابة)\s*\W?)?{_ALONE}"
    rf"(?=[^\S\n]*(?:$|\n|[^\s\w]|[^\W{_LATIN}_])|\s+(?:{_VERB})\b)"
)
# "A good answer", "A mi juicio", "A proto": words of English, Spanish, Czech
_ARTICLE = re.compile(
    rf"(?:^|(?<=[.!?:\n]))[\W_]*A(?= (?!(?:{_VERB}|and|or|und|oder|y|o|nebo|dan|atau)\b)[a-z])"
)


def chosen_letter(reply: str) -> str | None:
    """Return A or B; None where the reply gives neither, or not only one.

    Args:
        reply: What the model wrote; reasoning before ``</think>`` is left out.
    """
    text = _plain(reply.rpartition("</think>")[2])
    if boxed := _BOXED.findall(text):
        return "".join(boxed[-1])
    bare = re.sub(r"[\W_]", "", text)
    if bare in {"A", "B", "a", "b"}:
        return bare.upper()
    if marked := _MARKED.findall(text):
        return str(marked[-1])
    if begins := _BEGINS.match(text):
        return begins[1]
    found = set(re.findall(_ALONE, _ARTICLE.sub("", text)))
    return found.pop() if len(found) == 1 else None


def _plain(text: str) -> str:
    """Write A and B of all scripts as Latin ones."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    # a letter within a word of its script stays
    return re.sub(
        rf"(?<![\u0370-\u052f{_ARABIC}{_LATIN}])[АВΑΒابأ](?![\u0370-\u052f{_ARABIC}{_LATIN}])",
        lambda match: match[0].translate(_ALIKE),
        text,
    )
