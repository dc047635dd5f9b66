"""Static configurations are lm-eval's own, and templates are rendered in a sandbox."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.builtin_names import builtin_names
from polyglot_harness.lm.index import load_tasks, task_configs, task_manager

BROKEN = {"flan_held_in", "t0_eval"}
"""Groups that lm-eval 0.4.13 itself cannot build."""
WIDER = "belebele_deu_Latn include_base_44_german mmlu_prox_lite_de xnli_de multiblimp_deu".split()


# --- static configurations


TREE = {
    "u.py": "def text(doc): ...\n",
    "_template": "num_fewshot: 3\nmetadata: {version: 1}\ndoc_to_text: !function u.text\n"
    "dataset_path: owner/name\ntag: [r, s]\n",
    "a.yaml": "include: _template\ntask: a\n",
    "b.yaml": "include: _template\ntask: b\ntag: q\ndoc_to_text: '{{b}}'\n",
    "h.yaml": "group: h\ntask: [b]\nnum_fewshot: 7\n",
    "g.yaml": "group: g\ntask:\n  - task: a\n    num_fewshot: 5\n  - group: h\n    repeats: 2\n"
    "  - group: new\n    task: [{task: inline, dataset_path: x/y}]\nshuffle: true\n",
    "k.yaml": "group: k\ntask: [r, {task: h, gen_prefix: p}]\n",
}


@pytest.mark.parametrize(
    "names",
    [
        ["g"],
        ["k"],
        ["a", "h"],
        ["r", "b"],
        ["q"],
        ["arc_easy", "ai2_arc"],
        ["xcopa", "mmlu"],
        WIDER,
    ],
    ids=" ".join,
)
def test_configurations_are_those_that_lm_eval_builds_tasks_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    """What lm-eval gives to its tasks is caught on the way: to build them needs their data."""
    from lm_eval.tasks import _factory

    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))
    for file, text in TREE.items():
        (tmp_path / file).write_text(text)
    metadata = {"language": "de"}
    ours = task_configs(task_manager(names, metadata=metadata), names)
    caught: dict[str, dict[str, Any]] = {}

    class Caught:
        def __init__(self, config: dict[str, Any]) -> None:
            self.task_name = config["task"]
            caught[config["task"]] = config

    monkeypatch.setattr(_factory, "ConfigurableTask", Caught)
    theirs = task_manager(names, metadata=metadata)
    for name in names:
        theirs._factory.build(theirs.task_index[name], registry=theirs.task_index)
    assert ours.keys() == caught.keys() and ours
    for name, config in caught.items():
        assert _plain(ours[name]) == _plain(config), name


def _plain(config: Any) -> Any:
    """Return a configuration with every function as the same word."""
    if isinstance(config, dict):
        return {key: _plain(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_plain(value) for value in config]
    is_function = callable(config) or str(config).startswith("!function ")
    return "function" if is_function else config


# --- templates


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''|attr('__class__') }}",
        "{{ lipsum.__globals__['os'].system('true') }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ xs.append(1) }}",
        "{% for i in range(10000000) %}{% endfor %}",
    ],
)
def test_a_template_cannot_leave_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    from jinja2.exceptions import SecurityError
    from lm_eval import utils

    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))
    (tmp_path / "t.yaml").write_text(
        "task: t\ncustom_dataset: !function d.load\ntest_split: test\nnum_fewshot: 0\n"
        "fewshot_config: {samples: []}\noutput_type: generate_until\ndoc_to_target: ''\n"
        f"doc_to_text: {json.dumps(template)}\n"
    )
    (tmp_path / "d.py").write_text(
        "from datasets import Dataset\n"
        "def load(**_):\n    return {'test': Dataset.from_list([{'x': 'y', 'xs': [0]}])}\n"
    )
    manager = task_manager(["t"])
    with pytest.raises((SecurityError, OverflowError)) as raised:
        utils.apply_template(template, {"x": "y", "xs": [0]})
    # lm-eval renders the first document when it builds a task
    with pytest.raises(
        ConfigError, match=f"task t cannot be built: {re.escape(str(raised.value))}"
    ):
        load_tasks(manager, ["t"])


def test_templates_of_lm_eval_render_as_before() -> None:
    """By lm-eval's own environment and by ours, with values that fit many a template."""
    from jinja2 import BaseLoader, Environment, StrictUndefined, meta
    from lm_eval import utils

    plain = Environment(  # noqa: S701 - text, not HTML
        loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    plain.filters["regex_replace"] = utils.regex_replace
    names = random.Random(1).sample(sorted(builtin_names().keys() - BROKEN), 200)
    configs = task_configs(task_manager(names), names)
    assert type(utils.env).__name__ == "BoundedEnvironment"
    words = ["A", "b c", "D", "e"]
    values: list[Any] = ["one. Two", 1, words, {"text": words, "label": words}, [{"text": "x"}]]
    rendered: set[str] = set()
    fields = ("doc_to_text", "doc_to_target", "doc_to_choice", "description")
    for template in {str(c.get(field)) for c in configs.values() for field in fields}:
        for value in values if "{" in template else ():
            doc = dict.fromkeys(meta.find_undeclared_variables(plain.parse(template)), value)
            try:
                expected = plain.from_string(template).render(**doc)
            except Exception:  # noqa: BLE001, S112 - a value that does not fit
                continue
            assert utils.apply_template(template, doc) == expected
            rendered.add(template)
    assert len(rendered) > 100
    assert utils.apply_template("{{ 'a1b2'|regex_replace('[0-9]', '.', 1) }}\n", {}) == "a.b2\n"
