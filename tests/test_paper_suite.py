"""The benchmark set of arXiv 2604.11290: documents, prompts and scores, on a mirror of few rows."""

from __future__ import annotations

import json
import logging
import math
from fractions import Fraction
from pathlib import Path

import pytest

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.evaluate import evaluate, read_items
from polyglot_harness.lm.hub_data import data_sources, hub_data
from polyglot_harness.lm.hub_pins import pin
from polyglot_harness.lm.index import load_tasks, task_configs, task_manager
from polyglot_harness.lm.student_tasks import global_mmlu, mgsm, reward_bench
from polyglot_harness.lm.student_tasks.choices import chosen_letter

MIRROR = Path(__file__).parent / "data" / "hub"
MMLU, MGSM, REWARD = "polyglot_global_mmlu_lite", "polyglot_mgsm", "polyglot_m_rewardbench"
SUITE = {
    "ar": (MMLU, REWARD), "cs": (MMLU, REWARD), "de": (MMLU, MGSM, REWARD),
    "en": (MMLU, MGSM), "es": (MMLU, MGSM, REWARD), "id": (MMLU, REWARD),
    "ja": (MMLU, MGSM, REWARD), "ko": (MMLU, REWARD), "tl": (MMLU,),
}  # fmt: skip


@pytest.fixture(autouse=True)
def mirror(monkeypatch, tmp_path_factory):
    import datasets

    monkeypatch.setenv("POLYGLOT_DATA", str(MIRROR))
    cache = tmp_path_factory.getbasetemp() / "datasets"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)


def load(*names):
    return load_tasks(task_manager(names), names)["tasks"]


def documents(name):
    return list(load(name)[name].test_docs())


@pytest.mark.parametrize("language", SUITE)
def test_group_holds_what_there_is_data_for(language):
    found = load(f"polyglot_student_{language}")
    assert sorted(found) == sorted(f"{task}_{language}" for task in SUITE[language])
    for task in found.values():
        assert next(iter(task.aggregation())) == "acc"


def test_all_data_are_pinned_as_the_file_of_pins_says():
    names = [f"polyglot_student_{language}" for language in SUITE]
    names += [f"{REWARD}_gen_{lang}" for lang, tasks in SUITE.items() if REWARD in tasks]
    configs = task_configs(task_manager(names), names)
    sources = data_sources(configs)
    assert {s.path for s in sources} == {
        "CohereLabs/Global-MMLU-Lite", "CohereLabs/Global-MMLU", "juletxara/mgsm",
        "CohereLabsCommunity/multilingual-reward-bench",
    }  # fmt: skip
    for source in sources:
        assert len(source.revision) == 40
        assert source.revision == pin(source.path).revision
    for language in ("cs", "tl"):
        config = configs[f"{MMLU}_{language}"]
        own = {(s.path, s.config) for s in sources if f"{MMLU}_{language}" in s.tasks}
        full, lite = global_mmlu.FULL, global_mmlu.LITE
        assert own == {(full, config["dataset_name"]), (lite, global_mmlu.LITE_CONFIG)}
        assert config["dataset_kwargs"] == {
            "config": config["dataset_name"],
            "revision": pin(full).revision,
            "lite_revision": pin(lite).revision,
        }


# Global-MMLU-Lite


def test_questions_are_the_same_in_all_languages():
    """Also in Czech and Tagalog, whose full sets have other rows and another order."""
    ids = {lang: [d["id"] for d in documents(f"{MMLU}_{lang}")] for lang in SUITE}
    assert len(ids["de"]) == 8
    assert all(found == ids["de"] for found in ids.values())
    german, czech = documents(f"{MMLU}_de"), documents(f"{MMLU}_cs")
    assert [d["answer"] for d in german] == [d["answer"] for d in czech]
    assert german[0]["category"] == "STEM"
    assert czech[0]["question"] == "Která planeta sluneční soustavy je největší?"


def test_prompt_is_that_of_lm_eval():
    ours = load(f"{MMLU}_de")[f"{MMLU}_de"]
    theirs = load("global_mmlu_de_stem")["global_mmlu_de_stem"]
    row = next(d for d in theirs.test_docs() if d["sample_id"] == "astronomy/test/58")
    document = ours.test_docs()[0]
    assert ours.fewshot_context(document, 0) == theirs.fewshot_context(row, 0)
    assert ours.doc_to_choice(document) == theirs.doc_to_choice(row)
    assert ours.doc_to_target(document) == theirs.doc_to_target(row) == "B"


def test_accuracy_and_cultural_sensitivity():
    always_a = [(-1.0, False), (-2.0, False), (-3.0, False), (-4.0, False)]
    scored = [global_mmlu.score(document, always_a) for document in documents(f"{MMLU}_ar")]
    assert [s["acc"] for s in scored] == [0, 1, 0, 0, 0, 0, 0, 0]
    # each question counts for its own kind only, so that the number of items is right, too
    kinds = ("acc_sensitive", "acc_agnostic")
    found = [[s[kind] for s in scored if kind in s] for kind in kinds]
    assert [sum(values) for values in found] == [1, 0]
    assert [len(values) for values in found] == [3, len(scored) - 3]


@pytest.mark.parametrize("missing", [0, 2, 3])
def test_lite_ids_that_the_full_set_lacks(tmp_path, monkeypatch, caplog, missing):
    """Two of 200 are 1 %: left out, and said; three are an error."""
    monkeypatch.setenv("POLYGLOT_DATA", str(tmp_path))
    for name, config, first in ((global_mmlu.LITE, "en", 0), (global_mmlu.FULL, "cs", missing)):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        rows = [{"sample_id": f"a/test/{n}", "question": config} for n in range(first, 200)]
        (folder / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        (folder / "README.md").write_text(
            f"---\nconfigs:\n- config_name: {config}\n  data_files:\n  - split: test\n"
            "    path: rows.jsonl\n---\n"
        )
    arguments = {"config": "cs", "revision": "0" * 40, "lite_revision": "1" * 40}
    with caplog.at_level(logging.WARNING), hub_data():
        if missing == 3:
            with pytest.raises(ConfigError, match="3 of the 200 questions.* a/test/0, a/test/1"):
                global_mmlu.load_by_lite_ids(**arguments)
            return
        found = global_mmlu.load_by_lite_ids(**arguments, version=1.0)["test"]
    assert found["sample_id"][:] == [f"a/test/{n}" for n in range(missing, 200)]
    assert set(found["question"]) == {"cs"}
    assert ("2 of the 200 questions" in caplog.text) is (missing == 2)


# MGSM


SPANISH = """\
Pregunta: Ana tiene 5 manzanas y compra 6 más. ¿Cuántas manzanas tiene ahora?
Respuesta:11

Pregunta: En el autobús van 23 personas y bajan 9. ¿Cuántas quedan en el autobús?
Respuesta:14

Pregunta: Lea hornea 3 bandejas de 16 galletas y regala 20. ¿Con cuántas galletas se queda?
Respuesta:"""


def test_shots_are_the_first_and_show_the_number_alone():
    task = load(f"{MGSM}_es")[f"{MGSM}_es"]
    assert task.get_config("num_fewshot") == 5
    document = task.test_docs()[0]
    assert task.fewshot_context(document, 2) == SPANISH
    assert task.fewshot_context(document, 5).count("\nRespuesta:") == 6


@pytest.mark.parametrize(("language", "blank"), [("de", ""), ("en", ""), ("es", ""), ("ja", " ")])
def test_mgsm_asks_as_lm_eval_does(language, blank):
    """But for a blank that lm-eval puts into Japanese test questions and not into shots."""
    names = (f"{MGSM}_{language}", f"mgsm_direct_{language}")
    ours, theirs = (load(name)[name] for name in names)
    pairs = zip(ours.test_docs(), theirs.test_docs(), strict=True)
    word = mgsm.QUESTION_WORDS[["de", "en", "es", "ja"].index(language)]
    for own, other in pairs:
        text = theirs.doc_to_text(other)
        assert ours.doc_to_text(own) == (text.replace(word + blank, word) if blank else text)
        assert ours.doc_to_target(own) == theirs.doc_to_target(other)
    for own, other in zip(ours.fewshot_docs(), theirs.fewshot_docs(), strict=True):
        assert ours.doc_to_text(own) == theirs.doc_to_text(other)
        assert ours.doc_to_target(own) == theirs.doc_to_target(other)
    assert ours.config.target_delimiter == theirs.config.target_delimiter
    assert word in ours.get_config("generation_kwargs")["until"]


@pytest.mark.parametrize(
    ("language", "reply", "acc", "unparsed"),
    [
        ("de", "1000", 1, 0), ("de", " 1.000 Euro", 1, 0), ("de", "1000,00", 1, 0),
        ("de", "1 000", 1, 0), ("de", "1,000", 0, 0), ("ja", "1,000", 1, 0), ("ja", "千", 1, 0),
        ("ja", "１０００ユーロ", 1, 0), ("es", "1.000", 1, 0), ("es", "-1000", 0, 0),
        ("en", "1,000 euros", 1, 0), ("en", "1.000", 0, 0), ("es", "mil", 0, 1),
        ("es", "", 0, 1), ("es", "1000.01", 0, 0),
    ],
)  # fmt: skip
def test_mgsm_score(language, reply, acc, unparsed):
    document = documents(f"{MGSM}_{language}")[1]
    assert (document["id"], document["answer_number"]) == ("1", "1000")
    assert mgsm.score(document, [reply]) == {"acc": acc, "unparsed": unparsed}


def test_mgsm_needs_to_know_the_language():
    from datasets import Dataset

    with pytest.raises(ConfigError, match="configuration is None; expected a language code"):
        mgsm.documents(Dataset.from_list([{"question": "?", "answer_number": 1}]))


@pytest.mark.parametrize("column", ["question", "answer_number"])
def test_mgsm_row_that_lacks_something(column):
    from datasets import Dataset, DatasetInfo

    whole = {"question": "?", "answer_number": 1}
    info = DatasetInfo(config_name="de")
    with pytest.raises(ConfigError, match="MGSM, de, row 1: no question or no answer_number"):
        mgsm.documents(Dataset.from_list([whole, {**whole, column: None}], info=info))


# M-RewardBench

BERLIN = ("Berl", "برلين", "ベルリン", "베를린")
"""The wrong capital of France."""


@pytest.mark.parametrize("language", [lang for lang, tasks in SUITE.items() if REWARD in tasks])
def test_both_orders_of_every_item(language):
    found = documents(f"{REWARD}_{language}")
    assert len(found) == 16
    assert found == documents(f"{REWARD}_gen_{language}")
    for one, two in zip(found[::2], found[1::2], strict=True):
        assert one["id"] == two["id"]
        assert (one["answer_a"], one["answer_b"]) == (two["answer_b"], two["answer_a"])
        assert {one["gold"], two["gold"]} == {0, 1}
        assert (one["first"], two["first"]) == (True, False)
        for document in (one, two):
            chosen_first = document["gold"] == 0
            assert document["order"] == ("chosen_first" if chosen_first else "rejected_first")
            assert document["category"] == reward_bench.SECTION[document["source"]]
    capital = next(d for d in found if d["id"] == "alpacaeval-easy/30" and d["gold"] == 1)
    assert any(name in capital["answer_a"] for name in BERLIN)
    assert not any(name in capital["answer_b"] for name in BERLIN)
    assert {d["category"] for d in found} == set(reward_bench.SECTIONS)


def rows(names, source="donotanswer"):
    from datasets import Dataset

    return Dataset.from_list(
        [{"id": n, "prompt": "p", "chosen": "c", "rejected": "r", "source": source} for n in names]
    )


def test_order_depends_on_the_id_alone_and_is_balanced():
    found = list(reward_bench.documents(rows(range(2000))))
    assert found == list(reward_bench.documents(rows(reversed(range(2000)))))
    for prefix in (200, 1000, 4000):
        drawn = [d["gold"] for d in found[:prefix] if d["first"]]
        assert 0.4 < sum(drawn) / len(drawn) < 0.6
    # a first part is a sample of all rows
    early = sorted(int(d["id"].split("/")[1]) for d in found[:400:2])
    assert early[0] < 100 and early[-1] > 1900


def test_odd_rows():
    with pytest.raises(ConfigError, match=r"unknown subsets fables in .*; known: alpacaeval-easy,"):
        reward_bench.documents(rows([1], "fables"))
    with pytest.raises(ConfigError, match=r"unknown subsets None in the column 'source'"):
        reward_bench.documents(rows([1], None))
    lacking = rows([1, 2]).map(lambda row: {"chosen": None if row["id"] == 2 else "c"})
    with pytest.raises(ConfigError, match="M-RewardBench, row 1: no chosen$"):
        reward_bench.documents(lacking)
    twice = reward_bench.documents(rows([7, 7]))["id"]
    assert sorted(set(twice)) == ["donotanswer/7", "donotanswer/7#2"]


def test_score_by_letter():
    document = {"source": "math-prm", "gold": 1}
    low, high = (-2.0, False), (-1.0, True)
    assert reward_bench.score(document, [low, high]) == {"acc": 1, "weighted_acc": ("math-prm", 1)}
    assert reward_bench.score(document, [high, low]) == {"acc": 0, "weighted_acc": ("math-prm", 0)}
    replied = [reward_bench.score_reply(document, [reply]) for reply in ("B", "A", "none")]
    assert [(r["acc"], r["unparsed"]) for r in replied] == [(1, 0), (0, 0), (0, 1)]


def subsets(**accuracies):
    """Two documents of every subset, right in all but those named."""
    return [
        (subset, acc)
        for subset in reward_bench.SECTION
        for acc in accuracies.get(subset.replace("-", "_"), (1, 1))
    ]


# by hand, from the weights; Reasoning has 983 of math-prm and 983 of code
@pytest.mark.parametrize(
    ("items", "score"),
    [
        (subsets(), 1),
        (subsets(math_prm=(0, 0)), Fraction(7, 8)),
        (subsets(math_prm=(1, 0)), Fraction(15, 16)),
        (subsets(hep_python=(0, 0)), 1 - Fraction(163, 1966) / 4),
        (subsets(mt_bench_easy=(0, 0)), 1 - Fraction(24, 296) / 4),
        (subsets(llmbar_natural=(0, 1), mt_bench_hard=(0, 0)), 1 - Fraction(38 + 35, 407) / 4),
        (subsets(donotanswer=(0, 0), xstest_should_respond=(0, 0)), 1 - Fraction(382, 736) / 4),
        # only some subsets of each section
        ([("mt-bench-med", 1), ("mt-bench-easy", 0), ("llmbar-natural", 1), ("donotanswer", 0),
          ("hep-go", 1)], (Fraction(38, 62) + 1 + 0 + 1) / 4),
    ],
)  # fmt: skip
def test_weighted_accuracy(items, score):
    assert reward_bench.weighted_accuracy(items) == pytest.approx(float(score), abs=1e-12)


def test_no_weighted_accuracy_without_all_sections():
    assert math.isnan(reward_bench.weighted_accuracy([("math-prm", 1), ("donotanswer", 1)]))
    assert {name: sum(w.values()) for name, w in reward_bench.SECTIONS.items()} == {
        "Chat": 296, "Chat-Hard": 407, "Safety": 736, "Reasoning": 2 * 983,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("A", "A"), ("B", "B"), (" b\n", "B"), ("a", "A"), ("(A)", "A"), ("**B**", "B"),
        ("A.", "A"), ("'B'", "B"), ("\"A\"", "A"), ("[[B]]", "B"), ("\\boxed{A}", "A"),
        ("\\boxed{\\text{B}}", "B"), ("Ａ", "A"), ("Ⓑ", "B"), ("В", "B"), ("А.", "A"),
        ("Β", "B"), ("أ", "A"), ("ب", "B"), ("الإجابة: أ", "A"), ("الإجابة (ب)", "B"),
        ("الإجابة هي B", "B"), ("بالطبع", None), ("Aの方が良いです。", "A"),
        ("回答Bの方が良いです。", "B"), ("回答：A", "A"), ("Ｂです", "B"),
        ("답변 B가 더 좋습니다.", "B"), ("정답: A", "A"), ("A가 낫습니다", "A"),
        ("답은 B입니다", "B"), ("Antwort B", "B"), ("Antwort: A", "A"),
        ("Antwort A ist besser als Antwort B.", "A"),
        ("Die bessere Antwort ist B.", "B"), ("B ist besser als A", "B"),
        ("A is better than B", "A"), ("Answer A is better.\nAnswer: B", "B"),
        ("The better answer is B, not A.", "B"), ("A good answer is B", "B"),
        ("A mi juicio, la B", "B"), ("La respuesta B.", "B"), ("Respuesta: A", "A"),
        ("Odpověď je B", "B"), ("A proto je lepší B", "B"),
        ("Jawaban A lebih baik", "A"), ("Jawaban adalah B", "B"),
        ("A\n\nB is worse", "A"), ("<think>A or B? A.</think>B", "B"),
        ("<think>hm</think>\n\n**Answer:** A", "A"), ("", None),
        ("Both are good.", None), ("neither A nor B", None),
        ("A y B son iguales", None), ("A and B", None), ("C", None), ("AB", None),
        ("Ab", None), ("Berlin", None), ("1", None), ("Bessere Antwort", None),
        ("A's", None), ("Neither A nor B.", None), ("B、Aより良い", "B"),
        ("Ich wähle B.", "B"), ("1. B", "B"),
        ("**A**\n\nBecause B repeats itself.", "A"),
    ],
)  # fmt: skip
def test_letter_of_a_reply(reply, letter):
    assert chosen_letter(reply) == letter


# All of it with a model


def test_a_student_is_scored_as_by_plain_lm_eval(tiny_student, tmp_path):
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=str(tiny_student), device="cpu", dtype="float32", batch_size=8)
    group = "polyglot_student_de"
    found = {m.name: m for m in evaluate(lm, [group], "de", tmp_path, limit=None, seed=3)}
    manager = TaskManager(include_path=str(tasks_path()), include_defaults=False)
    with hub_data():
        plain = lm_eval.simple_evaluate(
            lm, tasks=[group], task_manager=manager, bootstrap_iters=0, random_seed=3
        )["results"]
    for task in SUITE["de"]:
        assert found[f"{task}_de"].value == pytest.approx(plain[f"{task}_de"]["acc,none"])
    for metric in (f"{MMLU}_de:acc_sensitive", f"{MGSM}_de:unparsed", f"{REWARD}_de:weighted_acc"):
        task, _, name = metric.partition(":")
        assert found[metric].value == pytest.approx(plain[task][f"{name},none"])
    mean = sum(found[f"{task}_de"].value for task in SUITE["de"]) / 3
    assert plain[group]["acc,none"] == pytest.approx(mean)
    # both orders are one item, and sections have figures
    assert found[f"{REWARD}_de"].n == 8
    assert dict(found[f"{REWARD}_de"].params)["documents"] == 16
    assert {
        n: found[f"{REWARD}_de:category={n}"].n for n in reward_bench.SECTIONS
    } == dict.fromkeys(reward_bench.SECTIONS, 2)
    items = read_items(tmp_path / "items.jsonl")
    assert set(items[f"{REWARD}_de"].values()) <= {0.0, 0.5, 1.0}
    assert {name: len(of) for name, of in items.items()} == {
        f"{MMLU}_de": 8, f"{MGSM}_de": 6, f"{REWARD}_de": 8,
    }  # fmt: skip


def test_generative_form_stands_in_for_a_student_without_log_likelihoods(tiny_student, tmp_path):
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=str(tiny_student), device="cpu", dtype="float32", batch_size=8)
    found = {
        m.name: m
        for m in evaluate(
            lm, [f"{REWARD}_ja"], "ja", tmp_path, limit=2, seed=3, likelihoods=False
        )
    }  # fmt: skip
    task = f"{REWARD}_gen_ja"
    # a limit is of items, each asked in both orders
    assert (found[task].n, dict(found[task].params)["documents"]) == (2, 4)
    assert 0 <= found[f"{task}:unparsed"].value <= 1
    assert found[task].value + found[f"{task}:unparsed"].value <= 1
