"""`init-language`: what it knows of a language, and that only what is marked TODO is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from polyglot_harness.assets import tasks_path
from polyglot_harness.cli import main
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import read_toml
from polyglot_harness.lm.builtin_names import builtin_names
from polyglot_harness.safety import findings
from polyglot_harness.skeleton import pack_files, write_pack
from polyglot_harness.skeleton.benchmarks import benchmarks
from polyglot_harness.skeleton.facts import facts
from polyglot_harness.validation import validate
from polyglot_harness.validation.pack import PLACEHOLDER

FACTS = {
    "vi": ("vie", "Vietnamese", "Tiếng Việt", "Latn", "ltr", "words"),
    "ar": ("ara", "Arabic", "العربية", "Arab", "rtl", "words"),
    "he": ("heb", "Hebrew", "עברית", "Hebr", "rtl", "words"),
    "th": ("tha", "Thai", "ไทย", "Thai", "ltr", "characters"),
    "zh": ("zho", "Chinese", "中文", "Hans", "ltr", "characters"),
    "sr": ("srp", "Serbian", "српски", "Cyrl", "ltr", "words"),
    "sw": ("swa", "Swahili", "Kiswahili", "Latn", "ltr", "words"),
    "ko": ("kor", "Korean", "한국어", "Kore", "ltr", "words"),
}
SUITE = {
    # Global-MMLU-Lite, MGSM, M-RewardBench, FLORES+
    "vi": ("full", "", "vie_Latn", "vie_Latn"),
    "ar": ("lite", "", "arb_Arab", "arb_Arab"),
    "sw": ("lite", "sw", "", "swh_Latn"),
    "th": ("", "th", "", "tha_Thai"),
    "zh": ("lite", "zh", "zho_Hans", "cmn_Hans"),
    "fa": ("full", "", "pes_Arab", "pes_Arab"),
    "an": ("", "", "", ""),
}


def skeleton(code: str) -> dict[str, str]:
    known = facts(code)
    return pack_files(known, benchmarks(known))


def init(*arguments: object) -> int:
    return main(["init-language", *map(str, arguments)])


@pytest.mark.parametrize("code", FACTS)
def test_knows_names_script_and_direction(code):
    assert facts(code)[1:] == FACTS[code]


@pytest.mark.parametrize("code", SUITE)
def test_knows_which_benchmarks_there_are(code):
    found = benchmarks(facts(code))
    assert (found.global_mmlu, found.mgsm, found.reward_bench, found.flores) == SUITE[code]
    assert set(found.wider) <= set(builtin_names())


def test_finds_lm_evals_own_tasks_by_name():
    assert benchmarks(facts("vi")).wider == (
        "belebele_vie_Latn", "include_base_44_vietnamese", "mmlu_prox_lite_vi", "xcopa_vi",
        "xnli_vi", "global_piqa_nonparallel_cloze_vie_latn", "global_piqa_parallel_cloze_vie_latn",
    )  # fmt: skip
    assert "belebele_kor_Hang" in benchmarks(facts("ko")).wider
    assert "global_piqa_parallel_cloze_spa_latn_peru" in benchmarks(facts("es")).wider
    assert "include_base_44_bengali" in benchmarks(facts("bn")).wider


def load(text: str) -> Any:
    return yaml.safe_load(text)


@pytest.mark.parametrize("code", ["ar", "cs", "de", "es", "id", "ja", "ko"])
def test_says_what_the_built_in_packs_say(code):
    """The packs were written by hand: what the skeleton would write must mean the same."""
    ours = tasks_path() / code
    for name, text in skeleton(code).items():
        if not name.endswith(".yaml") or "mgsm" in name:
            continue
        assert (ours / name).is_file(), name
        made, hand = load(text), load((ours / name).read_text(encoding="utf-8"))
        if name.startswith(("polyglot_wider", "polyglot_mini", "polyglot_student")):
            assert set(made.pop("task")) <= set(hand.pop("task")), name
        assert made == hand, name
    toml, known = read_toml(ours / "pack.toml"), facts(code)._asdict()
    # Korean without Chinese characters
    known["script"] = {"Kore": "Hang"}.get(known["script"], known["script"])
    for name in ("code", "iso639_3", "name", "script", "direction", "length_unit"):
        assert toml[name] == known[name], name


@pytest.mark.parametrize("code", ["vi", "th", "he"])
def test_validate_finds_nothing_but_what_is_to_be_filled_in(code, tmp_path):
    write_pack(tmp_path / code, skeleton(code))
    report = validate([tmp_path / code])
    expected = {
        path: [n for n, line in enumerate(path.read_text("utf-8").split("\n"), 1)
               if PLACEHOLDER.search(line)]
        for path in (tmp_path / code).rglob("*") if path.is_file() and path.suffix != ".md"
    }  # fmt: skip
    expected = {path: lines for path, lines in expected.items() if lines}
    assert {"seeds.jsonl", "pack.toml", "capitals.jsonl"} <= {path.name for path in expected}
    told = {finding.path: finding for finding in report.errors}
    assert len(told) == len(report.errors) and set(told) == set(expected)
    for path, lines in expected.items():
        assert told[path].line == lines[0] and "TODO" in told[path].problem
        named = re.findall(r"\d+", told[path].problem)
        assert named == [str(line) for line in lines] or len(lines) == 1, told[path].problem
    (pack,) = report.packs
    # all that has its data here is built; and nothing is lost without a word
    assert pack.built == 5 and pack.tasks == pack.built + len(pack.not_built)
    assert all(f.path.name == "seeds.jsonl" for f in report.findings if f.level == "warning")


def two_letter_codes() -> list[str]:
    from babel import Locale

    return sorted(code for code in Locale("en").languages if len(code) == 2)


def test_what_cldr_does_not_know_is_left_to_be_filled_in():
    known = {code: facts(code) for code in two_letter_codes()}
    assert len(known) > 150
    for code, found in known.items():
        assert re.fullmatch("[a-z]{3}", found.iso639_3) and found.name, code
        assert re.fullmatch("[A-Z][a-z]{3}|TODO", found.script), code
        assert found.direction in ("ltr", "rtl", "TODO"), code
    assert known["vi"].own_name != "TODO" == known["ho"].own_name


def test_every_skeleton_is_safe_and_has_a_placeholder_of_each_category(tmp_path):
    for code in two_letter_codes()[::8]:
        write_pack(tmp_path / code, skeleton(code))
        rows = (tmp_path / code / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
        assert len({json.loads(row)["category"] for row in rows}) == len(rows) == 10
        assert all(PLACEHOLDER.search(row) for row in rows)
    assert not findings(tmp_path)


def test_writes_where_it_is_told_and_says_what_comes_next(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        init("vi", "--output", "my", "--own_name", "हिन्दी (Việt)", "--length_unit", "characters")
        == 0
    )
    told = capsys.readouterr()
    assert not told.err
    pack = read_toml(Path("my/vi/pack.toml"))
    assert (pack["own_name"], pack["length_unit"]) == ("हिन्दी (Việt)", "characters")
    listed = [line for line in told.out.splitlines() if line.startswith("my/")]
    assert sorted(listed) == sorted(str(p) for p in Path("my").rglob("*") if p.is_file())
    assert "polyglot-harness validate my/vi" in told.out
    assert "--include_path my --languages vi" in told.out
    for path in Path("my").glob("_*"):
        assert path.read_bytes() == (tasks_path() / path.name).read_bytes()


def test_in_a_checkout_it_goes_to_its_tasks(tmp_path, capsys, monkeypatch):
    for path in tasks_path().glob("_*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))
    assert init("vi") == 0
    assert (tmp_path / "vi" / "pack.toml").is_file()
    assert "run --languages vi" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["pack.toml", "mini/capitals.jsonl", "seeds.jsonl"])
def test_never_overwrites_a_file(name, tmp_path, capsys):
    (tmp_path / "vi" / name).parent.mkdir(parents=True)
    (tmp_path / "vi" / name).write_text("mine", encoding="utf-8")
    assert init("vi", "--output", tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/vi/{name}: exists" in line
    assert [p.read_text() for p in tmp_path.rglob("*") if p.is_file()] == ["mine"]


def test_shared_templates_of_another_version_are_named(tmp_path, capsys):
    (tmp_path / "_teach_yaml").write_text("old", encoding="utf-8")
    assert init("vi", "--output", tmp_path) == 2
    assert f"{tmp_path}/_teach_yaml: differs" in capsys.readouterr().err
    assert not (tmp_path / "vi").exists()


@pytest.mark.parametrize(
    ("given", "near"),
    [("vietnamese", "vi (Vietnamese)"), ("vie", "vi (Vietnamese)"), ("Thai", "th (Thai)"),
     ("../vi", "vi (Vietnamese)"), ("", "")],
)  # fmt: skip
def test_an_unknown_code_is_one_line_with_close_ones(given, near, tmp_path, capsys):
    assert init(given, "--output", tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert repr(given) in line and near in line and len(line) < 200
    assert not list(tmp_path.iterdir())


def test_warns_of_a_language_that_cannot_be_identified(tmp_path, capsys):
    assert init("yi", "--output", tmp_path) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "warning" in line and "'yi'" in line


@pytest.mark.parametrize("value", ['a "b"', "a\nb = 1", "a\\", "{{ a }}", "a: b"])
def test_a_name_that_would_break_a_file_is_refused(value, tmp_path, capsys):
    assert init("vi", "--output", tmp_path, "--name", value) == 2
    assert "--name" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "packs").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_pack(tmp_path / "packs" / "vi", {"pack.toml": "x"})
