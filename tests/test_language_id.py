"""Language identification: what it must tell apart, and that it is py3langid's model."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest

from polyglot_harness import language_id
from polyglot_harness.language_id import CANDIDATES, UNDETERMINED, identify, prose
from polyglot_harness.languages import load_pack

LANGUAGES = ("ar", "cs", "de", "es", "id", "ja", "ko", "tl")
GOLD = [
    (code, text)
    for code in LANGUAGES
    for seed in load_pack(code).seeds
    for text in (seed.prompt, seed.response)
]
SENTENCES = {
    "ar": "يجتمع أفراد العائلة حول المائدة كل مساء ويتحدثون عن يومهم.",
    "ca": "Cada vespre la família s'asseu a taula i parla del que ha passat aquell dia.",
    "cs": "Každý večer se rodina schází u stolu a povídá si o tom, co se přes den stalo.",
    "de": "Jeden Abend sitzt die Familie am Tisch und redet über das, was geschehen ist.",
    "en": "Every evening the family sits down at the table and talks about the day.",
    "es": "Cada noche la familia se sienta a la mesa y habla de lo que ha pasado ese día.",
    "gl": "Todas as noites a familia senta á mesa e fala do que aconteceu ao longo do día.",
    "id": "Setiap malam keluarga itu duduk di meja makan dan bercerita tentang hari mereka.",
    "ja": "毎晩、家族は食卓を囲み、その日にあったことを話し合います。",
    "jv": "Saben bengi kulawarga iku padha lungguh ing meja lan crita bab dina kuwi.",
    "ko": "저녁마다 가족은 식탁에 둘러앉아 그날 있었던 일을 이야기합니다.",
    "pt": "Todas as noites a família senta-se à mesa e fala do que aconteceu nesse dia.",
    "sk": "Každý večer sa rodina stretáva pri stole a rozpráva sa o tom, čo sa cez deň stalo.",
    "tl": "Tuwing gabi, nagtitipon ang pamilya sa hapag at nag-uusap tungkol sa kanilang araw.",
    "zh": "每天晚上，全家人围坐在餐桌旁，谈论这一天发生的事情。",
}
NEIGHBOURS = [
    ("cs", "sk"), ("es", "ca"), ("es", "gl"), ("es", "pt"), ("id", "jv"), ("id", "tl"),
    ("ja", "zh"), ("tl", "id"),
]  # fmt: skip
CODE = (
    "```python\n" + "".join(f"result_{i} = compute(price, discount)\n" for i in range(30)) + "```"
)


@pytest.mark.parametrize("code", SENTENCES)
def test_sentences(code):
    assert identify(SENTENCES[code]) == code
    assert identify(SENTENCES[code], code) == code


@pytest.mark.parametrize(("wanted", "other"), NEIGHBOURS)
def test_a_neighbour_is_not_taken_for_the_wanted_language(wanted, other):
    assert identify(SENTENCES[other], wanted) == other


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_gold_text_is_refused(code):
    assert [text for own, text in GOLD if own == code and identify(text, code) != code] == []


def test_the_loop_gives_what_py3langid_gives():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(CANDIDATES)
    texts = [text for _, text in GOLD]
    texts += [text[:20] for text in texts] + [text.upper()[:60] for text in texts]
    short = [t for t in texts if prose(t) == t and len(t.encode()) <= language_id.MAX_BYTES]
    assert len(short) > 1500
    assert [identify(t) for t in short] == [identifier.classify(t)[0] for t in short]


def test_the_wanted_language_has_the_benefit_of_the_doubt(monkeypatch):
    text = "Praha a Brno"  # the same in Slovak
    assert identify(text) == "sk"
    assert identify(text, "cs") == "cs"
    assert identify(text, "de") == "sk"
    monkeypatch.setattr(language_id, "BENEFIT_OF_DOUBT", 1.0)
    assert identify(text, "cs") == "sk"


@pytest.mark.parametrize("code", LANGUAGES)
def test_code_and_addresses_are_left_out(code):
    text = SENTENCES[code]
    cut_off = CODE.removesuffix("```")
    link = "https://www.example.com/the/family/sits/down/at/the/table?and=talks&about=the-day"
    for other in (f"{CODE}\n{text}\n{CODE}", f"{text}\n{cut_off}", f"{text} {link} {link}"):
        assert identify(other, code) == code


def test_a_text_that_is_nothing_but_code_is_read():
    assert not any(map(str.isalpha, prose(CODE)))
    assert identify(CODE, "ja") != "ja"


@pytest.mark.parametrize("code", ["ar", "ja"])
def test_names_in_latin_letters(code):
    names = " Toyota Corolla, New York Times, Leonardo DiCaprio, GitHub Copilot 2.0 "
    middle = len(SENTENCES[code]) // 2
    text = SENTENCES[code][:middle] + names + SENTENCES[code][middle:]
    assert identify(text, code) == code


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_long_text_is_judged_by_what_most_of_it_is(code):
    own, english = (" ".join([SENTENCES[c]] * 100) for c in (code, "en"))
    beginning = own[: len(english) // 10]
    assert identify(own, code) == code
    assert identify(beginning + english, code) == "en"
    assert identify(english + beginning, code) == "en"
    assert identify(english[: len(own) // 10] + own, code) == code


@pytest.mark.parametrize("text", ["", "😀😀😀", "12 + 7 = 19"])
def test_nothing_to_tell_by(text):
    assert identify(text) == UNDETERMINED
    assert identify(text, "de") == "de"


def test_composed_or_not_in_capitals_or_not():
    for code in ("cs", "de", "es"):
        text = SENTENCES[code]
        assert identify(unicodedata.normalize("NFD", text)) == identify(text.upper()) == code
    assert identify("\ud800 " + SENTENCES["de"]) == "de"


def test_candidates_share_one_table_of_weights():
    tables = {id(language_id._table(code)) for code in (None, *LANGUAGES)}
    assert len(tables) == 1
    assert language_id._table("sw") is not language_id._table("de")


def test_another_process_says_the_same():
    texts = [text[:15] for _, text in GOLD[::7]]
    script = (
        "import sys\n"
        "from polyglot_harness.language_id import identify\n"
        "sys.stdin.reconfigure(encoding='utf-8')\n"
        "print(' '.join(identify(t) for t in sys.stdin.read().split('\\x00')))"
    )
    other = subprocess.run(
        [sys.executable, "-c", script],
        input="\x00".join(texts).encode(),
        capture_output=True,
        check=True,
    )
    assert other.stdout.decode().split() == [identify(text) for text in texts]
