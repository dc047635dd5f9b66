"""Numbers in replies, in every script and locale; the exact table is the specification."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_harness.lm.student_tasks.numbers import answer_number, find_numbers

# language, reply, the number (as Fraction reads it) or None
TABLE = (
    # plain, units, currencies, per cent, ordinals, end of a sentence
    ("de", "18", "18"),
    ("de", " 18\n", "18"),
    ("de", "18.", "18"),
    ("de", "18 Dollar", "18"),
    ("de", "18$", "18"),
    ("de", "$18", "18"),
    ("de", "18 €", "18"),
    ("de", "18,00 €", "18"),
    ("de", "18,- €", "18"),
    ("de", "18,– Euro", "18"),
    ("de", "25 %", "25"),
    ("de", "25%", "25"),
    ("de", "007", "7"),
    ("de", "0", "0"),
    ("de", "18 km2", "18"),
    ("de", "18 m²", "18"),
    ("de", "18cm", "18"),
    ("de", "H2O", None),
    ("de", "", None),
    ("de", "keine Ahnung", None),
    ("de", "achtzehn", None),
    ("es", "18 manzanas.", "18"),
    ("es", "US$ 18", "18"),
    ("es", "US$18", "18"),
    ("id", "Rp18.000", "18000"),
    ("id", "Rp 18.000,50", "18000.5"),
    ("tl", "₱1,800", "1800"),
    ("tl", "PHP 1,800.75", "1800.75"),
    ("cs", "1 234,50 Kč", "1234.5"),
    ("ko", "18개", "18"),
    ("ja", "18個", "18"),
    ("ja", "￥1,800", "1800"),
    ("ja", "1999年", "1999"),
    ("de", "2024", "2024"),
    ("ja", "数字は18", "18"),
    # thousands and decimals by the language
    ("de", "1.234", "1234"),
    ("es", "1.234", "1234"),
    ("id", "1.234", "1234"),
    ("cs", "1.234", "1234"),
    ("ja", "1.234", "1.234"),
    ("en", "1.234", "1.234"),
    ("ko", "1.234", "1.234"),
    ("tl", "1.234", "1.234"),
    ("ar", "1.234", "1.234"),
    ("de", "1,234", "1.234"),
    ("es", "1,234", "1.234"),
    ("id", "1,234", "1.234"),
    ("cs", "1,234", "1.234"),
    ("ja", "1,234", "1234"),
    ("en", "1,234", "1234"),
    ("ko", "1,234", "1234"),
    ("tl", "1,234", "1234"),
    ("ar", "1,234", "1234"),
    ("de", "12.345", "12345"),
    ("de", "123.456", "123456"),
    ("de", "1.234.567", "1234567"),
    ("de", "1,234,567", "1234567"),
    ("ja", "1.234.567", "1234567"),
    ("de", "1.234,5", "1234.5"),
    ("de", "1,234.5", "1234.5"),
    ("ja", "1.234,5", "1234.5"),
    ("ja", "1,234.567", "1234.567"),
    ("de", "1.234,567", "1234.567"),
    ("de", "1,5", "1.5"),
    ("ja", "1,5", "1.5"),
    ("de", "1.5", "1.5"),
    ("ja", "1.5", "1.5"),
    ("de", "1.50", "1.5"),
    ("de", "12,3456", "12.3456"),
    ("de", "0.125", "0.125"),
    ("en", "0,125", "0.125"),
    ("de", "1234.567", "1234.567"),
    ("en", "1234,567", "1234.567"),
    ("en", ".5", "0.5"),
    ("de", "1 234", "1234"),
    ("de", "1 234 567,89", "1234567.89"),
    ("de", "1\u00a0234", "1234"),
    ("de", "1\u202f234,5", "1234.5"),
    ("es", "12\u2009345", "12345"),
    ("cs", "10\u00a0000", "10000"),
    ("de", "1'234.50", "1234.5"),
    ("de", "1’234’567", "1234567"),
    ("en", "12,34,567", "1234567"),
    ("en", "1,23,456.5", "123456.5"),
    ("de", "18,0", "18"),
    ("de", "18.000", "18000"),
    ("ja", "18.000", "18"),
    ("es", "1000", "1000"),
    ("es", "2.000.000,25", "2000000.25"),
    # no one number
    ("de", "3,5,7", "7"),
    ("de", "3, 5, 7", "7"),
    ("de", "12.03.2024", "2024"),
    ("de", "12/03/2024", "2024"),
    ("de", "18:30", "30"),
    ("de", "1 2345", "2345"),
    ("de", "2023 400", "400"),
    ("de", "12 34", "34"),
    ("de", "1,2.3.4", "4"),
    ("de", "5/0", "0"),
    ("de", "7" * 100, None),
    ("de", "5" * 5000, None),
    # other digits and marks
    ("ar", "١٨", "18"),
    ("ar", "١٬٢٣٤", "1234"),
    ("ar", "١٢٣٤٫٥", "1234.5"),
    ("ar", "١٬٢٣٤٬٥٦٧٫٨٩", "1234567.89"),
    ("ar", "١٫٢٣٤", "1.234"),
    ("ar", "١٬٢٣٤ ريالاً", "1234"),
    ("ar", "١،٢٣٤", "1234"),
    ("ar", "١،٥", "1.5"),
    ("ar", "١٨٪", "18"),
    ("ar", "\u200f١٨\u200f دولارًا", "18"),
    ("ar", "\u2066-5\u2069", "-5"),
    ("ar", "۱۸", "18"),
    ("ar", "۱٬۲۳۴٫۵", "1234.5"),
    ("ar", "الجواب هو ١٨", "18"),
    ("ar", "ثمانية عشر", None),
    ("hi", "१८", "18"),
    ("hi", "१२,३४,५६७", "1234567"),
    ("bn", "১৮", "18"),
    ("th", "๑๘", "18"),
    ("ta", "௧௮", "18"),
    ("ja", "１８", "18"),
    ("ja", "１，２３４．５", "1234.5"),
    ("ja", "－５", "-5"),
    ("ja", "𝟏𝟖", "18"),
    # signs
    ("de", "-5", "-5"),
    ("de", "−5", "-5"),
    ("de", "–5 Grad", "-5"),
    ("de", "+5", "5"),
    ("de", "-1.234,5", "-1234.5"),
    ("en", "-$5", "-5"),
    ("en", "$-5", "-5"),
    ("en", "−€ 5", "-5"),
    ("de", "minus 5", "-5"),
    ("es", "menos 5", "-5"),
    ("ja", "答えは-5です", "-5"),
    ("ja", "マイナス5", "-5"),
    ("ko", "마이너스 5", "-5"),
    ("de", "- 5 Äpfel", "5"),
    ("de", "5-7", "7"),
    ("de", "5–7", "7"),
    ("de", "10 - 5", "5"),
    ("de", "(-5)", "-5"),
    ("de", "x=-5", "-5"),
    ("ar", "−٥", "-5"),
    # fractions, powers, scales
    ("de", "3/4", "3/4"),
    ("de", "18/3", "6"),
    ("de", "1 1/2", "3/2"),
    ("de", "½", "1/2"),
    ("de", "2½", "5/2"),
    ("de", r"\frac{1}{2}", "1/2"),
    ("de", "-3/4", "-3/4"),
    ("en", "1e3", "1000"),
    ("en", "1.5e-2", "0.015"),
    ("de", "3 Millionen", "3000000"),
    ("de", "1,5 Mio.", "1500000"),
    ("es", "18 mil", "18000"),
    ("id", "2,5 juta", "2500000"),
    ("cs", "3 tisíce", "3000"),
    ("ar", "٣ آلاف", "3000"),
    ("de", "3 Millionäre", "3"),
    # Chinese numerals and units
    ("ja", "3万", "30000"),
    ("ja", "3万円", "30000"),
    ("ja", "1万2,345円", "12345"),
    ("ja", "３万５千", "35000"),
    ("ja", "1.5万", "15000"),
    ("ja", "1億2000万", "120000000"),
    ("ja", "二十", "20"),
    ("ja", "十八個です。", "18"),
    ("ja", "千二百三十四", "1234"),
    ("ja", "二〇二四", "2024"),
    ("ja", "三万五千円", "35000"),
    ("ja", "百", "100"),
    ("ja", "二人で18個", "18"),
    ("ja", "わかりません", None),
    ("ja", "二" * 100, None),
    ("ko", "3만", "30000"),
    ("ko", "1만 2000원", "12000"),
    ("ko", "1억 2천만 원", "120000000"),
    ("ko", "5천 원", "5000"),
    # markdown and LaTeX
    ("de", "**18**", "18"),
    ("de", "__18__", "18"),
    ("de", "`18`", "18"),
    ("de", "$18$", "18"),
    ("de", r"\$18", "18"),
    ("de", r"\(18\)", "18"),
    ("de", r"\boxed{18}", "18"),
    ("de", r"\boxed{12} ... \boxed{18} 3", "18"),
    ("de", r"\boxed{1{.}234{,}5}", "1234.5"),
    ("de", r"\boxed{1\,234 \text{ Euro}}", "1234"),
    ("de", r"\boxed{\text{18 Äpfel}}", "18"),
    ("de", "9*2=18\n#### 18", "18"),
    # which number of the reply
    ("de", "5 + 6 = 11", "11"),
    ("de", "11\n\nFrage: Tom hat 7 Äpfel", "11"),
    ("de", "\n11", "11"),
    ("de", "Er hat 5 Bälle und kauft 6.\nDie Antwort lautet 11.", "11"),
    ("de", "Die Antwort lautet 11, denn 5 und 6 sind 11 und nicht 12", "11"),
    ("de", "Die Antwort ist 5 + 6 = 11", "11"),
    ("de", "**Antwort:** 11 Bälle (5 alte)", "11"),
    ("de", "11\nAntwort:", "11"),
    ("de", "Antworten auf 3 Fragen: 11", "11"),
    ("es", "La respuesta es 11.", "11"),
    ("es", "Respuesta: 11 pelotas, 5 viejas", "11"),
    ("ja", "答えは11です。5個は古い", "11"),
    ("ja", "答え：11", "11"),
    ("ja", "5+6=11。答えは11です。", "11"),
    ("ja", "答えは十一です。", "11"),
    ("ko", "정답은 11개입니다.", "11"),
    ("id", "Jawabannya adalah 11 bola", "11"),
    ("cs", "Odpověď je 11.", "11"),
    ("de", "<think>erst 5, dann 6</think>11", "11"),
)  # fmt: skip


@pytest.mark.parametrize(("language", "reply", "number"), TABLE)
def test_answer_number(language, reply, number):
    assert answer_number(reply, language) == (None if number is None else Fraction(number))


def test_several_numbers_of_one_text_in_order():
    assert find_numbers("Von 1.234,5 auf −3/4, dann 5-7 und 12/03/2024", "de") == [
        Fraction("1234.5"), Fraction(-3, 4), 5, 7, 12, 3, 2024,
    ]  # fmt: skip


# language, mark between thousands, decimal mark, digit zero, most decimals
LOCALES = (
    ("de", ".", ",", "0", 6), ("de", "\u202f", ",", "0", 6), ("de", "’", ".", "0", 2),
    ("es", ".", ",", "0", 6), ("es", " ", ",", "0", 6), ("cs", "\u00a0", ",", "0", 6),
    ("id", ".", ",", "0", 6), ("ja", ",", ".", "0", 6), ("ja", "，", "．", "０", 6),
    ("ko", ",", ".", "0", 6), ("tl", ",", ".", "0", 6), ("ar", "٬", "٫", "٠", 6),
    ("ar", ",", ".", "0", 6), ("ar", "٬", "٫", "۰", 6), ("hi", ",", ".", "०", 6),
)  # fmt: skip


def written(number: Fraction, decimals: int, locale: tuple[str, str, str, str, int]) -> str:
    """Write a number as a locale does, grouped, with that many decimals."""
    _, group, decimal, zero, _ = locale
    digits = f"{abs(int(number * 10**decimals)):0{decimals + 1}}"
    whole, rest = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    text = f"{int(whole):,}".replace(",", group) + (decimal + rest if rest else "")
    shown = "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in text)
    return ("−" if number < 0 else "") + shown


@given(
    number=st.integers(-(10**15), 10**15),
    decimals=st.integers(0, 6),
    locale=st.sampled_from(LOCALES),
    around=st.sampled_from(
        ["{}", "{}.", "Das sind {} Euro", "**{}**", "答えは{}です", "({})", "{} %"]
    ),
)
def test_every_number_written_in_a_locale_is_read_back(number, decimals, locale, around):
    decimals = min(decimals, locale[4])
    exact = Fraction(number, 10**decimals)
    reply = around.format(written(exact, decimals, locale))
    assert answer_number(reply, locale[0]) == exact, reply


@given(
    text=st.text(
        st.sampled_from("0123456789 .,'/-+=eE$٫٬٣万千백十二三½:)(\n\\{}*boxdAntwr#"), max_size=80
    ),
    language=st.sampled_from(["de", "ja", "ar", "ko"]),
)
def test_any_text_gives_exact_numbers_or_none(text, language):
    number = answer_number(text, language)
    assert number is None or isinstance(number, Fraction)
    assert all(isinstance(found, Fraction) for found in find_numbers(text, language))


def test_lm_evals_own_filter_on_the_same_table():
    """How docs/student-tasks.md compares the two: the replies in the languages of MGSM."""
    import yaml
    from lm_eval.api.metrics import exact_match_hf_evaluate
    from lm_eval.filters.extraction import RegexFilter
    from lm_eval.tasks import __file__ as tasks

    source = (Path(tasks).parent / "mgsm" / "direct" / "direct_yaml").read_text(encoding="utf-8")
    flexible = yaml.safe_load(source)["filter_list"][1]["filter"][0]
    flexible.pop("function")
    rows = [
        (r, Fraction(n)) for lang, r, n in TABLE if n is not None and lang in {"de", "es", "ja"}
    ]
    replies = [[reply] for reply, _ in rows]
    found = [r[0] for r in RegexFilter(**flexible).apply(replies, [{}] * len(rows))]
    golds = [str(n) if n.denominator == 1 else str(float(n)) for _, n in rows]

    def right(number: str, gold: str) -> bool:
        scores = exact_match_hf_evaluate(
            [number], [gold], ignore_case=True, ignore_punctuation=True
        )
        return bool(scores["exact_match"])

    assert len(rows) == 142
    assert sum(map(right, found, golds)) == 91
    # punctuation is ignored, so that a wrong number counts as the right one
    assert right("1.8", "18")
    assert answer_number("1.8", "ja") != 18
