"""The command line as a user meets it: help, lists, and what bad input gives back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SUBCOMMANDS = [
    "run", "generate", "measure", "train", "mix", "prefer", "evaluate", "compare", "score",
    "analyze", "export", "ls", "models", "tasks-path", "init-language", "validate",
]  # fmt: skip
HEAVY = ("torch", "transformers", "datasets", "lm_eval", "trl", "peft", "pydantic", "numpy")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from polyglot_harness.cli import build_parser; build_parser().format_help(); "
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, polyglot_harness; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_each_subcommand_has_help(cli, command):
    done = cli(command, "--help")
    assert done.returncode == 0
    assert command in done.stdout and len(done.stdout.splitlines()) > 5


def test_shared_flags_mean_what_they_mean_in_lm_eval():
    import argparse

    from lm_eval._cli.run import Run

    from polyglot_harness.cli import build_parser

    theirs = Run(argparse.ArgumentParser().add_subparsers())._parser._option_string_actions
    ours = build_parser()._subparsers._group_actions[0].choices["run"]._option_string_actions
    shared = [
        "--limit", "--batch_size", "--device", "--seed", "--gen_kwargs", "--include_path",
        "--output_path", "--config", "--apply_chat_template", "--system_instruction", "--tasks",
        "--model", "--model_args", "-L", "-b", "-o", "-C", "-t", "-M", "-a",
    ]  # fmt: skip
    for flag in shared:
        assert flag in theirs, f"lm-eval dropped {flag}"
        assert flag in ours, flag
        if flag not in ("--model", "-M"):  # ours takes several
            assert theirs[flag].nargs == ours[flag].nargs, flag


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("languages", ["ar", "cs", "de", "es", "id", "ja", "Čeština", "日本語", "pivot"]),
        ("teachers", ["smollm2-135m-instruct", "gemma-3-270m", "completion"]),
        ("strategies", ["generate", "translate", "respond", "refine"]),
        ("checks", ["language", "refusal", "near_duplicate", "0.8", "contamination", "13"]),
        ("metrics", ["distinct_ri", "perplexity", "length", "language_fidelity"]),
        ("students", ["smollm2-135m", "gold"]),
        ("recipes", ["demo", "paper", "5e-05"]),
        ("tasks", ["polyglot_teach_de_respond", "polyglot_mini_ja", "group"]),
    ],
)
def test_ls(cli, kind, expected):
    done = cli("ls", kind)
    assert done.returncode == 0, done.stderr
    for word in expected:
        assert word in done.stdout


def test_tasks_path_is_a_folder_of_packs(cli):
    path = Path(cli("tasks-path").stdout.strip())
    assert (path / "de" / "pack.toml").is_file()


RUN = ("run", "--teacher", "gemma-3-270m", "--languages", "de")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("run",), 2, ["--teacher", "gemma-3-270m"]),
        (("run", "--teacher", "gema-3-270m"), 2, ["unknown teacher", "did you mean", "smollm2"]),
        ((*RUN[:3], "--languages", "xx"), 2, ["unknown language 'xx'", "ar, cs, de, en, es"]),
        ((*RUN, "--strategies", "invent"), 2, ["unknown strategy", "generate, refine, respond"]),
        ((*RUN, "--metrics", "beauty"), 2, ["unknown metric", "distinct_ri"]),
        ((*RUN, "--recipe", "cake"), 2, ["unknown recipe", "croco-sft, demo, full, paper"]),
        ((*RUN, "--student", "nobody"), 2, ["unknown student", "smollm2-135m"]),
        ((*RUN, "--recipe_args", "epoch=3"), 2, ["unknown field 'epoch'"]),
        ((*RUN, "--recipe_args", "epochs=-1"), 2, ["epochs", "greater than 0"]),
        ((*RUN, "--limit", "0"), 2, ["--limit", "at least 1"]),
        ((*RUN, "--limit", "many"), 2, ["--limit", "whole number"]),
        ((*RUN, "--batch_size", "-3"), 2, ["--batch_size"]),
        ((*RUN, "--alpha", "1.5"), 2, ["--alpha", "from 0 to 1"]),
        ((*RUN, "--gen_kwargs", "temperature"), 2, ["key=value"]),
        ((*RUN, "--tasks", "polyglot_mini_{lang}_chess"), 2, ["unknown task", "polyglot_mini_de"]),
        ((*RUN, "--config", "nowhere.yaml"), 2, ["nowhere.yaml", "no such file"]),
        (("run", "--teacher", "hf", "--teacher_args", "pretrained=/no/such/model"), 2,
         ["/no/such/model", "does not exist"]),
        ((*RUN, "--student_args", "pretrained=./nothing"), 2, ["./nothing", "does not exist"]),
        (("run", "--teacher", "gpt9", "--teacher_args", "pretrained=x"), 2,
         ["unknown model type 'gpt9'", "vllm"]),
        (("run", "--teacher", "hf", "--teacher_args", "dtype=float32"), 2, ["pretrained="]),
        (("measure", "nowhere.jsonl", "--languages", "de"), 2, ["nowhere.jsonl", "no such file"]),
        (("measure", "x.jsonl", "--metrics", "rubric"), 2, ["rubric", "--judge"]),
        (("measure", "x.jsonl", "--metrics", "reward"), 2, ["reward", "--reward_model"]),
        (("measure", "x.jsonl", "--metrics", "comet"), 2, ["comet", "--comet_model"]),
        (("measure", "x.jsonl", "--embedder", "word2vec"), 2,
         ["word2vec", "sentence-transformers"]),
        (("score", "."), 2, ["run.json"]),
        (("train", "gold:xx"), 2, ["unknown language 'xx'"]),
        (("evaluate", "--languages", "de", "--adapter", "."), 2, ["*.safetensors"]),
        (("models", "pull", "gpt-9"), 2, ["gpt-9", "gemma-3-270m"]),
        (("ls", "dragons"), 2, ["languages"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(cli, tmp_path, arguments, status, words):
    done = cli(*arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    message = done.stderr.strip()
    assert len(message.splitlines()) == 1, message
    for word in words:
        assert word in message
    assert not list(tmp_path.iterdir()), "bad input must leave nothing behind"


def broken_pack(folder: Path, name: str, text: str) -> Path:
    """Copy the German pack as `xx`, with one file replaced."""
    import shutil

    from polyglot_harness.assets import tasks_path

    shutil.copytree(tasks_path() / "de", folder / "xx")
    for template in tasks_path().glob("_*"):
        shutil.copy(template, folder)
    (folder / "xx" / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("pack.toml", 'code = "xx"\nname = \n', ["xx/pack.toml", "line 2"]),
        ("pack.toml", 'code = "xx"\n', ["xx/pack.toml", "is missing"]),
        ("seeds.jsonl", '{"id": "a"}\n', ["xx/seeds.jsonl:1", "category"]),
        ("seeds.jsonl", "\n{oops\n", ["xx/seeds.jsonl, line 2"]),
    ],
)
def test_a_broken_pack_names_file_and_line(cli, tmp_path, name, text, words):
    folder = broken_pack(tmp_path / "packs", name, text)
    done = cli("run", "--teacher", "gemma-3-270m", "--languages", "xx", "--include_path", folder,
               cwd=tmp_path)  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_a_broken_yaml_of_a_pack_names_file_and_line(cli, tmp_path):
    folder = broken_pack(tmp_path / "packs", "polyglot_teach_xx_respond.yaml", "task: [\nfoo: }\n")
    pack = (folder / "xx" / "pack.toml").read_text(encoding="utf-8")
    (folder / "xx" / "pack.toml").write_text(pack.replace('"de"', '"xx"', 1), encoding="utf-8")
    done = cli("run", "--teacher", "gemma-3-270m", "--languages", "xx", "--include_path", folder,
               cwd=tmp_path)  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "polyglot_teach_xx_respond.yaml" in done.stderr and "line" in done.stderr


def test_dry_run_runs_nothing(cli, tmp_path):
    done = cli(*RUN, "--dry_run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "lang:de|strat:gen+tr+resp|n:64|seed:0" in done.stdout
    assert "nothing was run" in done.stdout
    assert not list(tmp_path.iterdir())


def test_config_file_is_overridden_by_flags(cli, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("teacher: gemma-3-270m\nlanguages: [de, id]\nlimit: 7\nseed: 3\n")
    done = cli("run", "--config", config, "--limit", "9", "--dry_run", cwd=tmp_path)
    assert "lang:id|strat:gen+tr+resp|n:9|seed:3" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("teacher: [a\nlimit: 3\n", ["c.yaml:"]),
        ("techer: a\n", ["unknown key", "techer", "did you mean 'teacher'"]),
        ("- 1\n", ["mapping"]),
    ],
)
def test_a_wrong_config_file_is_named(cli, tmp_path, text, words):
    config = tmp_path / "c.yaml"
    config.write_text(text)
    done = cli("run", "--config", config, "--dry_run", cwd=tmp_path)
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr


def test_an_output_folder_of_another_spec_is_refused(cli, tmp_path):
    from polyglot_harness.cli import build_parser
    from polyglot_harness.cli.run_folder import claim
    from polyglot_harness.cli.spec_of import spec_of

    args = build_parser().parse_args([*RUN, "--limit", "5"])
    claim(tmp_path / "out", spec_of(args), update=False)
    done = cli(*RUN, "--limit", "6", "--seed", "1", "--output_path", tmp_path / "out")
    assert done.returncode == 2
    assert "differs in: limit, seed" in done.stderr and "--update" in done.stderr


def test_a_run_json_cut_in_half_is_a_store_error(cli, tmp_path):
    (tmp_path / "run.json").write_text('{"teachers": [{"na')
    done = cli("score", tmp_path)
    assert done.returncode == 5
    assert "run.json" in done.stderr and "delete it" in done.stderr


def test_no_disk_space_is_one_line_and_status_5(cli, tmp_path):
    """A file-size limit of the kernel stands for the full disk: writes fail for real."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
        "from polyglot_harness.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *RUN, "--output_path", str(tmp_path / "out")],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "140"}, check=False,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert "no space left" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_a_clean_stop_that_says_how_to_go_on(tmp_path):
    import signal

    process = subprocess.Popen(
        [sys.executable, "-m", "polyglot_harness", *RUN, "--limit", "64", "--output_path",
         str(tmp_path / "out")],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "140"},
        # a shell's background jobs ignore it, and so would their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 240
    # the model is loaded, the log of replies is open
    while not list(tmp_path.glob("out/replies/*/*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "same command again" in stderr and "Traceback" not in stderr
    json.loads((tmp_path / "out" / "run.json").read_text())
