"""Checks: which replies become examples, and the reasons of those that do not."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, get_args

import pytest
from replies import LANGUAGES, PROMPT, RESPONSE, accepted, document, languages, reason, rejected

from polyglot_harness.languages import load_pack
from polyglot_harness.lm.exchange import FinishReason
from polyglot_harness.spec import Checks, Rejection
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.checks import (
    REPEATED,
    reject,
    repetition,
    repetitive,
    similar,
)
from polyglot_harness.strategies.documents import documents
from polyglot_harness.strategies.refusals import ENGLISH, refused

SHOUT = "Hurra, hurra, hurra, hurra, hurra, hurra, hurra!"
ENGLISH_PROMPT = "Name three animals that live in the woods, and describe one of them."
NUMBERED = "\n".join(f"{i}. Der Wald ist schön, und alle Tiere leben gern darin." for i in range(9))
REASONS = [
    ("empty", "", "de", "generate", ""),
    ("empty", "", "de", "respond", " \n "),
    ("empty", "", "de", "translate", "\n"),
    ("empty", "", "de", "respond", "Antwort:"),
    ("empty", "", "de", "respond", "<think>Was nun?</think>"),
    ("empty", "", "es", "generate", "Tarea: Escribe una frase sobre el mar.\nRespuesta:"),
    ("unparsable", "", "de", "generate", "Gerne! Hier ist eine neue Aufgabe über Tiere im Wald."),
    ("unparsable", "", "de", "generate", f"Aufgabe: {PROMPT}"),
    ("unparsable", "placeholder", "de", "generate", "Aufgabe: <die Aufgabe>\nAntwort: " + RESPONSE),
    ("unparsable", "placeholder", "de", "generate", f"Aufgabe: {PROMPT}\nAntwort: <die Antwort>"),
    ("unparsable", "placeholder", "de", "respond", "<hier steht die Antwort>"),
    ("unparsable", "", "de", "generate", '{"prompt": ' + "[" * 50_000),
    ("unparsable", "response is no text", "de", "generate", '{"prompt": ' + "9" * 5000),
    ("missing_prompt", "", "id", "generate", "Jawaban: Hutan itu luas dan penuh pohon besar."),
    ("missing_prompt", "", "de", "translate", f"Aufgabe:\nAntwort: {RESPONSE}"),
    ("missing_prompt", "6 characters", "de", "generate", f"Aufgabe: Tiere?\nAntwort: {RESPONSE}"),
    ("wrong_language", "en", "cs", "respond", "The bridge was built by the king of the land."),
    ("wrong_language", "es", "de", "respond", "La respuesta es que el puente fue construido ayer."),
    ("wrong_language", "zh", "ja", "respond", "森林里住着很多动物，例如鹿、狐狸和猫头鹰。"),
    ("wrong_language", "prompt: en", "de", "generate", f"{ENGLISH_PROMPT}\nAntwort: {RESPONSE}"),
    ("wrong_language", "en", "de", "generate", f"{PROMPT}\nAntwort: {ENGLISH_PROMPT}"),
    ("too_short", "7 characters", "es", "respond", "Sí, así"),
    ("too_short", "7 characters", "de", "respond", "Sieben."),
    ("too_short", "7 characters", "ja", "respond", "はい、そうです"),
    ("too_short", "20 characters", "ja", "respond", "-" * 20),
    ("too_long", "16001 characters", "de", "respond", "a" * 16_001),
    ("too_long", "64001 characters", "de", "generate", "{" * 64_001),
    ("too_long", "prompt: 16001 characters", "de", "generate",
     f"Aufgabe: {'b' * 16_001}\nAntwort: {RESPONSE}"),
    ("repetitive", "hurra, ", "de", "respond", SHOUT.lower()),
    ("repetitive", "نعم ", "ar", "respond", "نعم نعم نعم نعم نعم نعم نعم نعم نعم"),
    ("repetitive", "compresses 5.6 times", "de", "respond", NUMBERED),
    ("repetitive", "prompt: urra, h", "de", "generate", f"Aufgabe: {SHOUT}\nAntwort: {RESPONSE}"),
    ("refusal", "As an AI language model", "de", "respond", "As an AI language model, I do not."),
    ("refusal", "I'm sorry, but I can't * that", "de", "generate",
     "I'm sorry, but I can’t assist with that request."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "detail", "language", "strategy", "reply"),
    REASONS,
    ids=[f"{row[0]}-{i}" for i, row in enumerate(REASONS)],
)
def test_reasons(expected: str, detail: str, language: str, strategy: str, reply: str) -> None:
    found = rejected(reply, document(language, strategy))
    assert (found.reason, found.detail) == (expected, detail)


def test_eight_characters_are_an_answer() -> None:
    assert accepted("Sí, así.", document("es", "respond")).response == "Sí, así."
    assert accepted("12345678", document("de", "respond")).response == "12345678"


@pytest.mark.parametrize(
    ("checks", "reply", "without", "with_"),
    [
        (Checks(language=False), "The bridge was built by the king.", "wrong_language", ""),
        (Checks(refusal=False), "Als KI-Modell weiß ich das nicht.", "refusal", ""),
        (Checks(min_characters=3), "Ja, ja.", "too_short", ""),
        (Checks(min_characters=40), "Der Wald ist groß und schön.", "", "too_short"),
        (Checks(max_characters=20), "Der Wald ist groß und schön.", "", "too_long"),
        (Checks(max_compression=8.0), NUMBERED, "repetitive", ""),
        (Checks(max_compression=1.1), RESPONSE * 2, "", "repetitive"),
    ],
)
def test_thresholds(checks: Checks, reply: str, without: str, with_: str) -> None:
    asked = document("de", "respond")
    for settings, expected in (({}, without), ({"checks": checks}, with_)):
        outcome = parse(reply, asked, refusals=load_pack("de").refusals, **settings)
        assert getattr(outcome, "reason", "") == expected


def test_the_limit_of_similarity() -> None:
    asked = document("de", "refine", given_response=RESPONSE)
    changed = RESPONSE.replace("hört sehr gut", "schläft am Tag")
    assert accepted(changed, asked).response == changed
    assert reason(changed, asked, checks=Checks(max_similarity=0.7)) == "source_copied"
    assert reason(RESPONSE, asked, checks=Checks(max_similarity=1.0)) == "source_copied"


# --- copies ------------------------------------------------------------------------------------


@languages
def test_a_copied_seed_is_no_new_prompt(language: str) -> None:
    asked = document(language)
    pack = load_pack(language)
    shot = next(s for s in pack.seeds if s.prompt == asked["shot_prompts"][1])
    p, r = asked["prompt_label"], asked["response_label"]
    found = rejected(f"{p}: {shot.prompt}\n{r}: {shot.response}", asked)
    assert (found.reason, found.detail) == ("seed_copied", shot.id)
    # another seed of the pack is not one that was shown
    other = next(s for s in pack.seeds if s.prompt not in asked["shot_prompts"])
    assert accepted(f"{p}: {other.prompt}\n{r}: {other.response}", asked).prompt == other.prompt
    found = rejected(f"{p}: {other.prompt}\n{r}: {shot.response.upper()}", asked)
    assert (found.reason, found.detail) == ("seed_copied", shot.id)


def test_an_english_prompt_left_as_it_was() -> None:
    asked = document("es", "translate")
    answer = "En el bosque viven ciervos, zorros y búhos que cazan de noche."
    reply = f"Tarea: {asked['prompt']}\nRespuesta: {answer}"
    assert reason(reply, asked) == "source_copied"
    assert reason(reply.replace(".", " .").upper(), asked) == "source_copied"


@languages
def test_a_given_response_is_no_better_one(language: str) -> None:
    asked = document(language, "refine")
    for copy in (asked["given_response"], f"{asked['response_label']}: {asked['given_response']} "):
        found = rejected(copy, asked)
        assert (found.reason, found.detail) == ("source_copied", asked["seed_id"])


@languages
def test_an_echo_is_no_response(language: str) -> None:
    asked = document(language, "respond")
    assert reason(asked["prompt"], asked) == "prompt_echoed"
    assert reason(f"{asked['response_label']}:  {asked['prompt']} ", asked) == "prompt_echoed"


# --- how a reply ended -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "reply", "expected"),
    [
        ("de", "Der Wald ist groß. Er ist auch", "Der Wald ist groß."),
        ("de", "Er rief: „Komm!“ Und dann lief er", "Er rief: „Komm!“"),
        ("de", "Das kostet 3.50 Euro im Laden. Aber morgen", "Das kostet 3.50 Euro im Laden."),
        ("de", "Der Wald ist groß.", "Der Wald ist groß."),
        ("ja", "日本でいちばん高い山は富士山です。二番目は", "日本でいちばん高い山は富士山です。"),
        ("ja", "「こんにちは、お元気ですか。」と彼は", "「こんにちは、お元気ですか。」"),
        ("ar", "هل هذا هو الكتاب الجديد؟ نعم هو", "هل هذا هو الكتاب الجديد؟"),
    ],
)
def test_a_truncated_response_is_cut_back_to_a_sentence(
    language: str, reply: str, expected: str
) -> None:
    asked = document(language, "respond", finish_reason="length")
    example = accepted(reply, asked)
    assert (example.response, example.finish_reason) == (expected, "length")
    # what ended by itself is left as it is
    assert accepted(reply, asked | {"finish_reason": "stop"}).response == reply


def test_a_truncated_response_without_a_sentence_is_rejected() -> None:
    asked = document("de", "respond", finish_reason="length")
    assert reason("Der Wald ist groß und schön und kostet 3.50 Euro, und", asked) == "truncated"
    asked = document("de", "generate", finish_reason="length")
    assert reason(f"Aufgabe: {PROMPT}\nAntwort: Im Wald leben Rehe und", asked) == "truncated"


@pytest.mark.parametrize("ended", get_args(FinishReason))
def test_every_finish_reason_has_an_outcome(ended: str) -> None:
    outcome = parse(RESPONSE, document("de", "respond", finish_reason=ended, attempt=3))
    assert outcome.attempt == 3
    expected = {"content_filter": "refusal", "prompt_truncated": "prompt_truncated"}
    if ended in expected:
        assert isinstance(outcome, Rejection) and outcome.reason == expected[ended]
    else:
        assert getattr(outcome, "finish_reason", None) == ended


def test_a_rejection_of_the_engine() -> None:
    found = reject("backend_error", "", document(attempt=2), detail="HTTP 500")
    assert (found.reason, found.detail, found.attempt) == ("backend_error", "HTTP 500", 2)


# --- repetition and similarity -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Eins, zwei, drei, vier, fünf, sechs, sieben.", False),
        ("ha" * 4, False),
        ("ha" * 5, True),
        ("なぜならば、" * 5, True),
        ("Noch ein Satz. " * 4, False),
        ("Noch ein Satz. " * 5, True),
        ("Dieser Satz hat genau vierzig Zeichen!! " * 5, True),
        ("a b c d e f g h i j k l m n o p", False),
        ("-" * 30 + "\n" + "1 000 000 000 000 000 000", False),
        (RESPONSE, False),
        (f"{RESPONSE}\n" * 2, False),
        (f"{RESPONSE}\n" * 12, True),
    ],
)
def test_repetition(text: str, expected: bool) -> None:
    assert repetitive(text) is expected


@languages
def test_the_short_search_for_repeats_finds_what_the_long_one_does(language: str) -> None:
    def long_search(text: str) -> bool:
        return any(any(map(str.isalpha, m[1])) for m in REPEATED.finditer(text))

    texts = [s.response for s in load_pack(language).seeds]
    for text, other in pairwise(texts):
        for length in (2, 3, 6, 7, 8, 20, 39, 40):
            for times in (4, 5, 6):
                mixed = text[:60] + other[:length] * times + other[:50]
                # nothing but the search for repeats is asked
                assert bool(repetition(mixed, 1e9)) == long_search(mixed), mixed


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("Wie heißt du?", "wie  heißt\ndu?", True),
        ("0123456789" * 2, "0123456789" * 2 + "x", True),  # 2 * 20 / 41 = 0.976
        ("abcdefghi", "abcdefghx", False),  # 16 / 18 = 0.889
        ("abcdefghijklmnopqrst", "abcdefghijklmnopqrsx", True),  # 38 / 40 = 0.95
        ("abcdefghij", "abcdefghix", False),  # 18 / 20 = 0.9 is not more than 0.9
        ("abcdefghijk", "kjihgfedcba", False),
        ("", "x", False),
        ("", "", True),
    ],
)
def test_similarity(a: str, b: str, expected: bool) -> None:
    assert similar(a, b) is expected
    assert similar(b, a) is expected


@languages
def test_similarity_means_what_matching_blocks_mean(language: str) -> None:
    """All seeds against each other, and each against itself with more and more of it replaced."""

    def blocks(a: str, b: str) -> float:
        a, b = (" ".join(text.lower().split()) for text in (a, b))
        return SequenceMatcher(None, a, b, autojunk=False).ratio()

    seeds = load_pack(language).seeds[:12]
    texts = [t for s in seeds for t in (s.prompt, s.response[:120])]
    pairs = [(a, b) for i, a in enumerate(texts) for b in texts[:i]]
    pairs += [(t, t[:-k] + o[-k:]) for t, o in pairwise(texts) for k in range(1, len(t) // 4, 3)]
    pairs += [(t, t[:k] + o[:k] + t[k:]) for t, o in pairwise(texts) for k in range(1, 12)]
    expected = [blocks(a, b) > 0.9 for a, b in pairs]
    assert [similar(a, b) for a, b in pairs] == expected
    assert 200 < sum(expected) < len(pairs) - 200


# --- refusals ----------------------------------------------------------------------------------

REFUSALS = [
    ("de", "Es tut mir leid, aber ich kann Ihnen dabei leider nicht helfen."),
    ("de", "Als KI-Sprachmodell habe ich keine Gefühle, aber ich kann zuhören."),
    ("de", "**Als KI** kann ich keine Mails verschicken."),
    ("de", "Leider kann ich diese Anfrage nicht bearbeiten."),
    ("es", "Lo siento, pero no puedo ayudarte con esa solicitud."),
    ("es", "LO SIENTO. NO PUEDO AYUDARLE CON ESO."),
    ("es", "Como modelo de lenguaje, no tengo opiniones propias."),
    ("cs", "Omlouvám se, ale s tím vám bohužel nemohu pomoci."),
    ("cs", "Jako umělá inteligence nemám vlastní zkušenosti."),
    ("cs", "Omlouvam se, ale nemohu na tuto otazku odpovedet."),
    ("id", "Maaf, tetapi saya tidak dapat memenuhi permintaan itu."),
    ("id", "Sebagai model bahasa, saya tidak memiliki perasaan."),
    ("ar", "عذرًا، لا يمكنني مساعدتك في هذا الطلب."),
    ("ar", "عذرا، ولكن لا أستطيع مساعدتك في هذا الأمر."),
    ("ar", "بصفتي نموذجًا لغويًا، ليس لدي مشاعر."),
    ("ja", "申し訳ありませんが、そのご依頼にはお手伝いできません。"),
    ("ja", "申し訳ありませんがそのリクエストにはお応えできません。"),
    ("ja", "AI言語モデルとして、私は感情を持っていません。"),
    ("ja", "私はAIなので、食べ物の味は分かりません。"),
    ("de", "I’m sorry, but I can't help with that."),
    ("es", "I'm sorry, but I cannot fulfill your request."),
    ("ja", "As an AI, I do not have personal opinions."),
    ("cs", "Sorry, I can't do that."),
]
ANSWERS = [
    ("de", "Es tut mir leid, dass ich gestern zu spät gekommen bin. Ich konnte dir nicht helfen."),
    ("de", "Es tut mir leid, aber ich kann am Samstag nicht zu deiner Feier kommen."),
    ("de", "Leider kann ich diese Woche nicht zum Training kommen, weil ich krank bin."),
    ("de", "Als KI bezeichnet man Systeme, die lernen und Schlüsse ziehen."),
    ("de", "Als KI-Sprachmodelle bezeichnet man Systeme, die Texte fortsetzen."),
    ("de", "Ich kannte einen Mann, dem damals dabei niemand helfen wollte."),
    ("es", "Lo siento mucho, pero no puedo ir a tu fiesta el sábado porque trabajo."),
    ("es", "Siento haber llegado tarde ayer. No volverá a pasar."),
    ("es", "Como inteligencia artificial se conoce la capacidad de una máquina de aprender."),
    ("cs", "Omlouvám se, že jsem přišel pozdě. Příště zavolám předem."),
    ("cs", "Bohužel nemohu v sobotu přijít na oslavu, protože pracuji."),
    ("cs", "Jako AI označujeme systémy, které se učí z dat."),
    ("id", "Maaf, saya tidak bisa datang ke pestamu hari Sabtu karena harus bekerja."),
    ("id", "Sebagai model, ia sering tampil di majalah."),
    ("ar", "أنا آسف لأنني تأخرت أمس، ولن يتكرر ذلك."),
    ("ar", "عذرًا، لا أستطيع الحضور إلى الحفلة يوم السبت."),
    ("ja", "申し訳ありませんが、土曜日のパーティーには出席できません。"),
    ("ja", "AIとして知られる技術は、データから学習します。"),
    ("ja", "すみません、駅はどこですか。"),
]


@pytest.mark.parametrize(("language", "reply"), REFUSALS)
def test_refusals(language: str, reply: str) -> None:
    pack = load_pack(language)
    asked = document(language, "respond")
    found = rejected(reply, asked, refusals=pack.refusals)
    assert found.reason == "refusal" and found.detail in (*ENGLISH, *pack.refusals)
    # of a reply that cannot be read this is the better reason
    assert reason(reply, document(language), refusals=pack.refusals) == "refusal"
    assert reason(reply, document(language), checks=Checks(refusal=False)) == "unparsable"


@pytest.mark.parametrize(("language", "reply"), ANSWERS)
def test_apologies_and_explanations_are_no_refusals(language: str, reply: str) -> None:
    asked = document(language, "respond")
    assert accepted(reply, asked, refusals=load_pack(language).refusals).response == reply


def test_a_refusal_stands_at_the_beginning() -> None:
    reply = "Der Roboter im Film sagt: Als KI-Sprachmodell habe ich keine Gefühle."
    assert not refused(reply, load_pack("de").refusals)
    assert refused(f"  „{reply.split(': ')[1]}“", load_pack("de").refusals)


@languages
def test_refusals_of_a_pack(language: str) -> None:
    refusals = load_pack(language).refusals
    assert 12 <= len(refusals) == len(set(refusals)) <= 25
    for phrase in (*ENGLISH, *refusals):
        # each is found by itself, and not behind a text
        text = phrase.replace(" * ", " xy ").replace("*", "")
        assert refused(text, refusals), phrase
        assert not refused(f"Mmm {text}", refusals), phrase


@languages
def test_no_gold_text_is_a_refusal(language: str) -> None:
    for other in LANGUAGES:
        for seed in load_pack(other).seeds:
            for text in (seed.prompt, seed.response):
                assert not refused(text, load_pack(language).refusals), seed.id


# --- the hand-written data pass their own checks -----------------------------------------------


@languages
@pytest.mark.parametrize("end", ["stop", "length"])
def test_gold_responses_are_accepted_as_they_are(language: str, end: str) -> None:
    pack = load_pack(language)
    asked = [d | {"finish_reason": end} for d in documents(pack, "respond", None)]
    gold = {s.id: s.response for s in pack.seeds}
    settings: dict[str, Any] = {"refusals": pack.refusals}
    assert [accepted(gold[d["seed_id"]], d, **settings).response for d in asked] == [
        gold[d["seed_id"]] for d in asked
    ]


@languages
def test_gold_examples_are_accepted_as_generated_ones(language: str) -> None:
    pack = load_pack(language)
    asked = documents(pack, "generate", 1)[0] | {"shot_prompts": [], "shot_responses": []}
    p, r = pack.labels.prompt, pack.labels.response
    for seed in pack.seeds:
        example = accepted(f"{p}: {seed.prompt}\n{r}: {seed.response}", asked)
        assert re.sub(r"\s+", "", example.prompt + example.response) == re.sub(
            r"\s+", "", seed.prompt + seed.response
        )
