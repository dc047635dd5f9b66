"""English, the pivot: run only where it is named, and never translated to."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from polyglot_harness.assets import tasks_path
from polyglot_harness.cli import build_parser
from polyglot_harness.cli.spec_of import spec_of
from polyglot_harness.curation.duplicates import find_duplicates
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import jsonl_rows
from polyglot_harness.languages import (
    english_prompts,
    load_pack,
    pack_digest,
    pack_folders,
    strategies_of,
    target_codes,
)
from polyglot_harness.spec import CATEGORIES
from polyglot_harness.strategies.documents import documents
from polyglot_harness.validation import validate
from tests.conftest import Cli

TRANSLATE = (
    "strategy 'translate' makes nothing in English ('en'), which is what prompts are translated "
    "from; valid: generate, respond, refine"
)
TARGETS = ("ar", "cs", "de", "es", "id", "ja", "ko", "tl")


def pack_as(role: str, folder: Path, code: str = "en") -> None:
    """Copy the English pack, without its tasks, in another role and under another code."""
    shutil.copytree(tasks_path() / "en", folder / code, ignore=shutil.ignore_patterns("*.yaml"))
    file = folder / code / "pack.toml"
    text = file.read_text("utf-8").replace('role = "pivot"', role)
    file.write_text(text.replace('code = "en"', f'code = "{code}"'), encoding="utf-8")


def test_a_run_that_names_no_language_covers_the_targets(tmp_path: Path) -> None:
    assert target_codes() == TARGETS
    assert set(pack_folders()) - set(TARGETS) == {"en"}
    pack_as('role = "target"', tmp_path)
    assert target_codes(str(tmp_path)) == tuple(sorted([*TARGETS, "en"]))
    pack_as('role = "pivot"', tmp_path, "fr")
    assert "fr" not in target_codes(str(tmp_path))


def test_the_role_is_a_target_unless_it_is_said(tmp_path: Path) -> None:
    pack_as("", tmp_path)
    assert load_pack("en", str(tmp_path)).role == "target"
    pack_as('role = "both"', tmp_path / "wrong")
    with pytest.raises(ConfigError, match="'role': Input should be 'target' or 'pivot', got 'both"):
        load_pack("en", str(tmp_path / "wrong"))


def test_a_role_changes_nothing_that_is_made_of_a_pack(tmp_path: Path) -> None:
    pack_as("", tmp_path)
    assert pack_digest(load_pack("en", str(tmp_path))) == pack_digest(load_pack("en"))


def spec_for(*arguments: str):
    return spec_of(build_parser().parse_args(arguments))


def test_the_command_line_takes_english_where_it_is_named() -> None:
    teacher = ("--teacher", "smollm2-135m-instruct")
    assert spec_for("generate", *teacher).languages == TARGETS
    named = spec_for("generate", *teacher, "--languages", "en,de", "--strategies", "respond")
    assert named.languages == ("en", "de")
    # a subcommand that asks no teacher has nothing to translate
    assert spec_for("evaluate", "--languages", "en").languages == ("en",)
    for arguments in (("--languages", "en"), ("--languages", "de,en", "--strategies", "translate")):
        with pytest.raises(ConfigError) as caught:
            spec_for("generate", *teacher, *arguments)
        assert str(caught.value) == TRANSLATE
    with pytest.raises(ConfigError, match="unknown strategy 'tranlate' .did you mean 'translate'"):
        spec_for("generate", *teacher, "--strategies", "tranlate")


def test_nothing_is_translated_into_the_pivot(cli: Cli) -> None:
    pack = load_pack("en")
    assert strategies_of(pack) == ("generate", "respond", "refine")
    with pytest.raises(ConfigError) as caught:
        documents(pack, "translate", 1)
    assert str(caught.value) == TRANSLATE
    done = cli("generate", "--teacher", "smollm2-135m-instruct", "--languages", "en",
               "--strategies", "translate", "--dry_run")  # fmt: skip
    assert (done.returncode, done.stderr) == (2, f"polyglot-harness: error: {TRANSLATE}\n")


@pytest.mark.parametrize("strategy", ["generate", "respond", "refine"])
def test_its_own_instructions_are_the_shared_ones(strategy: str) -> None:
    pack = load_pack("en")
    english, own = (documents(pack, strategy, 3, instruction_language=of) for of in ("en", "own"))
    assert english == own


def test_what_is_missing_is_said_of_what_could_be_there() -> None:
    report = validate([tasks_path() / "en"])
    assert report.findings == ()
    (pack,) = report.packs
    assert [what for what, why in pack.coverage.items() if why and "hub" not in why] in (
        ["M-RewardBench"],
    )
    assert not any("translation" in what or "instructions" in what for what in pack.coverage)


def test_the_instruction_set() -> None:
    seeds = load_pack("en").seeds
    assert Counter(seed.category for seed in seeds) == dict.fromkeys(CATEGORIES, 13)
    assert all(seed.prompt == seed.prompt_en for seed in seeds)
    sizes = [len(seed.response.split()) for seed in seeds]
    assert min(sizes) >= 15
    assert max(sizes) <= 90
    assert all(seed.response[-1] in ".!?\"'" for seed in seeds)


def test_no_two_prompts_are_alike_here_and_elsewhere() -> None:
    seeds = load_pack("en").seeds
    held_out = tasks_path() / "en" / "mini" / "reply.jsonl"
    texts = [str(row["prompt"]) for _, row in jsonl_rows(held_out)]
    texts += [prompt.prompt for prompt in english_prompts()] + [seed.prompt for seed in seeds]
    # what the other packs ask, told in English
    texts += [s.prompt_en for code in TARGETS for s in load_pack(code).seeds]
    first = len(texts) - sum(len(load_pack(code).seeds) for code in TARGETS)
    found = find_duplicates(texts, 0.7)
    assert {a: b for a, b in found.items() if b < first} == {}
    assert find_duplicates([seed.response for seed in seeds], 0.5) == {}
