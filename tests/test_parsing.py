"""Parsing: taking prompt and response out of a reply, whatever it looks like."""

from __future__ import annotations

import json
import random

import pytest
from replies import LANGUAGES, PROMPT, RESPONSE, accepted, document, forms, reason, rejected

from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Checks, Example
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.checks import REASONS

JSON = json.dumps({"prompt": PROMPT, "response": RESPONSE}, ensure_ascii=False)
LABELS = f"Aufgabe: {PROMPT}\nAntwort: {RESPONSE}"

GERMAN = [
    (LABELS, "both labels"),
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
    (f"{LABELS}\nAufgabe: Und noch", "a next example"),
    (f"{LABELS}\n\nAufgabe: Und\nAntwort: So", "a whole next one"),
    (f"{LABELS}\n\nEnglish: Name three", "a next English one"),
    (f"```\n{LABELS}\n```", "a code fence"),
    (f"```text\n{LABELS}\n```\nDone!", "text after a fence"),
    (f"```text\n{LABELS}", "a fence that is not closed"),
    (f"<think>\nIch brauche Tiere.\n\nAufgabe: x\n</think>\n\n{LABELS}", "thoughts before labels"),
    (JSON, "a JSON object"),
    (f'{{"response": "{RESPONSE}", "prompt": "{PROMPT}", "n": 1}} Gern!', "more than it needs"),
    (f'{{"language": "de", "prompt": "{PROMPT}", "response": "{RESPONSE}"}}', "another key first"),
    (f'```json\n{{"prompt": "{PROMPT}",\n "response": "{RESPONSE}"}}\n```', "fenced JSON"),
    (f"Gern, hier ist sie:\n\n```json\n{JSON}\n```\n\nViel Spaß {{dabei}}!", "text around a fence"),
    (f"Die neue Aufgabe {{wie gewünscht}}:\n{JSON}", "text before, with braces"),
    (f"Answer:\n{JSON}", "a label before JSON"),
    (f"<think>{{}} Hm.</think>{JSON}", "thoughts before JSON"),
    (f"Ich brauche Tiere.\n</think>\n{JSON}", "thoughts whose beginning is in the request"),
    (f"<THINKING>Hm.</THINKING>{JSON}", "thoughts by another name"),
    (JSON.replace('"', "'"), "single quotes"),
    (JSON.replace('"prompt"', "prompt").replace('"response"', "response"), "keys without quotes"),
    (JSON.replace('"', "“", 1).replace('"', "”", 1), "curly quotes"),
    (f'{{"Prompt": "{PROMPT}", "RESPONSE": "{RESPONSE}"}}', "capitalised keys"),
    (f'{{"Aufgabe": "{PROMPT}", "Antwort": "{RESPONSE}"}}', "the pack's labels as keys"),
    (f'{{"task": "{PROMPT}", "answer": "{RESPONSE}"}}', "other keys"),
    (f'{{"prompt": "x", "prompt": "{PROMPT}", "response": "{RESPONSE}"}}', "a doubled key"),
    (f'{{"prompt": "{PROMPT}", "response": "{RESPONSE}", "prompt": ""}}', "doubled, then empty"),
    (f'{{"prompt": "{PROMPT}", "response": "{RESPONSE}",}}', "a trailing comma"),
    (f'{{"prompt": "{PROMPT}" "response": "{RESPONSE}"}}', "a missing comma"),
    (f'{{"prompt": "{PROMPT}", "response": "{RESPONSE}"', "a missing brace"),
    (f'"prompt": "{PROMPT}", "response": "{RESPONSE}"}}', "the first brace is in the request"),
    (f'{{"prompt": "{PROMPT}", "response": "{RESPONSE} Und die Eu', "cut off"),
    (f"[{JSON}]", "a list"),
    (f"[{JSON}, {JSON.replace('drei', 'vier')}]", "a list of two"),
    (f"{JSON}\n{JSON.replace('drei', 'vier')}", "two objects"),
    (f'{{"example": {JSON}}}', "wrapped"),
    (f'{{"data": {{"examples": [{JSON}]}}}}', "wrapped twice, in a list"),
    (f'{{"example": {JSON[:-1]}', "wrapped and not closed"),
    (f'{{"prompt": "Aufgabe: {PROMPT}", "response": "Antwort: {RESPONSE}"}}', "labels in JSON"),
    (f"{LABELS} {{3 Tiere}}", "labels and braces"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "what"), GERMAN, ids=[what for _, what in GERMAN])
@pytest.mark.parametrize("strategy", ["generate", "translate"])
@forms
def test_prompt_and_response_of_a_reply(reply: str, what: str, strategy: str, form: str) -> None:
    asked = document(strategy=strategy, form=form)
    example = accepted(reply, asked)
    response = f"{RESPONSE} {{3 Tiere}}" if what == "labels and braces" else RESPONSE
    assert example == Example(
        id=asked["id"],
        language="de",
        strategy=strategy,  # type: ignore[arg-type]
        seed_id=asked["seed_id"],
        prompt=PROMPT,
        response=response,
        finish_reason="unknown",
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('Er rief "Halt!", und alle blieben sofort stehen.', None),
        ('Sie sagte: "Ja." Dann ging sie "nach Hause".', None),
        ("Erste Zeile des Gedichts,\nzweite Zeile des Gedichts.", None),
        ("Erste Zeile des Gedichts,\\nzweite Zeile.", "Erste Zeile des Gedichts,\nzweite Zeile."),
        ("Das Zeichen {x} und die Liste [1, 2] stehen hier.", None),
        ("Ein \\u00dcberblick mit \\ud83d\\ude00 Gesicht.", "Ein Überblick mit 😀 Gesicht."),
        ("Er rief „Halt!“, und alle blieben stehen.", None),
        ("Der Aufruf f(x) = {'a': 1} ist gemeint.", None),
    ],
)
@pytest.mark.parametrize("end", ['"}', '"}\n```', '",}'])
def test_what_stands_in_a_string(written: str, read: str | None, end: str) -> None:
    reply = f'{{"prompt": "{PROMPT}", "response": "{written}{end}'
    assert accepted(reply, document()).response == (read or written)


@pytest.mark.parametrize("language", LANGUAGES)
def test_gold_examples_as_json(language: str) -> None:
    pack = load_pack(language)
    asked = document(language) | {"shot_prompts": [], "shot_responses": []}
    for seed in pack.seeds:
        pair = {"prompt": seed.prompt, "response": seed.response}
        for reply in (
            json.dumps(pair, ensure_ascii=False),
            json.dumps(pair, indent=2),
            f"```json\n{json.dumps([pair], ensure_ascii=False)[:-1]}",
            json.dumps(dict(zip(("p", "r"), pair.values(), strict=True)), ensure_ascii=False)
            .replace('"p"', json.dumps(pack.labels.prompt, ensure_ascii=False), 1)
            .replace('"r"', json.dumps(pack.labels.response, ensure_ascii=False), 1),
        ):
            example = accepted(reply, asked, refusals=pack.refusals)
            assert (example.prompt, example.response) == (seed.prompt, seed.response)


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
            "Tady je nový úkol.\n\n**Úkol:** Napiš krátkou větu o zimě v horách.\n"
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
        (f"<think>Hm.\n\nNa ja.</think>\n\n{RESPONSE}", RESPONSE),
        (f"<think></think>{RESPONSE}", RESPONSE),
        (f"{RESPONSE} Das Zeichen <think> kennt er.", f"{RESPONSE} Das Zeichen <think> kennt er."),
    ],
)
@pytest.mark.parametrize("strategy", ["respond", "refine"])
def test_the_response_alone(reply: str, expected: str, strategy: str) -> None:
    asked = document(strategy=strategy)
    example = accepted(reply, asked)
    assert (example.prompt, example.response) == (asked["prompt"], expected)


@pytest.mark.parametrize("strategy", ["respond", "refine"])
def test_a_blank_line_ends_a_completion_and_no_chat(strategy: str) -> None:
    reply = f"{RESPONSE}\n\nUnd Dachse gibt es auch."
    assert accepted(reply, document(strategy=strategy)).response == reply
    completion = document(strategy=strategy, form="completion")
    assert accepted(reply, completion).response == RESPONSE


@pytest.mark.parametrize(
    ("expected", "detail", "reply"),
    [
        ("empty", "", f'{{"prompt": "{PROMPT}", "response": " "}}'),
        ("missing_prompt", "", f'{{"prompt": "", "response": "{RESPONSE}"}}'),
        ("missing_prompt", "", f'{{"response": "{RESPONSE}"}}'),
        ("unparsable", "response is no text", f'{{"prompt": "{PROMPT}"}}'),
        ("unparsable", "response is no text", f'{{"prompt": "{PROMPT}", "resp'),
        ("unparsable", "response is no text", f'{{"prompt": "{PROMPT}", "response": ["a", "b"]}}'),
        ("unparsable", "response is no text", f'{{"prompt": "{PROMPT}", "response": {{"a": 1}}}}'),
        ("unparsable", "response is no text", f'{{"prompt": "{PROMPT}", "response": 42}}'),
        ("unparsable", "prompt is no text", f'{{"prompt": ["{PROMPT}"], "response": "x"}}'),
        (
            "unparsable",
            "half of a surrogate pair",
            f'{{"prompt": "{PROMPT} \\ud83d", "response": "{RESPONSE}"}}',
        ),
        ("unparsable", "", '{"a": 1}'),
        ("unparsable", "", "[]"),
        ("truncated", "thoughts without an end", f"<think>Aufgabe: {PROMPT}\nAntwort: {RESPONSE}"),
    ],
)
def test_what_json_and_thoughts_lack(expected: str, detail: str, reply: str) -> None:
    found = rejected(reply, document())
    assert (found.reason, found.detail) == (expected, detail)


def test_json_that_ran_out_of_tokens() -> None:
    asked = document(finish_reason="length")
    begun = f'{{"prompt": "{PROMPT}", "response": "'
    assert accepted(f"{begun}{RESPONSE} Und die", asked).response == RESPONSE
    assert reason(f"{begun}Im Wald leben Rehe und", asked) == "truncated"
    assert reason(begun.removesuffix(', "response": "'), asked) == "unparsable"
    assert reason(f'{{"prompt": "{PROMPT[:20]}', asked) == "truncated"
    # text that was not cut off may end as it likes, if it was closed
    whole = begun + "Im Wald leben Rehe und viele andere Tiere"
    assert reason(whole, document()) == "truncated"
    assert accepted(whole + '"', document()).response.endswith("Tiere")


def test_half_of_a_surrogate_pair_can_be_written() -> None:
    for strategy in ("generate", "respond"):
        found = parse(f"{RESPONSE} \ud83d", document(strategy=strategy))
        assert found.reason == "unparsable"  # type: ignore[union-attr]
        assert found.reply == f"{RESPONSE} \\ud83d"  # type: ignore[union-attr]


SIGNS = "[ { \" ' “ ( : , \\ \n / * . <think> </think> ```".split(" ")
UNITS = [
    *SIGNS,
    '{"',
    '{"a":',
    '[{"',
    '",',
    '":',
    "1)",
    "\\u",
    "a (]“",
    "\nAntwort",
    " ",
    "\\ud83d",
]
BEGINNINGS = ["", '{"prompt": ', '{"prompt": "a", "response": "', "Aufgabe: x\nAntwort: ", "```\n"]


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=range(len(BEGINNINGS)))
@pytest.mark.parametrize("unit", UNITS, ids=range(len(UNITS)))
@pytest.mark.parametrize("length", [1_000, 50_000])
def test_endless_repeats_come_to_an_end(beginning: str, unit: str, length: int) -> None:
    reply = (beginning + unit * length)[:length]
    for strategy in ("generate", "respond"):
        # unlimited, so that all of it is looked at
        outcome = parse(reply, document(strategy=strategy), Checks(language=False))
        assert isinstance(outcome, Example) or outcome.reason in REASONS


@pytest.mark.parametrize("seed", range(40))
def test_no_reply_is_an_error(seed: int) -> None:
    """Real replies with pieces cut, doubled, moved and replaced."""
    rng = random.Random(seed)
    language = rng.choice(LANGUAGES)
    pack = load_pack(language)
    pieces = [*UNITS, "", pack.labels.prompt, pack.labels.response, "\ud83d", "\0", "😀", "}", "]"]
    for _ in range(50):
        example = rng.choice(pack.seeds)
        pair = {"prompt": example.prompt, "response": example.response}
        labels = f"{pack.labels.prompt}: {example.prompt}\n{pack.labels.response}: "
        reply = rng.choice([json.dumps(pair), json.dumps([pair], ensure_ascii=False), labels])
        for _ in range(rng.randint(1, 8)):
            a, b = sorted(rng.randrange(len(reply) + 1) for _ in range(2))
            b = min(b, a + rng.choice([0, 1, 2, 30]))
            reply = reply[:a] + rng.choice([*pieces, reply[a:b] * 3]) + reply[b:]
        asked = document(
            language,
            rng.choice(["generate", "translate", "respond", "refine"]),
            form=rng.choice(["chat", "completion"]),
            finish_reason=rng.choice(["stop", "length", "unknown", "content_filter", "odd"]),
            attempt=2,
        )
        outcome = parse(reply, asked, refusals=pack.refusals)
        assert outcome.attempt == 2
        outcome.model_dump_json()
        if not isinstance(outcome, Example):
            assert outcome.reason in REASONS
