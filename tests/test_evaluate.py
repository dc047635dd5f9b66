"""Students on tasks that lm-eval runs, and students behind a server, over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_server import FaultServer
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from polyglot_harness import stages
from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.files import write_jsonl
from polyglot_harness.lm.evaluate import ITEMS, evaluate, read_items
from polyglot_harness.spec import Measurement, key_hash
from polyglot_harness.students import load_student

# --- tasks, run by lm-eval ---------------------------------------------------------------------

CHOICE = """
task: {name}
dataset_path: test/birds
test_split: test
training_split: train
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["ja", "nein"]
doc_to_target: "{{{{label}}}}"
metric_list:
  - metric: acc
  - metric: mcc
  - metric: acc_norm
"""
WRITE = """
task: {name}
dataset_path: test/birds
test_split: test
training_split: train
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{['ja', 'nein'][label]}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 8, do_sample: false}}
metric_list:
  - metric: exact_match
"""
YAMLS = {
    "birds": CHOICE,
    "birds_fixed": CHOICE + "num_fewshot: 0\n",
    "birds_own": CHOICE + "num_fewshot: 1\n",
    "birds_form": CHOICE + "metadata: {{version: 1.0, generative: birds_write}}\n",
    "birds_write": WRITE,
}


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A folder of YAMLs, whose data set is in a mirror: each question twice under one id."""
    root = tmp_path_factory.mktemp("birds")
    data, tasks = root / "hub" / "test" / "birds", root / "tasks"
    data.mkdir(parents=True)
    tasks.mkdir()
    names = "Amsel Drossel Fink Star Meise Specht Eule Adler".split()
    test = [
        dict(id=f"q{i}", question=f"{asked} {name}?", label=(i + k) % 2, category="ab"[i % 2])
        for i, name in enumerate(names)
        for k, asked in enumerate(("Fliegt", "Ruht"))
    ]
    train = [
        {"id": f"t{i}", "question": f"Singt {name}?", "label": i % 2, "category": "a"}
        for i, name in enumerate(names[:6])
    ]
    for split, rows in (("test", test), ("train", train)):
        lines = (json.dumps(row) + "\n" for row in rows)
        (data / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    (data / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - {split: train, path: train.jsonl}\n  - {split: test, path: test.jsonl}\n---\n"
    )
    for name, text in YAMLS.items():
        (tasks / f"{name}.yaml").write_text(text.format(name=name), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYGLOT_DATA", str(root / "hub"))
        yield str(tasks)


class Moody(LM):  # type: ignore[misc]
    """Answers by a hash of what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[str] = []

    def loglikelihood(self, requests: list[Instance], **_: Any) -> list[tuple[float, bool]]:
        self.contexts += [request.args[0] for request in requests]
        return [(-float(key_hash(*request.args)[0]), False) for request in requests]

    def generate_until(self, requests: list[Instance], **_: Any) -> list[str]:
        return [("ja", "nein")[key_hash(request.args[0])[0] % 2] for request in requests]

    def loglikelihood_rolling(self, requests: list[Instance], **_: Any) -> list[float]:
        raise NotImplementedError


def run(tasks: str, folder: Path, include_path: str, **more: Any) -> dict[str, Measurement]:
    found = evaluate(
        Moody(), tasks.split(), "de", folder, include_path=include_path,
        **{"limit": None, "seed": 0, **more},
    )  # fmt: skip
    return {m.name: m for m in found}


def test_all_metrics_of_a_task(birds: str, tmp_path: Path) -> None:
    found = run("birds", tmp_path, birds)
    assert list(found) == [
        "birds", "birds:macro", "birds:category=a", "birds:category=b", "birds:mcc",
        "birds:acc_norm",
    ]  # fmt: skip
    items = read_items(tmp_path / ITEMS)["birds"]
    assert len(items) == 8 and set(items.values()) <= {0.0, 0.5, 1.0}
    assert found["birds"].value == pytest.approx(sum(items.values()) / 8)
    assert found["birds"].n == found["birds:mcc"].n == 8
    rows = [json.loads(line) for line in (tmp_path / ITEMS).read_text().splitlines()]
    assert rows[0] == {"task": "birds", "item": "q0", "score": items["q0"], "category": "a"}
    again = tmp_path / "again"
    again.mkdir()
    assert run("birds", again, birds) == found
    assert (again / ITEMS).read_bytes() == (tmp_path / ITEMS).read_bytes()


@pytest.mark.parametrize(
    ("task", "asked", "shots"),
    [("birds", None, 0), ("birds", 3, 3), ("birds_own", None, 1), ("birds_own", 0, 0),
     ("birds_own", 2, 2), ("birds_fixed", None, 0), ("birds_fixed", 5, 0)],
)  # fmt: skip
def test_the_number_of_examples_is_by_the_rule_of_lm_eval(
    birds: str, tmp_path: Path, task: str, asked: int | None, shots: int
) -> None:
    lm = Moody()
    found = evaluate(
        lm, [task], "de", tmp_path, limit=3, seed=0, num_fewshot=asked, include_path=birds
    )
    assert {dict(m.params)["num_fewshot"] for m in found} == {shots}
    assert {context.count("Singt") for context in lm.contexts} == {shots}


def test_more_examples_than_there_are(birds: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="task birds: 7 few-shot examples .* there are 6; give"):
        run("birds", tmp_path, birds, num_fewshot=7)
    assert run("birds", tmp_path, birds, num_fewshot=6)["birds"].n == 8


def test_a_metric_that_does_not_exist(
    birds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CHOICE.replace("mcc", "acc_foo").format(name="typo")
    (tmp_path / "typo.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    with pytest.raises(ConfigError, match=r"^unknown metric 'acc_foo' .*acc_norm.* \(for typo\)"):
        run("typo", tmp_path, str(tmp_path))


def test_a_task_that_the_last_language_lacks(cli: Any, tmp_path: Path) -> None:
    result = cli("evaluate", "--languages", "de,cs", "--tasks", "polyglot_mgsm_{lang}",
                 "--output_path", str(tmp_path / "out"))  # fmt: skip
    assert (result.returncode, result.stdout) == (2, "")
    assert "unknown task 'polyglot_mgsm_cs' (did you mean 'polyglot_mgsm_" in result.stderr
    assert "evaluate smollm2" not in result.stderr


def test_a_metric_of_the_hub_is_loaded_only_when_it_is_called(
    birds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "no_such_metric\n    hf_evaluate: true\n    aggregation: mean\n    higher_is_better: true"
    )
    for name, text in (("called", WRITE), ("never", CHOICE)):
        text = text.replace("exact_match", script).replace("mcc", script)
        (tmp_path / f"{name}.yaml").write_text(text.format(name=name), encoding="utf-8")
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    with pytest.raises(StageError, match="metric 'no_such_metric' of Hugging Face's evaluate"):
        run("called", tmp_path, str(tmp_path))
    assert set(run("never", tmp_path, str(tmp_path))) >= {"never", "never:acc_norm"}


# --- students without log-likelihoods ----------------------------------------------------------


def test_a_task_is_replaced_by_its_generative_form_or_left_out(birds: str, tmp_path: Path) -> None:
    found = run("birds birds_form", tmp_path, birds, likelihoods=False)
    assert set(read_items(tmp_path / ITEMS)) == {"birds_write"}
    left = found["birds"]
    assert (left.value, left.stderr, left.n) == (None, None, 0)
    assert "log-likelihoods" in dict(left.params)["note"]
    assert found["birds_write"].n == 8


def test_a_task_whose_replies_are_longer_than_the_context_is_left_out(
    birds: str, tiny_student: Path, tmp_path: Path
) -> None:
    from lm_eval.models.huggingface import HFLM

    for name, length in (("fits", "8"), ("long", "64")):
        text = WRITE.replace("max_gen_toks: 8", f"max_gen_toks: {length}").format(name=name)
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    lm = HFLM(pretrained=str(tiny_student), device="cpu", max_length=64)
    common = dict(language="de", folder=tmp_path, limit=2, seed=0, include_path=str(tmp_path))
    found = {m.name: m for m in evaluate(lm, ["fits", "long"], **common)}
    assert (found["fits"].n, found["long"].n) == (1, 0)
    why = "writes 64 tokens, which the student's context of 64 does not hold"
    assert dict(found["long"].params)["note"] == why
    with pytest.raises(ConfigError, match=f"^no task is left: long: each {why}; name other"):
        evaluate(lm, ["long"], **common)


def test_nothing_left_is_an_error(birds: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no task is left: birds, birds_own: each needs log-lik"):
        run("birds birds_own", tmp_path, birds, likelihoods=False)


def test_a_student_behind_a_server(cli: Any, birds: str, tmp_path: Path) -> None:
    kind = "local-chat-completions"
    with FaultServer(plan={2: "503"}) as server:
        done = cli("evaluate", "--languages", "de", "--include_path", birds, "--tasks",
                   "birds,birds_form", "--num_fewshot", "2", "--student_args",
                   f"model={kind},base_url={server.url},pretrained=parrot,backoff_seconds=0.01",
                   "--output_path", tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr
        bodies = [request.body for request in server.requests]
    assert len(bodies) == 17 and {body["model"] for body in bodies} == {"parrot"}
    asked = [body["messages"][-1]["content"] for body in bodies]
    assert all(text.count("Singt") == 2 and text.endswith("?") for text in asked)
    assert re.search(
        r"de +│ birds_write +│ exact_match +│ +2 │ +0\.000 │ +0\.000 │ +8", done.stdout
    )
    assert "No value (needs log-likelihoods" in done.stdout and "): birds\n" in done.stdout
    (record,) = tmp_path.glob("evaluate/parrot-de-*/record.json")
    counts = dict(json.loads(record.read_text())["counts"])
    assert (counts["items"], counts["tasks_left_out"]) == (8, 1)


API = {"model": "local-chat-completions", "base_url": "http://h:1/v1", "pretrained": "m"}


@pytest.mark.parametrize(
    ("command", "args", "words"),
    [
        ("run", "pretrained=m", ["'local-chat-completions'", "'hf' can be trained", "evaluate"]),
        ("train", "pretrained=m", ["can be trained"]),
        ("evaluate", "", ["pretrained=..."]),
        ("evaluate", "pretrained=m --num_fewshot 0,-5", ["--num_fewshot", "whole number", "'-5'"]),
        ("evaluate", "pretrained=m api_key=sk-1", ["'api_key' looks like a secret"]),
        ("evaluate", "pretrained=m base_url=http://u:p@h/v1", ["user name or password"]),
    ],
)
def test_what_a_student_behind_a_server_cannot(
    cli: Any, tmp_path: Path, command: str, args: str, words: list[str]
) -> None:
    more = {"run": ["--teacher", "gemma-3-270m"], "train": ["gold:de"]}.get(command, [])
    languages = [] if command == "train" else ["--languages", "de"]
    done = cli(command, *more, *languages, "--output_path", tmp_path / "out", "--student_args",
               "model=local-chat-completions", "base_url=http://h:1/v1", *args.split())  # fmt: skip
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert all(word in line for word in words), line
    assert "sk-1" not in done.stderr


def test_a_server_is_part_of_what_stands_for_a_student() -> None:
    one = load_student(None, dict(API))
    assert stages.base_args(one) == {"model": "m", "base_url": "http://h:1/v1"}
    same = load_student(None, {**API, "num_concurrent": 9})
    other = load_student(None, {**API, "base_url": "http://h:2/v1"})
    assert stages.base_identity(one) == stages.base_identity(same) != stages.base_identity(other)


def test_the_adapted_modules_are_part_of_what_stands_for_a_student() -> None:
    card = load_student("smollm2-135m")
    more = card.model_copy(update={"target_modules": ("q_proj",)})
    assert stages.student_identity(card) != stages.student_identity(more)
    assert stages.base_identity(card) == stages.base_identity(more)


# --- items.jsonl -------------------------------------------------------------------------------


def test_items_are_read_with_or_without_categories(tmp_path: Path) -> None:
    path = tmp_path / ITEMS
    path.write_text(
        '{"task": "t", "item": "a", "score": 1.0}\n'
        '{"task": "t", "item": 2, "score": 0.5, "category": "x"}\n'
    )
    assert read_items(path) == {"t": {"a": 1.0, "2": 0.5}}


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"task": "t", "item": "a"}\n', ":1: needs task"), ("", "no task gives a number per item")],
)
def test_items_that_make_no_score(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / ITEMS).write_text(text)
    with pytest.raises(StageError, match=message):
        read_items(tmp_path / ITEMS)


@pytest.mark.parametrize(
    ("rows", "mean"),
    [
        ([("a", 0, 1.0), ("a", 1, 0.0), ("b", 0, 1.0), ("b", 1, 1.0)], "0.750"),
        ([("a", 0, 1.0), ("a", 1, 0.0)], ""),
        ([("a", 0, 43.5), ("b", 0, 1.0)], ""),
        ([], ""),
    ],
)
def test_the_mean_of_a_language_is_of_tasks_that_make_a_score(
    tmp_path: Path, rows: list[tuple[str, int, float]], mean: str
) -> None:
    from rich.table import Table

    from polyglot_harness.cli.evaluate import COLUMNS, _add_mean

    lines = [{"task": task, "item": item, "score": score} for task, item, score in rows]
    write_jsonl(tmp_path / ITEMS, lines)
    table = Table(*COLUMNS)
    _add_mean(table, "de", tmp_path)
    assert list(table.columns[4].cells) == [mean] * bool(mean)
