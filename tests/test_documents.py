"""Documents: what a teacher is asked, from which templates."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2.exceptions import SecurityError
from replies import LANGUAGES, forms, languages, strategies

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import read_toml
from polyglot_harness.languages import (
    PACK_TEMPLATES,
    SHARED_TEMPLATES,
    english_prompts,
    load_pack,
)
from polyglot_harness.spec import STRATEGIES
from polyglot_harness.strategies import DESCRIPTIONS, REPLY_SCHEMA, parse, templates
from polyglot_harness.strategies.checks import similar
from polyglot_harness.strategies.documents import (
    Given,
    documents,
    given_path,
    read_given,
    stop_sequences,
)

GERMAN_PACK = load_pack("de")
INSTRUCTION = re.compile("Write one new task|Translate this task|Write a better answer")


# --- which documents ---------------------------------------------------------------------------


@languages
@strategies
def test_a_document_depends_on_its_number_alone(language: str, strategy: str) -> None:
    pack = load_pack(language)
    many = documents(pack, strategy, 100, seed=7)
    assert many == documents(pack, strategy, 100, seed=7)
    for n in (1, 2, 65, 99):
        assert documents(pack, strategy, n, seed=7) == many[:n]
    for first in (1, 66, 99):
        assert (
            documents(pack, strategy, 3, seed=7, first=first)[: 100 - first]
            == (many[first : first + 3])
        )
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
    assert [d["shot_ids"] for d in a] != [d["shot_ids"] for d in b]


def test_the_default_number_is_one_a_prompt() -> None:
    pack = load_pack("id")
    found = {name: documents(pack, name, None) for name in STRATEGIES}
    seeds = sorted(s.id for s in pack.seeds)
    assert sorted(d["seed_id"] for d in found["respond"]) == seeds
    assert sorted(d["seed_id"] for d in found["refine"]) == seeds
    assert sorted(d["seed_id"] for d in found["translate"]) == sorted(
        p.id for p in english_prompts()
    )
    assert len(found["generate"]) == len(seeds)


def test_prompts_come_round_again_with_other_shots() -> None:
    pack = load_pack("ja")
    n = len(pack.seeds)
    found = documents(pack, "respond", 2 * n)
    assert [d["seed_id"] for d in found[:n]] == [d["seed_id"] for d in found[n:]]
    assert [d["shot_ids"] for d in found[:n]] != [d["shot_ids"] for d in found[n:]]


# --- what they ask -----------------------------------------------------------------------------


@languages
@strategies
@forms
@pytest.mark.parametrize("own", ["en", "own"])
@pytest.mark.parametrize("reply_format", [None, "labels"])
def test_every_document_asks_for_what_its_strategy_says(
    language: str, strategy: str, form: str, own: str, reply_format: str | None
) -> None:
    pack = load_pack(language)
    by_id = {s.id: s for s in pack.seeds}
    by_prompt = {s.prompt: s for s in pack.seeds}
    settings: dict[str, Any] = {"instruction_language": own, "reply_format": reply_format}
    for asked in documents(pack, strategy, 70, seed=3, form=form, **settings):
        text, shots = asked["text"], asked["shot_prompts"]
        assert len(set(shots)) == 3
        assert asked["shot_ids"] == [by_prompt[p].id for p in shots]
        assert "{{" not in text and "{%" not in text
        assert (asked["form"], asked["strategy"]) == (form, strategy)
        label, answer = f"{pack.labels.prompt}:", f"{pack.labels.response}:"
        if strategy == "generate":
            assert asked["prompt"] == ""
            assert asked["seed_id"] == "+".join(asked["shot_ids"])
        else:
            assert asked["prompt"] in text
            assert asked["prompt"] not in shots
        if strategy in ("respond", "refine"):
            seed = by_id[asked["seed_id"]]
            assert (asked["prompt"], asked["reply_format"]) == (seed.prompt, "text")
            assert asked.get("given_response") == (seed.response if strategy == "refine" else None)
        if form == "completion":
            assert not INSTRUCTION.search(text)
            # three examples, then the one to be completed: a blank line stands between examples
            assert len(text.split("\n\n")) == 4
            with_prompt = strategy in ("respond", "refine")
            assert text.endswith(f"\n{answer}" if with_prompt else f"\n{label}")
            assert all(f"{label} {p}\n" in text for p in shots)
            continue
        assert text == text.strip()
        if strategy == "respond":
            assert text == asked["prompt"]
            continue
        assert bool(INSTRUCTION.search(text)) is (own == "en")
        used = {"generate": 3, "translate": 1, "refine": 0}[strategy]
        for seed in [by_prompt[p] for p in shots[:used]]:
            if asked["reply_format"] == "json":
                pair = {"prompt": seed.prompt, "response": seed.response}
                assert json.dumps(pair, ensure_ascii=False) in text
            else:
                assert f"{label} {seed.prompt}\n{answer} " in text
        if strategy == "refine":
            assert asked["given_response"] in text


@pytest.mark.parametrize(
    ("strategy", "form", "asked", "expected"),
    [
        ("generate", "chat", None, "json"),
        ("generate", "chat", "labels", "labels"),
        ("translate", "chat", "json", "json"),
        ("translate", "completion", None, "labels"),
        ("generate", "completion", "labels", "labels"),
        ("respond", "chat", "json", "text"),
        ("respond", "completion", None, "text"),
        ("refine", "chat", "labels", "text"),
        ("refine", "completion", None, "text"),
    ],
)
def test_reply_formats(strategy: str, form: str, asked: str | None, expected: str) -> None:
    found = documents(GERMAN_PACK, strategy, 1, form=form, reply_format=asked)[0]
    assert found["reply_format"] == expected
    names = '"prompt"' in found["text"], '"response"' in found["text"]
    assert names == (expected == "json", expected == "json")


def test_the_schema_is_of_what_the_examples_show() -> None:
    text = documents(GERMAN_PACK, "generate", 1)[0]["text"]
    shown = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert len(shown) == 3
    for example in shown:
        assert list(example) == REPLY_SCHEMA["required"] == list(REPLY_SCHEMA["properties"])
    assert REPLY_SCHEMA["additionalProperties"] is False


def short_pack() -> Any:
    pack = GERMAN_PACK
    seeds = tuple(
        seed.model_copy(
            update={"prompt": f"P{i}", "prompt_en": f"E{i}", "response": f"R{i}. T.\n\nS"}
        )
        for i, seed in enumerate(pack.seeds[:4])
    )
    return pack.model_copy(update={"seeds": seeds})


def test_a_rendered_document_word_by_word() -> None:
    pack = short_pack()
    asked = documents(pack, "respond", 1, form="completion")[0]
    a, b, c = (prompt[1] for prompt in asked["shot_prompts"])
    own = asked["prompt"]
    assert {f"P{a}", f"P{b}", f"P{c}", own} == {"P0", "P1", "P2", "P3"}
    # the blank line inside a seed is closed up, for it would end the example
    assert asked["text"] == (
        f"Aufgabe: P{a}\nAntwort: R{a}. T.\nS\n\n"
        f"Aufgabe: P{b}\nAntwort: R{b}. T.\nS\n\n"
        f"Aufgabe: P{c}\nAntwort: R{c}. T.\nS\n\n"
        f"Aufgabe: {own}\nAntwort:"
    )
    asked = documents(pack, "translate", 1, form="chat", reply_format="labels")[0]
    a = asked["shot_prompts"][0][1]
    assert asked["text"] == (
        "Translate this task from English to German. Then answer it in German. "
        "Write only in German, in this form:\n"
        "Aufgabe: <the translated task>\nAntwort: <the answer in German>\n\n"
        f"Example:\nEnglish: E{a}\nAufgabe: P{a}\nAntwort: R{a}. T.\nS\n\n"
        f"English: {asked['prompt']}"
    )
    asked = documents(pack, "translate", 1)[0]
    assert asked["text"] == (
        "Translate this task from English to German. Then answer it in German.\n"
        'Reply with a single JSON object with the keys "prompt" (the translated task) and '
        '"response" (the answer in German), and with nothing else.\n\n'
        f'Example:\nEnglish: E{a}\n{{"prompt": "P{a}", "response": "R{a}. T.\\n\\nS"}}\n\n'
        f"English: {asked['prompt']}"
    )


def test_refine_shows_base_models_drafts_that_were_mended() -> None:
    asked = documents(short_pack(), "refine", 1, form="completion")[0]
    a, b, c = (prompt[1] for prompt in asked["shot_prompts"])
    own = asked["prompt"][1]
    assert asked["text"] == (
        f"Aufgabe: P{a}\nDraft: R{a}.\nAntwort: R{a}. T.\nS\n\n"
        f"Aufgabe: P{b}\nDraft: R{b}.\nAntwort: R{b}. T.\nS\n\n"
        f"Aufgabe: P{c}\nDraft: R{c}.\nAntwort: R{c}. T.\nS\n\n"
        f"Aufgabe: P{own}\nDraft: R{own}. T.\nS\nAntwort:"
    )
    assert asked["given_response"] == f"R{own}. T.\n\nS"


@languages
def test_drafts_of_the_seeds_are_not_their_responses(language: str) -> None:
    for asked in documents(load_pack(language), "refine", None, form="completion"):
        blocks = asked["text"].split("\n\n")[:3]
        for block, response in zip(blocks, asked["shot_responses"], strict=True):
            draft = re.search(r"\nDraft: (.*?)\n[^\n:]+: ", block, re.DOTALL)
            assert draft and draft[1].strip() and not similar(draft[1], response)


# --- what refine starts from -------------------------------------------------------------------

MESSAGES = [{"role": "user", "content": " Wie?"}, {"role": "assistant", "content": "So. "}]


def test_given_examples_of_a_file(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Was?", "response": "Das.", "category": "x"},
        {"messages": MESSAGES, "id": "m-1"},
        {"messages": [{"role": "system", "content": "Sei nett."}, *MESSAGES], "id": 7},
    ]
    file = tmp_path / "given.jsonl"
    file.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    given = read_given(file, "refine")
    assert given == (
        Given("given-000001", "Was?", "Das."),
        Given("m-1", "Wie?", "So."),
        Given("7", "Wie?", "So."),
    )
    asked = documents(GERMAN_PACK, "refine", None, given=given)
    assert sorted(d["seed_id"] for d in asked) == ["7", "given-000001", "m-1"]
    assert {d["given_response"] for d in asked} == {"Das.", "So."}
    again = documents(GERMAN_PACK, "refine", 3, given=given, first=3)
    assert [d["seed_id"] for d in again] == [d["seed_id"] for d in asked]
    assert read_given(None, "refine") is None


def test_given_prompts_of_a_file_need_no_response(tmp_path: Path) -> None:
    file = tmp_path / "prompts-de.jsonl"
    file.write_text('{"prompt": "Warum?"}\n{"prompt": "Wozu?", "id": "z"}\n', encoding="utf-8")
    assert given_path((("respond", f"{tmp_path}/prompts-{{lang}}.jsonl"),), "respond", "de") == file
    assert given_path((("respond", "x"),), "translate", "de") is None
    given = read_given(file, "respond")
    asked = documents(GERMAN_PACK, "respond", None, given=given)
    assert {(d["seed_id"], d["prompt"]) for d in asked} == {
        ("given-000001", "Warum?"), ("z", "Wozu?"),
    }  # fmt: skip
    (asked, _) = documents(GERMAN_PACK, "translate", 2, given=given)
    assert asked["prompt"] in asked["text"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "a"}, ":2: field 'response' is missing, and there is no 'messages'"),
        ({"prompt": " ", "response": "b"}, ":2: field 'prompt' must be a text that is not empty"),
        ({"prompt": "a", "response": ["b"]}, ":2: field 'response' must be a text that is not"),
        ({"messages": "hi"}, ":2: 'messages' must be a list of role and content"),
        ({"messages": 3}, ":2: 'messages' must be a list of role and content"),
        ({"messages": [{"role": "user"}]}, ":2: 'messages' must be a list of role and content"),
        (
            {"messages": MESSAGES * 2},
            ":2: 'messages' must be one user and one assistant message, got ['user', 'assistant', ",
        ),
        ({"messages": MESSAGES[:1]}, ":2: 'messages' must be one user and one assistant message"),
    ],
)
def test_what_is_said_of_a_wrong_line(tmp_path: Path, row: dict, message: str) -> None:
    file = tmp_path / "given.jsonl"
    file.write_text('{"prompt": "a", "response": "b"}\n' + json.dumps(row), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_given(file, "refine")
    assert str(caught.value).startswith(f"{file}{message}")


def test_a_file_without_examples(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_given(tmp_path / "x.jsonl", "refine")
    (tmp_path / "x.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x\.jsonl: holds no examples$"):
        read_given(tmp_path / "x.jsonl", "refine")


# --- names -------------------------------------------------------------------------------------


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
    ("strategy", "settings", "message"),
    [
        (
            "translat",
            {},
            "unknown strategy 'translat' (did you mean 'translate'?); "
            "valid: generate, refine, respond, translate",
        ),
        ("respond", {"form": "html"}, "unknown form 'html'; valid: chat, completion"),
        (
            "generate",
            {"reply_format": "jsn"},
            "unknown reply format 'jsn' (did you mean 'json'?); valid: json, labels",
        ),
        (
            "generate",
            {"reply_format": "json", "form": "completion"},
            "reply format 'json' needs the chat form; completion takes 'labels'",
        ),
        (
            "generate",
            {"instruction_language": "de"},
            "unknown instruction language 'de'; valid: en, own",
        ),
    ],
)
def test_wrong_names_list_the_valid_ones(strategy: str, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        documents(GERMAN_PACK, strategy, 1, **settings)
    assert str(caught.value) == message


def test_parsing_refuses_an_unknown_strategy() -> None:
    asked = documents(GERMAN_PACK, "respond", 1)[0] | {"strategy": "invent"}
    with pytest.raises(ConfigError, match="unknown strategy 'invent'; valid: generate, refine"):
        parse("Hallo", asked)


def test_three_seeds_are_too_few() -> None:
    pack = GERMAN_PACK
    with pytest.raises(ConfigError, match=r"seeds\.jsonl: needs more than 3 seeds$"):
        documents(pack.model_copy(update={"seeds": pack.seeds[:3]}), "generate", 1)


def test_every_strategy_is_described() -> None:
    assert list(DESCRIPTIONS) == list(STRATEGIES)
    assert all(text.endswith(".") and "\n" not in text for text in DESCRIPTIONS.values())


# --- the files of templates --------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_own_templates_are_as_complete_as_the_shared_ones(language: str) -> None:
    shared = read_toml(tasks_path() / SHARED_TEMPLATES)
    own = read_toml(tasks_path() / language / PACK_TEMPLATES)
    assert set(own) == {"chat"}
    assert set(own["chat"]) == set(shared["chat"]) - {"respond"}
    for name, text in own["chat"].items():
        names = re.compile(r"{{ (\w+)|{% for \w+ in (\w+)")
        used = {a or b for a, b in names.findall(text)}
        expected = {a or b for a, b in names.findall(shared["chat"][name])} - {"language"}
        assert used >= expected, name


def test_a_pack_without_own_templates(tmp_path: Path) -> None:
    # without the YAMLs, which include templates that lie beside a pack
    ignored = shutil.ignore_patterns("*.yaml")
    shutil.copytree(tasks_path() / "de", tmp_path / "de", ignore=ignored)
    (tmp_path / "de" / PACK_TEMPLATES).unlink()
    pack = load_pack("de", str(tmp_path))
    assert len(documents(pack, "generate", 1)) == 1
    with pytest.raises(ConfigError, match=r"de/teach_templates\.toml: no such file$"):
        documents(pack, "generate", 1, instruction_language="own")
    # these have no instruction
    assert len(documents(pack, "respond", 1, instruction_language="own")) == 1
    settings = {"form": "completion", "instruction_language": "own"}
    assert len(documents(pack, "translate", 1, **settings)) == 1


def clear() -> None:
    templates.renderer.cache_clear()
    templates._tables.cache_clear()


@pytest.fixture
def shared_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of shared templates, empty, in place of the real one."""
    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))
    clear()
    yield tmp_path / SHARED_TEMPLATES
    clear()


def labelled(name: str = "generate") -> list[dict[str, Any]]:
    return documents(GERMAN_PACK, name, 1, reply_format="labels")


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
def test_a_template_cannot_reach_python(shared_file: Path, expression: str) -> None:
    shared_file.write_text(f"[chat]\ngenerate = '''{{{{ {expression} }}}}'''\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"template chat\.generate: ") as caught:
        labelled()
    assert isinstance(caught.value.__cause__, SecurityError)


@pytest.mark.parametrize("attribute", ["parse_file", "model_construct", "copy.__self__"])
def test_a_template_does_not_see_records(shared_file: Path, attribute: str) -> None:
    text = f"[chat]\ngenerate = '''{{{{ shots[0].{attribute} is defined }}}}'''\n"
    shared_file.write_text(text, encoding="utf-8")
    assert labelled()[0]["text"] == "False"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[chat]\n", ": no template chat.generate"),
        ("", ": no template chat.generate"),
        ("[chat]\ngenerate = 3\n", ": template chat.generate is no text"),
        (
            "[chat]\ngenerate = '{{ langage }}'\n",
            ": template chat.generate: 'langage' is undefined",
        ),
        (
            "[chat]\ngenerate = '{% for %}'\n",
            ": template chat.generate: Expected an expression, got 'end of statement block'",
        ),
        ("[chat]\ngenerate = '{{ 1 / 0 }}'\n", ": template chat.generate: division by zero"),
        ("[chat]\ngenerate = '{{ 1 + P }}'\n", ": template chat.generate: unsupported operand"),
    ],
)
def test_what_is_said_of_a_wrong_template(shared_file: Path, text: str, message: str) -> None:
    shared_file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        labelled()
    assert str(caught.value).startswith(f"{shared_file}{message}")


def test_braces_in_a_seed_are_text() -> None:
    pack = GERMAN_PACK
    seeds = tuple(s.model_copy(update={"prompt": f"{{{{ 6*7 }}}} {s.id}"}) for s in pack.seeds)
    asked = documents(pack.model_copy(update={"seeds": seeds}), "respond", 1)[0]
    assert asked["text"] == f"{{{{ 6*7 }}}} {asked['seed_id']}"
