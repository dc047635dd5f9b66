"""Arabic: stranded prepositions and particles; gender of demonstratives, case, definiteness."""

from __future__ import annotations

from collections.abc import Iterator

from .edits import Tokens, at_boundary, core, replace, swappable

PREPOSITIONS = frozenset("في إلى على عن مع حول بعد قبل بدون عند خلال بين تحت من".split())
OPENERS = PREPOSITIONS | frozenset("أو ثم لم لن هو هي قد إذا أثناء".split()) - {"من"}
PARTICLES = frozenset("لم لن قد سوف أن هل لا".split())
DEMONSTRATIVES = {"هذه": "هذا", "هذا": "هذه", "تلك": "ذلك", "ذلك": "تلك"}
RELATIVES = {"التي": "الذي", "الذي": "التي"}
PLURALS = {
    "المستخدمين": "المستخدمون",
    "للمستخدمين": "للمستخدمون",
    "المسؤولين": "المسؤولون",
    "المشرفين": "المشرفون",
    "المعلمين": "المعلمون",
    "الآخرين": "الآخرون",
    "المتقدمين": "المتقدمون",
}
# an annexed noun takes no article: "كلمة المرور" but never "الكلمة المرور"
ANNEXED = {
    ("كلمة", "المرور"): "الكلمة",
    ("سير", "العمل"): "السير",
    ("عنوان", "البريد"): "العنوان",
    ("جميع", "الصفحات"): "الجميع",
    ("جميع", "المستندات"): "الجميع",
    ("جميع", "الصور"): "الجميع",
    ("جميع", "الأذونات"): "الجميع",
    ("حقوق", "الإنسان"): "الحقوق",
    ("بنك", "العناصر"): "البنك",
    ("لوحة", "المفاتيح"): "اللوحة",
    ("قارئات", "الشاشة"): "القارئات",
    ("محركات", "البحث"): "المحركات",
    ("نسخ", "الصفحة"): "النسخ",
    ("حذف", "الصفحة"): "الحذف",
    ("نوع", "السؤال"): "النوع",
    ("رمز", "الوصول"): "الرمز",
    ("تسجيل", "الدخول"): "التسجيل",
    ("إعادة", "التقييم"): "الإعادة",
    ("عدد", "الكلمات"): "العدد",
    ("وقت", "الاختبار"): "الوقت",
}
JUSSIVE = {"يكن": "يكون", "تكن": "تكون"}
ADJECTIVES = frozenset(
    """صحيحة صالحة جديدة خاطئة فارغة واحدة محددة الجديدة الحالية المحددة الصحيحة الفرعية السابقة
    الخاطئة التالية مختلفة كاملة طويلة فرعية رئيسية الرئيسية غامقة المشتركة""".split()
)


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt.

    A preposition after its noun at the end of a phrase, a negation or conjunction after its verb.
    """
    for i in range(len(tokens) - 1):
        plain = swappable(tokens, i) or (i == 0 and swappable(["", *tokens], 1))
        if not plain:
            continue
        first, second = tokens[i], core(tokens[i + 1])
        if first in PREPOSITIONS and second.startswith("ال") and len(second) > 4:
            if at_boundary(tokens, i + 1, OPENERS):
                yield i
        elif first in PARTICLES and second[:1] in "يتن" and len(second) > 2:
            yield i


def mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with a word of the wrong gender, case or definiteness."""
    yield from _demonstratives(tokens)
    yield from _relatives(tokens)
    yield from _adjectives(tokens)
    for i in range(1, len(tokens)):
        before, word = tokens[i - 1], core(tokens[i])
        if word in PLURALS and (before in PREPOSITIONS or word.startswith("لل")):
            yield replace(tokens, i, PLURALS[word])
        if before == "لم" and word in JUSSIVE:
            yield replace(tokens, i, JUSSIVE[word])
        if (before, word) in ANNEXED:
            yield replace(tokens, i - 1, ANNEXED[before, word])


def _demonstratives(tokens: Tokens) -> Iterator[Tokens]:
    for i in range(len(tokens) - 1):
        word, noun = tokens[i], core(tokens[i + 1])
        if word in DEMONSTRATIVES and noun.startswith("ال") and noun not in RELATIVES:
            yield replace(tokens, i, DEMONSTRATIVES[word])


def _relatives(tokens: Tokens) -> Iterator[Tokens]:
    """The relative pronoun after a preposition or "this" and one noun: no other antecedent."""
    for i in range(1, len(tokens)):
        if tokens[i] not in RELATIVES:
            continue
        before = tokens[i - 2] if i > 1 else ""
        feminine = tokens[i - 1].endswith("ة")
        lone = i == 1 or before in PREPOSITIONS or before in DEMONSTRATIVES
        if lone and (feminine == (tokens[i] == "التي") or tokens[i] == "التي"):
            yield replace(tokens, i, RELATIVES[tokens[i]])


def _adjectives(tokens: Tokens) -> Iterator[Tokens]:
    """A feminine adjective directly after a feminine noun that heads its phrase."""
    for i in range(2, len(tokens)):
        word, noun, before = core(tokens[i]), tokens[i - 1], tokens[i - 2]
        same = word.startswith("ال") == noun.startswith("ال")
        if word in ADJECTIVES and noun.endswith("ة") and same and before in PREPOSITIONS:
            yield replace(tokens, i, word.removesuffix("ة"))
