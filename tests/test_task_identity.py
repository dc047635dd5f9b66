"""What stands for student tasks in a digest: what they ask, wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.cli import build_parser
from polyglot_harness.cli.spec_of import spec_of
from polyglot_harness.languages import load_pack
from polyglot_harness.spec import canonical_json
from polyglot_harness.stages import data_identity, student_tasks

TASK = """\
task: birds
dataset_path: owner/birds
dataset_name: de
test_split: test
output_type: multiple_choice
doc_to_text: "Vogel: {{name}}"
doc_to_choice: ["ja", "nein"]
doc_to_target: label
metric_list:
  - metric: acc
metadata:
  version: 1.0
"""


@pytest.fixture
def identity(tmp_path: Path) -> Any:
    def of(text: str, folder: str = "include", **files: str) -> list[Any]:
        root = tmp_path / folder
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        (root / "birds.yaml").write_text(text, encoding="utf-8")
        for name, content in files.items():
            (root / f"{name}.py").write_text(content, encoding="utf-8")
        return data_identity(["birds"], str(root))

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Vogel: ", "Tier: "),
        ("owner/birds", "owner/beasts"),
        ("dataset_name: de", "dataset_name: cs"),
        ('"nein"', '"doch"'),
        ("metric: acc\n", "metric: acc_norm\n"),
    ],
)
def test_another_task_is_evaluated_again(identity: Any, old: str, new: str) -> None:
    assert identity(TASK) != identity(TASK.replace(old, new))


def test_the_same_task_is_not(identity: Any) -> None:
    commented = "# birds of the garden\n" + TASK.replace('"Vogel: {{name}}"', "'Vogel: {{name}}'")
    assert identity(TASK) == identity(commented) == identity(TASK, folder="elsewhere")


def test_code_of_the_include_path_counts(identity: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    found = [identity(TASK, utils=text) for text in ("A = 1\n", "A = 1\n", "A = 2\n")]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("code", ["de", "ja", "ko", "tl"])
def test_no_path_of_a_machine_is_in_it(code: str) -> None:
    names = [f"polyglot_{group}_{code}" for group in ("mini", "student", "wider")]
    said = canonical_json(data_identity(names, None))
    assert "polyglot_harness/" not in said
    assert str(Path(__file__).parents[1]) not in said


@pytest.mark.parametrize(
    ("flags", "tasks"),
    [
        (["--student", "polyglot-ko-1.3b"], ("polyglot_kobest_ko",)),
        (["--student", "polyglot-ko-1.3b", "--tasks", "kobest_{lang}"], ("kobest_ko",)),
        (["--student", "smollm2-135m"], ("polyglot_mini_ko",)),
    ],
)
def test_a_student_may_name_its_tasks(flags: list[str], tasks: tuple[str, ...]) -> None:
    args = build_parser().parse_args(["evaluate", "--languages", "ko", *flags])
    assert student_tasks(spec_of(args), load_pack("ko")) == tasks
