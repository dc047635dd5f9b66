"""``train`` and ``evaluate --adapter`` as a user types them; real training of a tiny student."""

from __future__ import annotations

import argparse
import csv
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.cli import build_parser, main
from polyglot_harness.cli.recipe_flags import FIELD_FLAGS, training_options
from polyglot_harness.spec import Recipe, TrainingOptions

Run = Callable[..., tuple[int, str, str]]
TASK = ("--tasks", "polyglot_mini_id_word_order", "--eval_limit", "4")
QUICK = ("--epochs", "1", "--train_batch_size", "4", "--warmup_steps", "0",
         "--learning_rate", "0.05", "--max_length", "1024")  # fmt: skip


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: (exit status, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = int(error.code or 0)
        found = capsys.readouterr()
        return status, found.out, found.err

    return call


@pytest.fixture
def tiny(tiny_student: Path) -> tuple[str, ...]:
    return ("--student_args", f"pretrained={tiny_student}", "name=tiny", "--device", "cpu")


# --- flags ---------------------------------------------------------------------------------------


def parsed(*arguments: str) -> argparse.Namespace:
    return build_parser().parse_args(["train", "gold:de", *arguments])


def test_every_field_of_a_recipe_is_a_flag_in_train_and_run() -> None:
    fields = set(Recipe.model_fields) - {"name", "method", "notes"}
    for command, data in (("train", ["gold:de"]), ("run", [])):
        for field in fields:
            flag = f"--{FIELD_FLAGS.get(field, field)}"
            args = build_parser().parse_args([command, *data, flag, "1"])
            assert set(args.recipe_args) == {field}


@pytest.mark.parametrize(
    ("arguments", "recipe"),
    [
        ((), None),
        (("--epochs", "3"), {"epochs": 3}),
        (("--learning_rate", "5e-5", "--packing"), {"learning_rate": 5e-5, "packing": True}),
        (("--packing", "false"), {"packing": False}),
        (("--tuning", "full"), {"tuning": "full"}),
        (("--target_modules", "all-linear"), {"target_modules": ["all-linear"]}),
        (("--target_modules", "q_proj,v_proj", "o_proj"),
         {"target_modules": ["q_proj", "v_proj", "o_proj"]}),
        (("--train_batch_size", "32"), {"batch_size": 32}),
        # lm-eval's, which is another thing
        (("--batch_size", "32"), None),
        # the last one counts, whichever way it is given
        (("--epochs", "3", "--recipe_args", "epochs=4,lora_r=8"), {"epochs": 4, "lora_r": 8}),
        (("--recipe_args", "epochs=4", "lora_r=8", "--epochs", "3"), {"epochs": 3, "lora_r": 8}),
    ],
)  # fmt: skip
def test_flags_are_fields_of_the_recipe(arguments: Any, recipe: Any) -> None:
    assert parsed(*arguments).recipe_args == recipe


def test_how_a_training_is_run_and_kept() -> None:
    assert training_options(parsed()) == TrainingOptions()
    found = training_options(parsed("--save", "merged", "--auto_batch", "--report_to", "wandb"))
    assert found == TrainingOptions(save="merged", auto_batch=True, report_to="wandb")
    assert training_options(build_parser().parse_args(["run", "--auto_batch"])).auto_batch


def test_help_teaches_and_run_is_not_flooded(run: Run) -> None:
    _, text, _ = run("train", "--help")
    for word in ("gold:de", "--learning_rate", "--scales", "--columns prompt=Frage", "(default:"):
        assert word in text
    assert "--beta" not in text  # of preference training
    _, text, _ = run("run", "--help")
    assert "--recipe_args" in text and "--auto_batch" in text and "train --help" in text
    assert "--learning_rate" not in text and "fields of the recipe:" not in text


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("gold:xx",), 2, ["unknown language 'xx'"]),
        (("none.csv",), 2, ["none.csv: no such file"]),
        (("gold:de", "--epochs", "0"), 2, ["field 'epochs'", "greater than 0, got 0"]),
        (("gold:de", "--epochs", "many"), 2, ["field 'epochs'", "valid number"]),
        (("gold:de", "--tuning", "lara"), 2, ["field 'tuning'", "'lora', 'qlora' or 'full'"]),
        (("gold:de", "--recipe_args", "epoch=1"), 2, ["unknown field 'epoch'", "valid: batch_s"]),
        (("gold:de", "--epoch_count", "1"), 2, ["unrecognized arguments: --epoch_count"]),
        (("gold:de", "--recipe", "croco"), 2, ["'croco' is of the method 'dpo'", "demo", "paper"]),
        (("gold:de", "--save", "both"), 2, ["--save", "adapter", "merged"]),
        (("gold:de", "--scales", "10,0"), 2, ["--scales", "at least 1"]),
        (("gold:de", "--scales", "500"), 2, ["--scales 500: there are", "held out"]),
        (("gold:de", "--evaluate"), 2, ["--evaluate goes with --scales"]),
        (("gold:de", "--adapter", "nowhere"), 2, ["nowhere: no such folder"]),
        (("gold:de", "--adapter", "."), 2, ["no weights of an adapter or a model"]),
        (("gold:de", "--student_args", "chat_template=plane"), 2,
         ["unknown chat template 'plane'", "chatml, plain"]),
        (("de=english.csv",), 2, ["said to be in 'de'", "2 of 2 responses", "(en 2)",
                                  "--any_language"]),
        (("english.csv",), 2, ["row 1 does not say its language", "de=english.csv"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, status: int,
    words: list[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "english.csv")
    found, out, err = run("train", *arguments)
    assert (found, out) == (status, "")
    assert len(err.strip().splitlines()) == 1, err
    for word in words:
        assert word in err
    assert [path.name for path in tmp_path.iterdir()] == ["english.csv"]


def write_csv(path: Path) -> None:
    answer = "I have been living in this house by the river with my two old dogs for many years."
    with path.open("w", newline="") as file:
        rows = [["prompt", "response"], ["Wo wohnst du?", answer], ["Wie lange?", answer]]
        csv.writer(file).writerows(rows)


# --- the real thing ------------------------------------------------------------------------------


def test_a_plan_says_what_would_be_done_and_does_nothing(
    run: Run, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    args = ("train", "gold:id", "gold:de", *tiny, *QUICK, "--max_train_samples", "8",
            "--output_path", tmp_path / "runs")  # fmt: skip
    status, out, err = run(*args, "--dry_run")
    assert status == 0, err
    counts = {(row[1], row[2]): row[-3:-1] for line in out.splitlines()
              if (row := re.split(r"\s*│\s*", line)) and len(row) > 4}  # fmt: skip
    drawn = [int(counts[code, "respond"][1]) for code in ("de", "id")]
    assert sum(drawn) == 8 and counts["all", ""][1] == "8"
    assert "Steps:    2, each on 4 examples" in out and "Done:     nothing" in out
    assert re.search(r"Tokens: +\d+ an example, \d+ at most, about [\d,]+ in all", out)
    assert not (tmp_path / "runs").exists()
    assert run(*args)[0] == 0
    assert "Done:     all of it, in" in run(*args, "--dry_run")[1]


def test_a_table_of_a_company_becomes_a_student_that_is_evaluated_by_the_command_shown(
    run: Run, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "frage;antwort\n" + "".join(
        f"Was kostet Platz {n}?;Der Platz kostet im Sommer {n} Euro und im Winter weniger.\n"
        for n in range(8)
    )
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    status, out, err = run(
        "train", "de=mine.csv", "--columns", "prompt=frage", "response=antwort", *tiny, *QUICK,
        "--held_out", "2", "--save", "merged",
    )  # fmt: skip
    assert status == 0, err
    summary, evaluate, weights = out.strip().splitlines()
    assert re.fullmatch(
        r"6 examples, 2 steps, loss \d\.\d+ -> \d\.\d+, held out \(2\) \d+\.\d+ -> \d+\.\d+",
        summary.replace(" 10.", " 9.").replace(" 11.", " 9."),
    ), summary
    assert Path(weights).name == "model"
    about = json.loads((Path(weights) / "training.json").read_text())
    assert about["recipe"]["held_out"] == 2 and about["examples"] == [["de", "respond", 8]]
    command = shlex.split(evaluate.removeprefix("Evaluate: polyglot-harness "))
    task = [word.replace("_id_", "_de_") for word in TASK]
    status, out, err = run(*command, *task, "--device", "cpu")
    assert status == 0, err
    assert "polyglot_mini_de_word_order" in out
    # the file that was given is as it was
    assert (tmp_path / "mine.csv").read_text(encoding="utf-8") == text


def test_an_adapter_a_model_and_the_folder_of_either_are_the_same_student(
    run: Run, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    out_to = ("--output_path", tmp_path)
    scores = []
    for save in ("adapter", "merged"):
        status, out, err = run("train", "gold:id", *tiny, *QUICK, "--max_train_samples", "8",
                               "--save", save, *out_to)  # fmt: skip
        assert status == 0, err
        weights = Path(out.strip().splitlines()[-1])
        for place in (weights, weights.parent):
            status, out, err = run("evaluate", *tiny, "--languages", "id", *TASK, "--adapter",
                                   place, *out_to)  # fmt: skip
            assert status == 0, err
            scores.append(Path(out.strip().splitlines()[-1]).read_text())
    assert scores[0] and len(set(scores)) == 1
    # both ways of naming an adapter are one evaluation, which was found again
    assert len(list(tmp_path.glob("evaluate/*/record.json"))) == 2


def test_going_on_from_an_adapter(run: Run, tiny: tuple[str, ...], tmp_path: Path) -> None:
    common = (*tiny, *QUICK, "--max_train_samples", "4", "--output_path", tmp_path)
    status, out, err = run("train", "gold:id", *common)
    assert status == 0, err
    adapter = Path(out.strip().splitlines()[-1])
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"])
    assert config["base_model_name_or_path"] == tiny[1].removeprefix("pretrained=")
    status, out, err = run("train", "gold:de", *common, "--adapter", adapter)
    assert status == 0, err
    weights = Path(out.strip().splitlines()[-1])
    assert weights.name == "model"
    assert "after an adapter" in (weights / "README.md").read_text()
    # and on from the whole model
    status, out, err = run("train", "gold:cs", *common, "--adapter", weights)
    assert status == 0, err
    assert Path(out.strip().splitlines()[-1]) != weights


def test_an_adapter_of_another_base_is_refused_before_anything_is_evaluated(
    run: Run, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    common = (*QUICK, "--max_train_samples", "4", "--output_path", tmp_path / "runs")
    status, out, err = run("train", "gold:id", *tiny, *common)
    assert status == 0, err
    adapter = shutil.copytree(Path(out.strip().splitlines()[-1]), tmp_path / "adapter")
    for command in (("evaluate", "--languages", "id", "--adapter", adapter), ("train", "gold:id",
                    "--adapter", adapter)):  # fmt: skip
        status, out, err = run(*command, "--student", "smollm2-135m", "--output_path",
                               tmp_path / "other")  # fmt: skip
        assert (status, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
        assert "an adapter of another base than student 'smollm2-135m'" in err
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_scales_compare_students_on_nested_samples(
    run: Run, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    args = ("train", "gold:id", *tiny, *QUICK, "--scales", "12,4,1000", "--held_out", "4",
            "--evaluate", *TASK, "--output_path", tmp_path)  # fmt: skip
    status, out, err = run(*args)
    assert status == 0, err
    assert "left out: 1000 (there are" in err
    found = json.loads(next(tmp_path.glob("scaling/*/scaling.json")).read_text())
    assert [point["examples"] for point in found["points"]] == [0, 4, 12]
    assert (found["held_out"], found["left_out"]) == (4, [1000])
    losses = [point["held_out_loss"] for point in found["points"]]
    assert losses[-1] < losses[0] and len(set(losses)) == 3
    assert all(point["scores"]["id"]["n"] == 4 for point in found["points"])
    data = [
        {json.loads(line)["id"] for line in (tmp_path / point["weights"]).parent.joinpath(
            "data.jsonl").read_text().splitlines()}
        for point in found["points"][1:]
    ]  # fmt: skip
    assert [len(ids) for ids in data] == [8, 16]
    assert data[0] < data[1]
    assert next(tmp_path.glob("scaling/*/scaling.svg")).stat().st_size > 5000
    for number in ("base", "4", "12"):
        assert re.search(rf"│ +{number} │", out)
    # again, nothing is done again
    status, _, err = run(*args)
    assert status == 0 and "✓" not in err and err.count("found finished") == 6
