"""``prefer`` from the command line: small and random for its logic, SmolLM2 for what is claimed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from reward_maker import make_reward_model

from polyglot_harness.cli import main, prefer
from polyglot_harness.languages import load_pack
from polyglot_harness.preference.pairs import POOLS, RULES

REWARD = """
from polyglot_harness.language_id import identify

def in_language(prompts, responses, language):
    return [(identify(r, language) == language) + min(len(r), 900) / 1000 for r in responses]

def length(prompts, responses, language):
    return [len(r) for r in responses]

def equal(prompts, responses, language):
    return [1.0] * len(responses)

def none(prompts, responses, language):
    return [None] * len(responses)
"""


@pytest.fixture
def reward(tmp_path: Path) -> str:
    path = tmp_path / "reward.py"
    path.write_text(REWARD)
    return f"python:{path}:"


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def arguments(student: Path, out: Path, *more: str) -> list[str]:
    return [
        "prefer", "--student_args", f"pretrained={student}", "--languages", "de", "--limit", "3",
        "--samples", "4", "--gen_kwargs", "max_gen_toks=12", "--output_path", str(out), *more,
    ]  # fmt: skip


def test_pairs_are_made_told_and_found_again(
    tiny_student: Path, tmp_path: Path, reward: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    same = arguments(tiny_student, out, "--reward", f"{reward}length", "--no_train")
    assert main(same) == 0
    said = capsys.readouterr().out
    assert "rank correlation with length" in said and "1.00" in said
    assert "German: the rewards" in said and "they favour longer responses (1.00" in said
    assert "3 pairs from 3 prompts." in said
    pairs = Path(next(line for line in said.splitlines() if line.endswith("pairs.jsonl")))
    made = rows(pairs)
    assert [row["id"] for row in made] == [f"de:{seed.id}" for seed in load_pack("de").seeds[:3]]
    assert all(len(row["chosen"]) > len(row["rejected"]) for row in made)
    assert main(same) == 0
    assert capsys.readouterr().err.count("found finished") == 3
    # another rule scores nothing anew, another reward samples nothing anew
    assert main([*same, "--pairs", "min"]) == 0
    assert capsys.readouterr().err.count("found finished") == 2
    assert main([*same, "--reward", f"{reward}in_language"]) == 0
    assert capsys.readouterr().err.count("found finished") == 1
    assert len(list((out / "replies").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("method", "kind"), [("dpo", "prefer_train"), ("sft-best", "train")])
def test_a_student_is_trained_and_the_next_commands_are_named(
    tiny_student: Path, tmp_path: Path, reward: str, method: str, kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out"
    recipe = ("--recipe_args", "batch_size=2", "held_out=0", "gradient_checkpointing=false")
    same = arguments(tiny_student, out, "--reward", f"{reward}length", "--method", method, *recipe)
    assert main(same) == 0
    *_, trained, evaluate, compare, weights = capsys.readouterr().out.splitlines()
    assert re.match(r"3 (pairs|examples), 2 steps, loss \d+\.\d+ -> \d", trained), trained
    assert (Path(weights) / "adapter_config.json").is_file() and kind in weights
    student = f"--student_args pretrained={tiny_student}"
    assert evaluate.endswith(f"evaluate {student} --adapter {weights} --languages de")
    assert compare.endswith(f"compare {weights} base {student} --languages de --judge NAME")
    if method == "dpo":  # tuned again from there, the policy is another one
        assert main([*same, "--adapter", weights]) == 0
        assert len(list((out / "answer").iterdir())) == 2
        again = capsys.readouterr().out.splitlines()[-1]
        assert (Path(again) / "config.json").is_file(), "what was merged is saved as a whole model"


def test_candidates_of_others(
    tiny_student: Path, tmp_path: Path, reward: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, given = tmp_path / "out", tmp_path / "theirs.jsonl"
    texts = [("Wer bist du?", "Ich."), ("Wer bist du?", "Ich bin es."), ("Wo?", "Hier.")]
    given.write_text(
        "".join(json.dumps({"prompt": p, "response": r, "language": "de"}) + "\n" for p, r in texts)
    )
    same = ["prefer", "--student_args", f"pretrained={tiny_student}", "--languages", "de",
            "--reward", f"{reward}length", "--no_train", "--output_path", str(out)]  # fmt: skip
    assert main([*same, "--candidates_from", str(given)]) == 0
    said = capsys.readouterr().out
    assert "1 pairs from 2 prompts (1 too_few_candidates)." in said
    (pair,) = rows(one(out, "pairs/theirs-*/pairs.jsonl"))
    assert (pair["chosen"], pair["rejected"]) == ("Ich bin es.", "Ich.")
    # of another model, and its answers again as a folder
    other = [
        "--candidates_from", "hf", "--candidates_args", f"pretrained={tiny_student}", "name=other",
        "--limit", "2", "--samples", "3", "--gen_kwargs", "max_gen_toks=8",
    ]  # fmt: skip
    assert main([*same, *other]) == 0
    folder = one(out, "answer/other-*")
    assert main([*same, "--limit", "2", "--candidates_from", str(folder)]) == 0
    made = {path.read_text() for path in out.glob("pairs/*/pairs.jsonl")}
    assert len(made) == 2, "the same candidates make the same pairs, wherever they come from"


def test_the_flags_know_all_rules_and_pools() -> None:
    assert (prefer.RULES, prefer.POOLS) == (RULES, POOLS)


def test_a_dry_run_asks_for_nothing(
    tiny_student: Path, tmp_path: Path, reward: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(arguments(tiny_student, out, "--reward", f"{reward}length", "--dry_run")) == 0
    said = capsys.readouterr().out
    assert re.search(r"de\s+│\s+3 │.*│\s+12 │\s+\d+ │\s+144 │", said), said
    assert "recipe croco: dpo" in said and "Nothing was asked." in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        (["--reward", "REWARDequal", "--no_train"], 4, "no pair from 3 prompts (3 no_spread)"),
        (["--reward", "REWARDnone", "--no_train"], 4, "gave none of 12 answers a reward"),
        (["--reward", "nonsense"], 2, "--reward nonsense: expected hf:MODEL"),
        (["--reward", "REWARDlength", "--samples", "1"], 2, "a pair needs at least two responses"),
        (["--reward", "REWARDlength", "--recipe", "demo"], 2, "recipe 'demo' is of the method"),
        (["--reward", "REWARDlength", "--languages", "de,id", "--pool", "all_lang", "--no_train"],
         2, "no prompt's id stands in two of the languages de, id"),
        (["--reward", "REWARDlength", "--candidates_from", "nobody"], 2, "no such file, and no"),
        (["--reward", "REWARDlength", "--prompts", "gold:id"], 2, "no prompts in 'de'"),
        (["--reward", "REWARDlength", "--gen_kwargs", "temperature=0"], 2, "would all be equal"),
        (["--reward", "REWARDlength", "--adapter", "nowhere"], 2, "nowhere: no such folder"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_a_line(
    tiny_student: Path, tmp_path: Path, reward: str, more: list[str], status: int, message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given = [text.replace("REWARD", reward) for text in more]
    assert main(arguments(tiny_student, tmp_path / "out", *given)) == status
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("polyglot-harness: error: ") and message in last, last


# --- SmolLM2 -----------------------------------------------------------------------------------


def command(out: Path, reward: str) -> list[str]:
    return ["prefer", "--student", "smollm2-135m", "--languages", "de", "--limit", "3", "--samples",
            "8", "--gen_kwargs", "max_gen_toks=24", "--no_train", "--reward", reward,
            "--output_path", str(out)]  # fmt: skip


def killed(arguments: list[str], log: str, out: Path, replies: int) -> None:
    """Start a command, and kill it as soon as so many replies are on disk."""
    process = subprocess.Popen(
        [sys.executable, "-m", "polyglot_harness", *arguments], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 400
    while process.poll() is None:
        there = sum(path.read_bytes().count(b"\n") for path in out.glob(log))
        if there >= replies:
            os.killpg(process.pid, signal.SIGKILL)
            break
        assert time.monotonic() < deadline, "nothing was sampled"
        time.sleep(0.01)
    _, stderr = process.communicate()
    assert process.returncode == -signal.SIGKILL, stderr


@pytest.mark.slow
def test_real_samples_make_real_pairs_and_a_kill_changes_nothing(
    tmp_path: Path, reward: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """SmolLM2 answers German prompts in German or English: both rewards prefer the German ones."""
    assert make_reward_model(tmp_path / "model") >= 0.95
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    assert main(command(whole, f"hf:{tmp_path}/model")) == 0
    log = "replies/*/replies.jsonl"
    killed(command(torn, f"hf:{tmp_path}/model"), log, torn, 9)
    there = one(torn, log).read_bytes()
    assert 0 < there.count(b"\n") < 24
    assert main(command(torn, f"hf:{tmp_path}/model")) == 0
    assert one(torn, log).read_bytes().startswith(there[: there.rindex(b"\n") + 1])
    for name in ("answer/*/answers.jsonl", "reward/*/rewards.jsonl", "pairs/*/pairs.jsonl",
                 "pairs/*/rewards.svg"):  # fmt: skip
        assert one(torn, name).read_bytes() == one(whole, name).read_bytes()
    assert len(rows(one(whole, "answer/*/answers.jsonl"))) == 24
    # a plain function scores the same samples
    assert main(command(whole, f"{reward}in_language")) == 0
    assert len(list((whole / "answer").iterdir())) == 1
    capsys.readouterr()
