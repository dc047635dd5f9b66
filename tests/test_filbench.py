"""FilBench tasks of the Tagalog pack, on small files of the same schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.lm.hub_data import hub_data
from polyglot_harness.lm.index import load_tasks, task_manager
from polyglot_harness.lm.student_tasks.filbench import score_translation

HUB = Path(__file__).parent / "data" / "hub"
NER = (
    "Tanong: Ano ang named-entity ng salitang 'Ana' sa pangungusap na ito: "
    "Kumain si Ana ng suman.\n"
    " A. PERSON\n B. ORGANIZATION\n C. LOCATION\nSagot:"
)
# task, letters, answers, where a prompt begins or the whole of it
TASKS = [
    ("balita", "ABCD", [0, 2, 3, 0], "Teksto: Bubuksan na sa Lunes ang tulay"),
    ("firecs", "ABC", [2, 1, 0, 2], "Tanong: Ano ang damdamin o sentimiyento ng sumusunod na"),
    (
        "sib200",
        "ABCDEFG",
        [0, 4, 5, 1, 2],
        "Tanong: Tungkol saan ang sumusunod na pangungusap?\nAng",
    ),
    (
        "tlunifiedner",
        "ABC",
        [0, 1, 2, 2],
        "Tanong: Ano ang named-entity ng salitang 'Maria Santos'",
    ),
    ("universalner", "ABC", [0, 2, 1, 0], NER),
]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    names = [f"polyglot_filbench_{name}_tl" for name, *_ in TASKS] + ["polyglot_filbench_ntrex_tl"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYGLOT_DATA", str(HUB))
        patch.setenv("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))
        with hub_data():
            loaded = load_tasks(task_manager(names), names)["tasks"]
    return dict(loaded)


@pytest.mark.parametrize(("name", "letters", "answers", "begin"), TASKS)
def test_choices(
    tasks: dict[str, Any], name: str, letters: str, answers: list[int], begin: str
) -> None:
    task = tasks[f"polyglot_filbench_{name}_tl"]
    docs = list(task.eval_docs)
    assert [int(task.doc_to_target(doc)) for doc in docs] == answers
    text = task.doc_to_text(docs[0])
    assert text.startswith(begin)
    lines = text.split("\n")
    assert lines[-1] == "Sagot:"
    assert [line[:4] for line in lines[-1 - len(letters) : -1]] == [f" {c}. " for c in letters]
    task.build_all_requests(limit=1)
    assert [request.args[1] for request in task.instances] == [f" {letter}" for letter in letters]
    right = [(-1.0 if i == answers[0] else -2.0, False) for i in range(len(letters))]
    assert task.process_results(docs[0], right)["acc"] == 1.0
    assert task.process_results(docs[0], [*right[1:], right[0]])["acc"] == 0.0


def test_translation(tasks: dict[str, Any]) -> None:
    task = tasks["polyglot_filbench_ntrex_tl"]
    docs = list(task.eval_docs)
    assert [task.doc_to_text(doc) for doc in docs[1:3]] == [
        "EN: Farmers expect a better harvest this year. FIL:",
        "EN: The school will reopen on Monday. FIL:",  # the source begins in lower case
    ]
    assert task.process_results(docs[2], [docs[2]["fil_Latn"]]) == {"rouge_l": 1.0}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Nasa bahay ang pusa.", 4 / 9),  # "nasa bahay" of five and of four words
        ("ANG PUSA AY NASA BAHAY", 1.0),
        ("", 0.0),
        ("Wala.", 0.0),
    ],
)
def test_rouge_l(reply: str, expected: float) -> None:
    doc = {"fil_Latn": "Ang pusa ay nasa bahay."}
    assert score_translation(doc, [reply]) == {"rouge_l": pytest.approx(expected)}
