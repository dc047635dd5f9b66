"""Language packs, cards and recipes as they are shipped, and what is said of broken ones."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from polyglot_harness import students, teachers
from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import jsonl_rows, read_jsonl, read_toml
from polyglot_harness.language_id import CANDIDATES, identify
from polyglot_harness.languages import (
    english_prompts,
    load_pack,
    pack_digest,
    pack_folders,
    strategies_of,
)
from polyglot_harness.lm.index import load_tasks, task_manager
from polyglot_harness.lm.tasks import process_results
from polyglot_harness.spec import CATEGORIES, STRATEGIES, Recipe, Seed

LANGUAGES = ("ar", "cs", "de", "en", "es", "id", "ja", "ko", "tl")
IDENTITY = {
    "ar": ("ara", "Arabic", "Arab", "rtl", "words"),
    "cs": ("ces", "Czech", "Latn", "ltr", "words"),
    "de": ("deu", "German", "Latn", "ltr", "words"),
    "en": ("eng", "English", "Latn", "ltr", "words"),
    "es": ("spa", "Spanish", "Latn", "ltr", "words"),
    "id": ("ind", "Indonesian", "Latn", "ltr", "words"),
    "ja": ("jpn", "Japanese", "Jpan", "ltr", "characters"),
    "ko": ("kor", "Korean", "Hang", "ltr", "words"),
    "tl": ("tgl", "Tagalog", "Latn", "ltr", "words"),
}
TASKS = tasks_path()

languages = pytest.mark.parametrize("language", LANGUAGES)


def copy_of(language: str, folder: Path) -> Path:
    """Copy what is a pack's own; its YAMLs include templates that lie beside it."""
    ignored = shutil.ignore_patterns("*.yaml")
    return Path(shutil.copytree(TASKS / language, folder, ignore=ignored))


# --- packs -------------------------------------------------------------------------------------


def test_the_languages_are_there() -> None:
    assert sorted(pack_folders()) == list(LANGUAGES)
    assert set(LANGUAGES) < set(CANDIDATES)


@languages
def test_a_pack_says_what_its_language_is(language: str) -> None:
    pack = load_pack(language)
    iso, name, script, direction, unit = IDENTITY[language]
    assert pack.code == Path(pack.folder).name == language
    assert (pack.iso639_3, pack.name, pack.script) == (iso, name, script)
    assert (pack.direction, pack.length_unit) == (direction, unit)
    assert pack.student_tasks == (f"polyglot_mini_{language}",)
    assert pack.role == ("pivot" if language == "en" else "target")
    assert pack.labels.prompt != pack.labels.response
    assert all(source.name and source.licence for source in pack.sources)


@languages
def test_seeds_are_enough_and_all_different(language: str) -> None:
    seeds = load_pack(language).seeds
    assert len(seeds) >= 60
    assert {s.category for s in seeds} == set(CATEGORIES)
    assert min(Counter(s.category for s in seeds).values()) >= 3
    assert [s.id for s in seeds] == [f"{language}-{i:03d}" for i in range(1, len(seeds) + 1)]
    for field in ("prompt", "prompt_en", "response"):
        texts = [" ".join(getattr(s, field).lower().split()) for s in seeds]
        assert len(set(texts)) == len(seeds), field


@languages
def test_seeds_are_clean_text(language: str) -> None:
    pack = load_pack(language)
    labels = (f"{pack.labels.prompt}:", f"{pack.labels.response}:", "English:")
    for seed in pack.seeds:
        for text in (seed.prompt, seed.prompt_en, seed.response):
            assert text == text.strip(), seed.id
            assert "\ufffd" not in text, seed.id
            assert not any(label in text for label in labels), seed.id
        # a prompt stands on one line of a request
        assert "\n\n" not in seed.prompt, seed.id


@languages
def test_seeds_are_in_their_language(language: str) -> None:
    seeds = load_pack(language).seeds
    for field, code in (("prompt", language), ("response", language), ("prompt_en", "en")):
        wrong = [s.id for s in seeds if identify(getattr(s, field)) != code]
        assert len(wrong) <= 0.05 * len(seeds), (field, wrong)


def test_the_english_prompts() -> None:
    prompts = english_prompts()
    assert len(prompts) >= 60
    assert len({p.id for p in prompts}) == len(prompts)
    assert len({p.prompt.lower() for p in prompts}) == len(prompts)
    assert {p.category for p in prompts} == set(CATEGORIES)
    wrong = [p.id for p in prompts if identify(p.prompt) != "en"]
    assert len(wrong) <= 0.05 * len(prompts), wrong


@languages
def test_english_prompts_are_not_those_of_the_seeds(language: str) -> None:
    shots = {s.prompt_en for s in load_pack(language).seeds}
    assert not shots & {p.prompt for p in english_prompts()}


def test_a_digest_is_of_what_a_pack_says_not_of_where_it_lies(tmp_path: Path) -> None:
    copy = copy_of("cs", tmp_path / "cs")
    pack, copied = load_pack("cs"), load_pack("cs", str(tmp_path))
    assert copied.folder == str(copy.resolve()) != pack.folder
    assert pack_digest(copied) == pack_digest(pack)
    assert pack_digest(load_pack("de")) != pack_digest(pack)
    changed = pack.model_copy(update={"seeds": pack.seeds[:-1]})
    assert pack_digest(changed) != pack_digest(pack)


def test_a_further_folder_of_packs_adds_and_overrides(tmp_path: Path) -> None:
    for code, name in (("sk", "Slovak"), ("de", "Low German")):
        copy_of("de", tmp_path / code)
        file = tmp_path / code / "pack.toml"
        text = file.read_text(encoding="utf-8").replace('"de"', f'"{code}"')
        file.write_text(text.replace('"German"', f'"{name}"'), encoding="utf-8")
    assert sorted(pack_folders(str(tmp_path))) == sorted([*LANGUAGES, "sk"])
    assert load_pack("sk", str(tmp_path)).name == "Slovak"
    assert load_pack("de", str(tmp_path)).name == "Low German"
    assert load_pack("de").name == "German"
    # the folder of one pack will do
    assert load_pack("sk", str(tmp_path / "sk")).name == "Slovak"


# --- lm-eval's view of the packs ---------------------------------------------------------------


@languages
def test_the_groups_hold_their_tasks(language: str) -> None:
    groups = [f"polyglot_teach_{language}", f"polyglot_mini_{language}"]
    refine = f"{groups[0]}_refine"  # is asked for by its own name
    members = load_tasks(task_manager(groups), groups)["tasks"]
    strategies = strategies_of(load_pack(language))
    assert strategies == tuple(s for s in STRATEGIES if (language, s) != ("en", "translate"))
    assert set(members) & {f"{groups[0]}_{s}" for s in STRATEGIES} == {
        f"{groups[0]}_{s}" for s in strategies if s != "refine"
    }
    loaded = load_tasks(task_manager([*groups, refine]), [*groups, refine])
    folder = TASKS / language
    files = [path.stem for group in groups for path in folder.glob(f"{group}*.yaml")]
    assert sorted([*loaded["tasks"], *groups]) == sorted(files)
    seeds = 130 if language == "en" else 66
    for strategy in strategies:
        task = loaded["tasks"][f"{groups[0]}_{strategy}"]
        assert task.OUTPUT_TYPE == "generate_until"
        # left out, `until` would cut replies at the first blank line
        assert task.config.generation_kwargs == {
            "until": [],
            "do_sample": True,
            "temperature": 0.8,
            "top_p": 0.9,
            "max_gen_toks": 256,
        }
        wanted = len(english_prompts()) if strategy == "translate" else seeds
        assert len(task.test_docs()) == wanted


def docs_of(name: str, metadata: dict[str, Any]) -> list[dict[str, Any]]:
    manager = task_manager([name], metadata=metadata)
    return list(load_tasks(manager, [name])["tasks"][name].test_docs())


def test_metadata_reach_the_documents(tmp_path: Path) -> None:
    metadata = {"n": 3, "teach_seed": 9, "form": "completion", "first": 5}
    docs = docs_of("polyglot_teach_ja_generate", metadata)
    assert [d["id"] for d in docs] == [f"ja-generate-9-{i:06d}" for i in (5, 6, 7)]
    assert {d["form"] for d in docs} == {"completion"}
    metadata = {"n": 1, "reply_format": "labels", "instruction_language": "own"}
    (asked,) = docs_of("polyglot_teach_de_generate", metadata)
    assert asked["reply_format"] == "labels"
    assert asked["text"].startswith("Schreibe eine neue Aufgabe")
    file = tmp_path / "given.jsonl"
    file.write_text('{"prompt": "Was ist das?", "response": "Ein Haus."}\n', encoding="utf-8")
    (asked,) = docs_of("polyglot_teach_de_refine", {"given": str(file)})
    assert (asked["prompt"], asked["given_response"]) == ("Was ist das?", "Ein Haus.")
    (asked,) = docs_of("polyglot_teach_de_respond", {"n": 1, "given": str(file)})
    assert (asked["prompt"], asked["text"]) == ("Was ist das?", "Was ist das?")


def test_replies_are_judged_by_the_refusals_of_the_pack(tmp_path: Path) -> None:
    copy_of("de", tmp_path / "de")
    file = tmp_path / "de" / "pack.toml"
    text = file.read_text(encoding="utf-8")
    refusals = text[text.index("refusals = [") : text.index("]\n", text.index("refusals = ["))]
    file.write_text(text.replace(refusals, 'refusals = ["Das mag ich nicht"'), encoding="utf-8")
    for packs, expected in ((None, (0.0, 1.0)), (str(tmp_path), (1.0, 0.0))):
        (asked,) = docs_of("polyglot_teach_de_respond", {"n": 1, "packs": packs})
        replies = (
            "Als KI-Modell habe ich keine Zeit.",
            "Das mag ich nicht schreiben, tut mir leid.",
        )
        found = tuple(process_results(asked, [reply])["accepted"] for reply in replies)
        assert found == expected


@pytest.mark.parametrize("path", sorted(TASKS.glob("*/*.yaml")), ids=lambda path: path.stem)
def test_a_yaml_names_what_its_file_is_called(path: Path) -> None:
    data = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - strings
    language = path.parent.name
    assert path.stem == (data.get("group") or data["task"])
    assert re.fullmatch(rf"polyglot_\w+_{language}(_\w+)?", path.stem)
    said = data.get("dataset_kwargs", data["metadata"] if "metadata" in data else {})
    assert said.get("language", language) == language


def test_packs_hold_data_only() -> None:
    suffixes = {path.suffix for path in TASKS.rglob("*") if path.is_file()}
    assert suffixes <= {".yaml", ".toml", ".jsonl", ".md", ""}
    # lm-eval indexes every *.yaml, so its templates have no suffix
    bare = {p.name for p in TASKS.rglob("*") if p.is_file() and not p.suffix}
    assert "_teach_yaml" in bare
    assert all(re.fullmatch(r"_\w+_yaml", name) for name in bare)
    # a folder with an __init__.py would be imported as a package
    assert not list(TASKS.rglob("*.py"))
    assert not [p for p in TASKS.rglob("*") if p.is_file() and p.stat().st_mode & 0o111]
    # code is named by the shared templates only, and only ours
    for path in TASKS.rglob("*yaml"):
        named = re.findall(r"!function\s+(\S+)", path.read_text(encoding="utf-8"))
        assert path.name.startswith("_") or not named, path
        assert all(name.startswith("polyglot_harness.lm.") for name in named), path


# --- cards and recipes -------------------------------------------------------------------------


def test_teacher_cards() -> None:
    assert {"gemma-3-270m", "smollm2-135m-instruct"} <= set(teachers.teacher_names())
    cards = [teachers.load_teacher(name) for name in teachers.teacher_names()]
    assert [card.name for card in cards] == teachers.teacher_names()
    assert all(card.licence and card.url for card in cards)
    card = teachers.load_teacher("gemma-3-270m")
    assert (card.model, card.form) == ("hf", "completion")
    assert card.model_args == (("dtype", "float32"), ("pretrained", "gemma-3-270m"))


def test_a_teacher_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nmodel = "vllm"\nform = "chat"\n'
        '[model_args]\npretrained = "org/m"\n[gen_kwargs]\ntop_p = 0.5\n',
        encoding="utf-8",
    )
    card = teachers.load_teacher(str(file))
    assert (card.name, card.model) == ("mine", "vllm")
    assert card.model_args == (("pretrained", "org/m"),)
    assert card.gen_kwargs == (("top_p", 0.5),)


@pytest.mark.parametrize(
    ("args", "name", "form", "model_args"),
    [
        ({"pretrained": "org/m/"}, "m", "chat", (("pretrained", "org/m/"),)),
        ({"model": "gpt", "form": "completion"}, "gpt", "completion", (("model", "gpt"),)),
        (
            {"pretrained": "m", "name": "x", "dtype": "auto"},
            "x",
            "chat",
            (("dtype", "auto"), ("pretrained", "m")),
        ),
    ],
)
def test_a_teacher_by_flags(args: dict[str, Any], name: str, form: str, model_args: Any) -> None:
    card = teachers.teacher_from_flags("hf", args)
    assert (card.name, card.form, card.model_args) == (name, form, model_args)
    assert card.model == "hf"


def test_student_cards() -> None:
    sizes = [f"polyglot-ko-{size}" for size in ("1.3b", "12.8b", "3.8b", "5.8b")]
    assert students.student_names() == [
        "gemma-3-270m", "gemma-3-4b-pt", "llama-3.1-8b", "olmo-3-7b", *sizes, "qwen3-8b-base",
        "smollm2-135m",
    ]  # fmt: skip
    cards = [students.load_student(name) for name in students.student_names()]
    assert [card.name for card in cards] == students.student_names()
    assert all(card.licence and card.url for card in cards)
    # what is of the hub alone is of one commit
    for card in (*cards, *(teachers.load_teacher(name) for name in sizes)):
        found = {**card.model_dump(), **dict(card.model_args)}
        hub = "/" in found["pretrained"]
        assert bool(re.fullmatch("[0-9a-f]{40}", found.get("revision") or "")) is hub, card.name
    assert students.load_student(sizes[0], {"pretrained": "org/other"}).revision == ""
    changed = students.load_student("smollm2-135m", {"dtype": "bfloat16"})
    assert changed == cards[-1].model_copy(update={"dtype": "bfloat16"})
    alone = students.load_student(None, {"pretrained": "org/base-7b"})
    assert (alone.name, alone.pretrained, alone.dtype) == ("base-7b", "org/base-7b", "float32")


def test_recipes() -> None:
    assert students.recipe_names() == ["croco", "croco-sft", "demo", "full", "paper", "qlora"]
    # arXiv 2604.11290: LoRA r16 alpha16, lr 5e-5, 2 epochs, 16,384 tokens, weight decay 0.001
    paper = students.load_recipe("paper")
    assert paper == Recipe(name="paper", save_steps=200)
    assert (paper.lora_r, paper.lora_alpha, paper.learning_rate) == (16, 16, 5e-5)
    assert (paper.epochs, paper.max_length, paper.weight_decay) == (2, 16384, 0.001)
    assert (paper.scheduler, paper.max_train_samples) == ("linear", 10_000)
    changed = students.load_recipe("demo", {"epochs": 3})
    assert changed == students.load_recipe("demo").model_copy(update={"epochs": 3.0})


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: load_pack("dee"), "unknown language 'dee' (did you mean 'de'?); valid: "),
        (lambda: load_pack("xx"), "unknown language 'xx'; valid: ar, cs, de, en, es, id, ja, "),
        (
            lambda: teachers.load_teacher("gemma-3"),
            "unknown teacher 'gemma-3' (did you mean 'gemma-3-270m'?); valid: ",
        ),
        (lambda: teachers.load_teacher("/no/such.toml"), "unknown teacher '/no/such.toml'"),
        (
            lambda: students.load_student("nobody"),
            "unknown student 'nobody'; valid: gemma-3-270m, gemma-3-4b-pt, ",
        ),
        (lambda: students.load_recipe("papr"), "unknown recipe 'papr' (did you mean 'paper'?)"),
        (
            lambda: students.load_recipe("demo", {"lora": 3}),
            "demo.toml: unknown field 'lora'",
        ),
        (
            lambda: students.load_recipe("demo", {"epochs": 0}),
            "demo.toml: field 'epochs': Input should be greater than 0, got 0",
        ),
        (
            lambda: students.load_student("smollm2-135m", {"dtyp": "x"}),
            "smollm2-135m.toml with --student_args: unknown field 'dtyp'",
        ),
        (
            lambda: students.load_student(None, {"dtype": "x"}),
            "--student_args needs pretrained=... where --student is not given",
        ),
        (
            lambda: teachers.teacher_from_flags("hf", {"dtype": "x"}),
            "--teacher hf needs --teacher_args pretrained=... (or model=... for a server)",
        ),
        (
            lambda: teachers.teacher_from_flags("hf", {"pretrained": "x", "form": "poem"}),
            "--teacher_args: field 'form': Input should be 'chat' or 'completion', got 'poem'",
        ),
    ],
)
def test_what_is_said_of_wrong_names_and_fields(load: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


# --- broken files ------------------------------------------------------------------------------

GOOD = '{"id": "x-001", "category": "reasoning", "prompt": "P", "prompt_en": "E", "response": "R"}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", ", line 3: not valid JSON: "),
        ("[1]", ", line 3: no JSON object; write {...} on each line"),
        ("7", ", line 3: no JSON object; write {...} on each line"),
        (
            GOOD.replace('"category": "reasoning", ', ""),
            ":3: field 'category' is missing",
        ),
        (GOOD.replace("reasoning", "jokes"), ":3: field 'category': Input should be 'reasoning'"),
        (GOOD.replace('"P"', '""'), ":3: field 'prompt': String should have at least 1 character"),
        (GOOD.replace('"P"', "7"), ":3: field 'prompt': Input should be a valid string, got 7"),
        (GOOD.replace("}", ', "x": 1}'), ":3: unknown field 'x'"),
        (GOOD.replace("}", ', "x": 1, "y": 1}'), ":3: unknown field 'x' (and 1 more)"),
    ],
)
def test_a_broken_line_of_jsonl(tmp_path: Path, line: str, message: str) -> None:
    copy_of("de", tmp_path / "de")
    file = tmp_path / "de" / "seeds.jsonl"
    file.write_text(f"{GOOD}\n\n{line}\n{GOOD}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_pack("de", str(tmp_path))
    assert str(caught.value).startswith(f"{file}{message}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "German"', 'name = "German', r", line 4: not valid TOML: .*; mend it"),
        ('name = "German"', "", ": field 'name' is missing$"),
        ('name = "German"', 'nam = "German"', ": field 'name' is missing \\(and 1 more\\)$"),
        ('"ltr"', '"up"', ": field 'direction': Input should be 'ltr' or 'rtl', got 'up'$"),
        ('"Latn"', '"latin"', ": field 'script': String should match pattern .*, got 'latin'$"),
        ('response = "Antwort"', "", ": field 'labels.response' is missing$"),
        ('code = "de"', 'code = "de"\nx = 1', ": unknown field 'x'$"),
    ],
)
def test_a_broken_pack(tmp_path: Path, old: str, new: str, message: str) -> None:
    copy_of("de", tmp_path / "de")
    file = tmp_path / "de" / "pack.toml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(str(file)) + message):
        load_pack("de", str(tmp_path))


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    missing = tmp_path / "x"
    for read in (read_toml, lambda path: list(jsonl_rows(path))):
        with pytest.raises(ConfigError, match=f"^{re.escape(str(missing))}: no such file$"):
            read(missing)
    missing.write_bytes(b"\xff\xfe = 1\n")
    with pytest.raises(ConfigError, match="x: not valid TOML: 'utf-8' codec"):
        read_toml(missing)
    with pytest.raises(ConfigError, match="x:1: not UTF-8: 'utf-8' codec"):
        list(jsonl_rows(missing))


def test_line_separators_inside_a_string_are_no_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    text = GOOD.replace('"R"', '"a\u2028b\u0085c"')
    file.write_text(f"{text}\n{GOOD}\n", encoding="utf-8")
    assert [s.response for s in read_jsonl(file, Seed)] == ["a\u2028b\u0085c", "R"]
    assert [number for number, _ in jsonl_rows(file)] == [1, 2]


def test_a_broken_card(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('name = "t"\nmodel = \n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"t\.toml: not valid TOML: .*at line 2, column 9"):
        teachers.load_teacher(str(file))
    file.write_text('name = "t"\nmodel = "hf"\nform = "chat"\nmodel_args = 3\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"t\.toml: field 'model_args': .*, got 3$"):
        teachers.load_teacher(str(file))


def test_an_unknown_language_of_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    (tmp_path / "polyglot_x.yaml").write_text(
        "task: polyglot_x\ncustom_dataset: !function polyglot_harness.lm.tasks.load_documents\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: text\ndoc_to_target: ''\n"
        "metadata:\n  language: xx\n  strategy: respond\n",
        encoding="utf-8",
    )
    manager = task_manager(["polyglot_x"], include_path=str(tmp_path))
    with pytest.raises(ConfigError, match="unknown language 'xx'; valid: ar, cs, de"):
        load_tasks(manager, ["polyglot_x"])
