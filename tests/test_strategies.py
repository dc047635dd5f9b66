"""Documents (what a teacher is asked) and parsing (what becomes of its reply)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2.exceptions import SecurityError

from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import english_prompts, load_pack
from polyglot_harness.lm.teach import EXAMPLES, REJECTIONS, sort_replies
from polyglot_harness.spec import STRATEGIES, Example, Rejection
from polyglot_harness.strategies import DESCRIPTIONS, parse
from polyglot_harness.strategies.checks import repetitive, similar
from polyglot_harness.strategies.documents import FORMS, _template, documents, stop_sequences

LANGUAGES = ("ar", "cs", "de", "es", "id", "ja")
GERMAN_PACK = load_pack("de")
Document = dict[str, Any]

languages = pytest.mark.parametrize("language", LANGUAGES)
strategies = pytest.mark.parametrize("strategy", STRATEGIES)
forms = pytest.mark.parametrize("form", FORMS)


def document(language: str = "de", strategy: str = "generate", **changes: Any) -> Document:
    form = changes.pop("form", "chat")
    return {**documents(load_pack(language), strategy, 1, form=form)[0], **changes}


def reason(reply: str, asked: Document) -> str:
    outcome = parse(reply, asked)
    assert isinstance(outcome, Rejection)
    assert (outcome.id, outcome.reply) == (asked["id"], reply)
    assert (outcome.language, outcome.strategy) == (asked["language"], asked["strategy"])
    return outcome.reason


def accepted(reply: str, asked: Document) -> Example:
    outcome = parse(reply, asked)
    assert isinstance(outcome, Example), outcome
    return outcome


# --- documents ---------------------------------------------------------------------------------


@languages
@strategies
def test_the_first_documents_do_not_depend_on_their_number(language: str, strategy: str) -> None:
    pack = load_pack(language)
    many = documents(pack, strategy, 100, seed=7)
    assert many == documents(pack, strategy, 100, seed=7)
    for n in (1, 2, 65, 99):
        assert documents(pack, strategy, n, seed=7) == many[:n]
    assert [d["id"] for d in many[:2]] == [
        f"{language}-{strategy}-7-000000",
        f"{language}-{strategy}-7-000001",
    ]
    assert len({d["id"] for d in many}) == 100


@strategies
def test_the_seed_decides_order_and_shots(strategy: str) -> None:
    pack = load_pack("es")
    a, b = (documents(pack, strategy, 20, seed=seed) for seed in (1, 2))
    assert [d["seed_id"] for d in a] != [d["seed_id"] for d in b]
    assert [d["shot_prompts"] for d in a] != [d["shot_prompts"] for d in b]


def test_the_default_number_is_one_a_prompt() -> None:
    pack = load_pack("id")
    found = {name: documents(pack, name, None) for name in STRATEGIES}
    seeds = sorted(s.id for s in pack.seeds)
    assert sorted(d["seed_id"] for d in found["respond"]) == seeds
    assert sorted(d["seed_id"] for d in found["translate"]) == sorted(
        p.id for p in english_prompts()
    )
    assert len(found["generate"]) == len(seeds)


def test_prompts_come_round_again_with_other_shots() -> None:
    pack = load_pack("ja")
    n = len(pack.seeds)
    found = documents(pack, "respond", 2 * n)
    assert [d["seed_id"] for d in found[:n]] == [d["seed_id"] for d in found[n:]]
    assert [d["shot_prompts"] for d in found[:n]] != [d["shot_prompts"] for d in found[n:]]


@languages
@strategies
@forms
def test_every_document_asks_for_what_its_strategy_says(
    language: str, strategy: str, form: str
) -> None:
    pack = load_pack(language)
    by_id = {s.id: s for s in pack.seeds}
    by_prompt = {s.prompt: s for s in pack.seeds}
    for asked in documents(pack, strategy, 80, seed=3, form=form):
        text, shots = asked["text"], asked["shot_prompts"]
        assert len(set(shots)) == 3
        assert set(shots) <= set(by_prompt)
        assert "{{" not in text
        assert (asked["form"], asked["strategy"]) == (form, strategy)
        label, answer = f"{pack.labels.prompt}:", f"{pack.labels.response}:"
        if strategy == "generate":
            assert asked["prompt"] == ""
            assert asked["seed_id"] == "+".join(by_prompt[p].id for p in shots)
        else:
            assert asked["prompt"] in text
            assert asked["prompt"] not in shots
        if strategy == "respond":
            assert asked["prompt"] == by_id[asked["seed_id"]].prompt
            if form == "chat":
                assert text == asked["prompt"]
        if form == "chat":
            assert text == text.strip()
            if strategy != "respond":
                used = shots if strategy == "generate" else shots[:1]
                assert all(f"{label} {prompt}\n{answer} " in text for prompt in used)
                assert f"Write only in {pack.name}" in text
        else:
            assert all(f"{label} {prompt}\n{answer} " in text for prompt in shots)
            # three examples, then the one to be completed: a blank line stands between examples
            assert len(text.split("\n\n")) == 4
            assert text.endswith(f"\n{answer}" if strategy == "respond" else f"\n{label}")


def test_a_rendered_document_word_by_word() -> None:
    pack = load_pack("de").model_copy(update={"seeds": load_pack("de").seeds[:4]})
    short = [
        seed.model_copy(update={"prompt": f"P{i}", "prompt_en": f"E{i}", "response": f"R{i}\n\nS"})
        for i, seed in enumerate(pack.seeds)
    ]
    pack = pack.model_copy(update={"seeds": tuple(short)})
    asked = documents(pack, "respond", 1, form="completion")[0]
    a, b, c = (prompt[1] for prompt in asked["shot_prompts"])
    own = asked["prompt"]
    assert {f"P{a}", f"P{b}", f"P{c}", own} == {"P0", "P1", "P2", "P3"}
    # the blank line inside a seed is closed up, for it would end the example
    assert asked["text"] == (
        f"Aufgabe: P{a}\nAntwort: R{a}\nS\n\n"
        f"Aufgabe: P{b}\nAntwort: R{b}\nS\n\n"
        f"Aufgabe: P{c}\nAntwort: R{c}\nS\n\n"
        f"Aufgabe: {own}\nAntwort:"
    )
    asked = documents(pack, "translate", 1, form="chat")[0]
    a = asked["shot_prompts"][0][1]
    assert asked["text"] == (
        "Translate this task from English to German. Then answer it in German. "
        "Write only in German, in this form:\n"
        "Aufgabe: <the translated task>\nAntwort: <the answer in German>\n\n"
        f"Example:\nEnglish: E{a}\nAufgabe: P{a}\nAntwort: R{a}\nS\n\n"
        f"English: {asked['prompt']}"
    )


@languages
def test_stop_sequences(language: str) -> None:
    pack = load_pack(language)
    assert stop_sequences(pack, "chat") == []
    assert stop_sequences(pack, "completion") == [
        "\n\n",
        f"\n{pack.labels.prompt}:",
        "\nEnglish:",
    ]


@pytest.mark.parametrize(
    ("strategy", "form", "message"),
    [
        (
            "translat",
            "chat",
            "unknown strategy 'translat' (did you mean 'translate'?); "
            "valid: generate, respond, translate",
        ),
        ("respond", "html", "unknown form 'html'; valid: chat, completion"),
    ],
)
def test_unknown_names_list_the_valid_ones(strategy: str, form: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        documents(load_pack("de"), strategy, 1, form=form)
    assert str(caught.value) == message


def test_parsing_refuses_an_unknown_strategy() -> None:
    with pytest.raises(ConfigError, match="unknown strategy 'invent'; valid: generate, respond"):
        parse("Hallo", document(strategy="respond") | {"strategy": "invent"})


def test_three_seeds_are_too_few() -> None:
    pack = load_pack("de")
    with pytest.raises(ConfigError, match=r"seeds\.jsonl: needs more than 3 seeds$"):
        documents(pack.model_copy(update={"seeds": pack.seeds[:3]}), "generate", 1)


def test_every_strategy_is_described() -> None:
    assert list(DESCRIPTIONS) == list(STRATEGIES)
    assert all(text.endswith(".") and "\n" not in text for text in DESCRIPTIONS.values())


# --- the sandbox -------------------------------------------------------------------------------


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose template file is used in place of the real one."""
    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))
    _template.cache_clear()
    yield tmp_path / "_teach_templates.toml"
    _template.cache_clear()


@pytest.mark.parametrize(
    "expression",
    [
        "shots[0].__class__.__mro__",
        "shots.__class__",
        "''.__class__.__base__.__subclasses__()",
        "prompt.__init__.__globals__",
        "self.__init__.__globals__",
        "cycler.__init__.__globals__.os.popen('id').read()",
        "shots.append(1)",
        "shots[0].update(prompt='x')",
    ],
)
def test_a_template_cannot_reach_python(templates: Path, expression: str) -> None:
    templates.write_text(f"[chat]\ngenerate = '''{{{{ {expression} }}}}'''\n", encoding="utf-8")
    with pytest.raises(SecurityError):
        documents(GERMAN_PACK, "generate", 1)


@pytest.mark.parametrize("attribute", ["parse_file", "model_construct", "copy.__self__"])
def test_a_template_does_not_see_records(templates: Path, attribute: str) -> None:
    templates.write_text(
        f"[chat]\ngenerate = '''{{{{ shots[0].{attribute} is defined }}}}'''\n", encoding="utf-8"
    )
    assert documents(GERMAN_PACK, "generate", 1)[0]["text"] == "False"


def test_a_missing_template_is_named(templates: Path) -> None:
    templates.write_text("[chat]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"_teach_templates\.toml: no template chat\.generate$"):
        documents(GERMAN_PACK, "generate", 1)


def test_braces_in_a_seed_are_text() -> None:
    pack = GERMAN_PACK
    seeds = tuple(s.model_copy(update={"prompt": f"{{{{ 6*7 }}}} {s.id}"}) for s in pack.seeds)
    asked = documents(pack.model_copy(update={"seeds": seeds}), "respond", 1)[0]
    assert asked["text"] == f"{{{{ 6*7 }}}} {asked['seed_id']}"


# --- taking prompt and response out of a reply -------------------------------------------------

PROMPT = "Nenne drei Tiere, die im Wald leben, und beschreibe eines davon."
RESPONSE = "Im Wald leben Rehe, Füchse und Eulen. Die Eule jagt nachts und hört sehr gut."
GERMAN = [
    (f"Aufgabe: {PROMPT}\nAntwort: {RESPONSE}", "both labels"),
    (f" {PROMPT}\nAntwort: {RESPONSE}", "the first label is in the request"),
    (f"{PROMPT}\n\nAntwort: {RESPONSE}", "a blank line before the response"),
    (f"{PROMPT} Antwort: {RESPONSE}", "on one line, after the end of a sentence"),
    (f"AUFGABE: {PROMPT}\nantwort : {RESPONSE}", "case and space"),
    (f"**Aufgabe:** {PROMPT}\n**Antwort:** {RESPONSE}", "bold, colon inside"),
    (f"**Aufgabe**: {PROMPT}\n\n**Antwort**: {RESPONSE}", "bold, colon outside"),
    (f"Aufgabe： {PROMPT}\nAntwort：{RESPONSE}", "full-width colons"),
    (f"Prompt: {PROMPT}\nResponse: {RESPONSE}", "English labels"),
    (f"Question: {PROMPT}\nAnswer: {RESPONSE}", "other English labels"),
    (f"Task: {PROMPT}\nAntwort: {RESPONSE}", "mixed labels"),
    (f"Aufgabe: {PROMPT}\nAntwort: {RESPONSE}\nAufgabe: Und noch", "a next example"),
    (f"Aufgabe: {PROMPT}\nAntwort: {RESPONSE}\n\nAufgabe: Und\nAntwort: So", "a whole next one"),
    (f"Aufgabe: {PROMPT}\nAntwort: {RESPONSE}\n\nEnglish: Name three", "a next English one"),
    (f"```\nAufgabe: {PROMPT}\nAntwort: {RESPONSE}\n```", "a code fence"),
    (f"```text\nAufgabe: {PROMPT}\nAntwort: {RESPONSE}\n```\nDone!", "text after a fence"),
    (f"```text\nAufgabe: {PROMPT}\nAntwort: {RESPONSE}", "a fence that is not closed"),
    (f'{{"prompt": "{PROMPT}", "response": "{RESPONSE}"}}', "a JSON object"),
    (f'{{"response": "{RESPONSE}", "prompt": "{PROMPT}", "n": 1}} Gern!', "more than it needs"),
    (f'```json\n{{"prompt": "{PROMPT}",\n "response": "{RESPONSE}"}}\n```', "fenced JSON"),
]


@pytest.mark.parametrize(("reply", "what"), GERMAN, ids=[what for _, what in GERMAN])
@pytest.mark.parametrize("strategy", ["generate", "translate"])
@forms
def test_prompt_and_response_of_a_reply(reply: str, what: str, strategy: str, form: str) -> None:
    asked = document(strategy=strategy, form=form)
    assert accepted(reply, asked) == Example(
        id=asked["id"],
        language="de",
        strategy=strategy,  # type: ignore[arg-type]
        seed_id=asked["seed_id"],
        prompt=PROMPT,
        response=RESPONSE,
        finish_reason="unknown",
    )


@pytest.mark.parametrize(
    ("language", "reply", "prompt", "response"),
    [
        (
            "ar",
            "السؤال: ما هي عاصمة المغرب وأين تقع؟\n"
            "الجواب: عاصمة المغرب هي مدينة الرباط، وتقع على المحيط.",
            "ما هي عاصمة المغرب وأين تقع؟",
            "عاصمة المغرب هي مدينة الرباط، وتقع على المحيط.",
        ),
        (
            "ar",
            "ما هي عاصمة المغرب وأين تقع؟\nالجواب : عاصمة المغرب هي مدينة الرباط، وتقع على المحيط.",
            "ما هي عاصمة المغرب وأين تقع؟",
            "عاصمة المغرب هي مدينة الرباط، وتقع على المحيط.",
        ),
        (
            "ja",
            "質問：日本でいちばん高い山は何ですか。\n回答：日本でいちばん高い山は富士山です。",
            "日本でいちばん高い山は何ですか。",
            "日本でいちばん高い山は富士山です。",
        ),
        (
            "ja",
            "日本でいちばん高い山は何ですか。回答：日本でいちばん高い山は富士山です。\n質問：次",
            "日本でいちばん高い山は何ですか。",
            "日本でいちばん高い山は富士山です。",
        ),
        (
            "cs",
            "**Úkol:** Napiš krátkou větu o zimě v horách.\n"
            "**Odpověď:** V zimě leží na horách sníh.",
            "Napiš krátkou větu o zimě v horách.",
            "V zimě leží na horách sníh.",
        ),
    ],
)
def test_labels_of_other_languages(language: str, reply: str, prompt: str, response: str) -> None:
    example = accepted(reply, document(language))
    assert (example.prompt, example.response) == (prompt, response)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (RESPONSE, RESPONSE),
        (f"  Antwort: {RESPONSE}\n", RESPONSE),
        (f"**Antwort:** {RESPONSE}", RESPONSE),
        (f"{RESPONSE}\nAufgabe: Noch eine", RESPONSE),
        (f"{RESPONSE}\n\nUnd Dachse gibt es auch.", f"{RESPONSE}\n\nUnd Dachse gibt es auch."),
        (f"Die Antwort: {RESPONSE}", f"Die Antwort: {RESPONSE}"),
    ],
)
def test_the_response_alone(reply: str, expected: str) -> None:
    asked = document(strategy="respond")
    example = accepted(reply, asked)
    assert (example.prompt, example.response) == (asked["prompt"], expected)


def test_a_blank_line_ends_a_completion_and_no_chat() -> None:
    reply = f"{RESPONSE}\n\nUnd Dachse gibt es auch."
    assert accepted(reply, document(strategy="respond")).response == reply
    completion = document(strategy="respond", form="completion")
    assert accepted(reply, completion).response == RESPONSE


# --- reasons for a rejection -------------------------------------------------------------------

SHOUT = "Hurra, hurra, hurra, hurra, hurra, hurra, hurra!"
ENGLISH = "Name three animals that live in the woods, and describe one of them."
NUMBERED = "\n".join(f"{i}. Der Wald ist schön, und alle Tiere leben gern darin." for i in range(9))
REASONS = [
    ("empty", "de", "generate", ""),
    ("empty", "de", "respond", " \n "),
    ("empty", "de", "translate", "\n"),
    ("empty", "de", "respond", "Antwort:"),
    ("empty", "es", "generate", "Tarea: Escribe una frase sobre el mar en invierno.\nRespuesta:"),
    ("empty", "de", "generate", f'{{"prompt": "{PROMPT}", "response": " "}}'),
    ("unparsable", "de", "generate", "Gerne! Hier ist eine neue Aufgabe über Tiere im Wald."),
    ("unparsable", "de", "generate", f"Aufgabe: {PROMPT}"),
    ("unparsable", "de", "generate", "Aufgabe: <die Aufgabe auf Deutsch>\nAntwort: " + RESPONSE),
    ("unparsable", "de", "generate", f"Aufgabe: {PROMPT}\nAntwort: <die Antwort auf Deutsch>"),
    ("unparsable", "de", "respond", "<hier steht die Antwort>"),
    ("unparsable", "de", "generate", '{"prompt": "Nenne drei Tiere", "resp'),
    ("unparsable", "de", "generate", '{"prompt": ["Nenne drei Tiere"], "response": 3}'),
    ("unparsable", "de", "generate", '{"prompt": ' + "[" * 100_000),
    ("unparsable", "de", "generate", '{"prompt": ' + "9" * 5000),
    ("unparsable", "de", "generate", f'{{"prompt": "{PROMPT} \\ud83d", "response": "{RESPONSE}"}}'),
    ("missing_prompt", "id", "generate", "Jawaban: Hutan itu sangat luas dan penuh pohon besar."),
    ("missing_prompt", "de", "translate", f"Aufgabe:\nAntwort: {RESPONSE}"),
    ("missing_prompt", "de", "generate", f"Aufgabe: Tiere?\nAntwort: {RESPONSE}"),
    ("wrong_language", "cs", "respond", "The answer is that the bridge was built by the king."),
    ("wrong_language", "de", "respond", "La respuesta es que el puente fue construido por el rey."),
    ("wrong_language", "ja", "respond", "森林里住着很多动物，例如鹿、狐狸和猫头鹰，它们晚上出来。"),
    ("wrong_language", "de", "generate", f"{ENGLISH}\nAntwort: {RESPONSE}"),
    ("wrong_language", "de", "generate", f"{PROMPT}\nAntwort: {ENGLISH}"),
    ("too_short", "es", "respond", "Sí, así"),
    ("too_short", "de", "respond", "Sieben."),
    ("too_short", "ja", "respond", "はい、そうです"),
    ("repetitive", "de", "respond", SHOUT),
    ("repetitive", "ar", "respond", "نعم نعم نعم نعم نعم نعم نعم نعم نعم"),
    ("repetitive", "de", "respond", NUMBERED),
    ("repetitive", "de", "generate", f"Aufgabe: {SHOUT}\nAntwort: {RESPONSE}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "language", "strategy", "reply"),
    REASONS,
    ids=[f"{row[0]}-{i}" for i, row in enumerate(REASONS)],
)
def test_reasons(expected: str, language: str, strategy: str, reply: str) -> None:
    assert reason(reply, document(language, strategy)) == expected


def test_eight_characters_are_an_answer() -> None:
    assert accepted("Sí, así.", document("es", "respond")).response == "Sí, así."
    assert accepted("12345678", document("de", "respond")).response == "12345678"


@languages
def test_a_copied_seed_is_no_new_prompt(language: str) -> None:
    asked = document(language)
    shot = next(s for s in load_pack(language).seeds if s.prompt == asked["shot_prompts"][1])
    p, r = asked["prompt_label"], asked["response_label"]
    assert reason(f"{p}: {shot.prompt}\n{r}: {shot.response}", asked) == "seed_copied"
    # another seed of the pack is not one that was shown
    other = next(s for s in load_pack(language).seeds if s.prompt not in asked["shot_prompts"])
    example = accepted(f"{p}: {other.prompt}\n{r}: {other.response}", asked)
    assert (example.prompt, example.response) == (other.prompt, other.response)


def test_a_seed_with_a_word_changed_is_a_copy() -> None:
    asked = document("de")
    shot = asked["shot_prompts"][0]
    assert len(shot) > 60
    changed = f"Aufgabe: {shot.upper()[:-1]}!\nAntwort: {RESPONSE}"
    assert reason(changed, asked) == "seed_copied"


def test_an_english_prompt_left_as_it_was() -> None:
    asked = document("es", "translate")
    answer = "En el bosque viven ciervos, zorros y búhos que cazan de noche."
    reply = f"Tarea: {asked['prompt']}\nRespuesta: {answer}"
    assert reason(reply, asked) == "source_copied"
    assert reason(reply.replace(".", " .").upper(), asked) == "source_copied"


@languages
def test_an_echo_is_no_response(language: str) -> None:
    asked = document(language, "respond")
    assert reason(asked["prompt"], asked) == "prompt_echoed"
    assert reason(f"{asked['response_label']}:  {asked['prompt']} ", asked) == "prompt_echoed"


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Eins, zwei, drei, vier, fünf, sechs, sieben.", False),
        ("ha" * 4, False),
        ("ha" * 5, True),
        ("なぜならば、" * 5, True),
        ("a b c d e f g h i j k l m n o p", False),
        (RESPONSE, False),
        (f"{RESPONSE}\n" * 2, False),
        (f"{RESPONSE}\n" * 12, True),
    ],
)
def test_repetition(text: str, expected: bool) -> None:
    assert repetitive(text) is expected


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


# --- all replies of a task ---------------------------------------------------------------------


def test_sorting_replies_writes_both_files_and_counts_reasons(tmp_path: Path) -> None:
    asked = documents(load_pack("de"), "generate", 6)
    good = f"Aufgabe: {PROMPT}\nAntwort: {RESPONSE}"
    texts = [good, "nichts", good.replace("drei", "vier"), good, good, ""]
    ends = ["stop", "stop", "unknown", "stop", "prompt_truncated", "stop"]
    rows = [
        {"id": d["id"], "reply": text, "finish_reason": end}
        for d, text, end in zip(asked, texts, ends, strict=True)
    ]
    counts = sort_replies(asked, reversed(rows), tmp_path)
    assert counts == {
        "requests": 6,
        "accepted": 2,
        "rejected_unparsable": 1,
        "rejected_duplicate": 1,
        "rejected_prompt_truncated": 1,
        "rejected_empty": 1,
    }
    lines = (tmp_path / EXAMPLES).read_text(encoding="utf-8").splitlines()
    examples = [Example.model_validate_json(line) for line in lines]
    assert [e.id for e in examples] == [asked[0]["id"], asked[2]["id"]]
    assert [e.finish_reason for e in examples] == ["stop", "unknown"]
    lines = (tmp_path / REJECTIONS).read_text(encoding="utf-8").splitlines()
    rejections = [Rejection.model_validate_json(line) for line in lines]
    assert [(r.id, r.reason, r.reply) for r in rejections] == [
        (asked[1]["id"], "unparsable", "nichts"),
        (asked[3]["id"], "duplicate", good),
        (asked[4]["id"], "prompt_truncated", good),
        (asked[5]["id"], "empty", ""),
    ]


def test_files_are_the_same_bytes_every_time_and_not_escaped(tmp_path: Path) -> None:
    asked = documents(load_pack("ja"), "respond", 1)
    rows = [
        {"id": asked[0]["id"], "reply": "富士山です。とても高いです。", "finish_reason": "stop"}
    ]
    sort_replies(asked, rows, tmp_path)
    first = (tmp_path / EXAMPLES).read_bytes()
    sort_replies(asked, rows, tmp_path)
    assert (tmp_path / EXAMPLES).read_bytes() == first
    assert "富士山です。とても高いです。".encode() in first
    assert (tmp_path / REJECTIONS).read_bytes() == b""


# --- the hand-written data pass their own checks -----------------------------------------------


@languages
@pytest.mark.parametrize("end", ["stop", "length"])
def test_gold_responses_are_accepted_as_they_are(language: str, end: str) -> None:
    pack = load_pack(language)
    asked = [d | {"finish_reason": end} for d in documents(pack, "respond", None)]
    gold = {s.id: s.response for s in pack.seeds}
    assert [accepted(gold[d["seed_id"]], d).response for d in asked] == [
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
