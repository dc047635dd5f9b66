"""Packs and cards of strangers: what they must not do, and that it would be done if trusted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError, HarnessError
from polyglot_harness.languages import load_pack, pack_folders
from polyglot_harness.lm.index import load_tasks, task_manager
from polyglot_harness.safety import findings, limits, names, require_safe
from polyglot_harness.safety.characters import hidden
from polyglot_harness.safety.patterns import pattern_problem
from polyglot_harness.safety.templates import template_problems
from polyglot_harness.students import load_student
from polyglot_harness.teachers import load_teacher, teacher_from_flags
from polyglot_harness.validation import validate
from tests.attacks import ATTACKS, DUNDER, put
from tests.conftest import Cli

attacks = pytest.mark.parametrize("name", ATTACKS)


@pytest.fixture
def packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good folder of packs, as docs/adding-a-language.md has one made."""
    folder = tmp_path / "packs"
    folder.mkdir()
    for path in [*tasks_path().glob("_*_yaml"), tasks_path() / "_teach_templates.toml"]:
        shutil.copyfile(path, folder / path.name)
    shutil.copytree(tasks_path() / "de", folder / "de")
    for path in folder.glob("de/**/*.jsonl"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:8]))
    # it is contributed code that a CI must refuse, not these tests
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("POLYGLOT_TRUST_PACK", raising=False)
    (tmp_path / "secret").mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_good_folder_has_no_findings(packs: Path) -> None:
    assert findings(packs) == findings(packs / "de") == findings(tasks_path()) == ()
    assert load_pack("de", str(packs)).folder == str((packs / "de").resolve())
    # one pack by itself: its templates lie beside it
    assert pack_folders(str(packs / "de"))["de"] == (packs / "de").resolve()


@attacks
def test_an_attack_is_refused_wherever_it_comes_in(name: str, packs: Path, tmp_path: Path) -> None:
    attack, mark = ATTACKS[name], tmp_path / "mark"
    put(attack, packs, mark)
    found = [finding for finding in findings(packs) if attack.message in finding.problem]
    assert found, findings(packs)
    assert found[0].remedy
    assert found[0].level == "error"
    assert "\n" not in str(found[0])
    assert str(found[0]).isprintable()
    with pytest.raises(ConfigError) as refusal:
        load_pack("de", str(packs))
    assert "\n" not in str(refusal.value)
    assert f"polyglot-harness validate {packs}" in str(refusal.value)
    with pytest.raises(ConfigError):
        task_manager(["evil"], include_path=str(packs))
    report = validate([packs])
    assert any(attack.message in finding.problem for finding in report.errors)
    assert all(pack.built == 0 for pack in report.packs)
    assert not mark.exists()


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.runs])
def test_trusted_it_runs_and_it_is_said(
    name: str, packs: Path, tmp_path: Path, monkeypatch: Any, capfd: Any
) -> None:
    attack, mark = ATTACKS[name], tmp_path / "mark"
    put(attack, packs, mark)
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    # that it cannot be evaluated after all is another matter
    with contextlib.suppress(HarnessError, Exception):
        load_tasks(task_manager(["evil"], include_path=str(packs)), ["evil"])
    assert mark.exists()
    said = [line for line in capfd.readouterr().err.splitlines() if "--trust_pack" in line]
    assert len(said) == 1
    assert str(packs) in said[0]


def test_in_ci_nobody_is_trusted(packs: Path, tmp_path: Path, monkeypatch: Any) -> None:
    put(ATTACKS["custom_dataset"], packs, tmp_path / "mark")
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    for value in ("true", "1", "yes"):
        monkeypatch.setenv("CI", value)
        with pytest.raises(ConfigError, match="--trust_pack is off in CI"):
            require_safe(packs)
    monkeypatch.setenv("CI", "false")
    require_safe(packs)


@pytest.mark.parametrize("name", ["aliases", "override", "latin-1", "yaml python", "hidden file"])
def test_trust_lets_no_broken_file_through(name: str, packs: Path, monkeypatch: Any) -> None:
    put(ATTACKS[name], packs, packs / "mark")
    monkeypatch.setenv("POLYGLOT_TRUST_PACK", "1")
    with pytest.raises(ConfigError, match="validate"):
        require_safe(packs)


def test_what_changes_is_looked_at_again(packs: Path) -> None:
    require_safe(packs)
    (packs / "de" / "u.py").write_text("")
    with pytest.raises(ConfigError, match=r"u\.py: Python runs when a task names it; a pack is da"):
        require_safe(packs)
    (packs / "de" / "u.py").unlink()
    require_safe(packs)


def test_the_flag_of_the_command_line(packs: Path, tmp_path: Path, cli: Cli) -> None:
    put(ATTACKS["process_docs"], packs, tmp_path / "mark")
    command = ("run", "--teacher", "gemma-3-270m", "--languages", "de", "--limit", "4", "--dry_run",
               "--include_path", packs)  # fmt: skip
    refused = cli(*command, CI="")
    assert refused.returncode == 2
    assert "evil.yaml, line 4: '!function' runs code; include a shared" in refused.stderr
    assert "or --trust_pack if you trust its code" in refused.stderr
    done = cli(*command, "--trust_pack", CI="")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: --trust_pack lets") == 1
    in_ci = cli(*command, "--trust_pack", CI="true")
    assert (in_ci.returncode, "--trust_pack is off in CI" in in_ci.stderr) == (2, True)


# --- files that are no plain files


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _executable(path: Path) -> None:
    path.write_text("x")
    path.chmod(0o755)


def _folders(path: Path) -> None:
    (path.parent / "/".join("abcdefgh")).mkdir(parents=True)


def _many(path: Path) -> None:
    for number in range(limits.FOLDER_FILES + 1):
        (path.parent / f"{number}.md").touch()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_link, "a link may lead anywhere"),
        (lambda path: path.symlink_to(path.parent.parent), "a link may lead anywhere"),
        (os.mkfifo, "no regular file"),
        (_executable, "an executable file"),
        (_folders, "folders deep"),
        (_many, "more than 2000 files"),
    ],
)
def test_odd_files(packs: Path, make: Callable[[Path], None], message: str) -> None:
    make(packs / "de" / "x.md")
    assert message in findings(packs)[0].problem
    with pytest.raises(ConfigError, match=message):
        pack_folders(str(packs))


def test_python_beside_a_single_pack_is_not_taken_for_ours(packs: Path, tmp_path: Path) -> None:
    put(ATTACKS["package in place of ours"], packs, tmp_path / "mark")
    with pytest.raises(ConfigError, match="stands in for this package"):
        pack_folders(str(packs / "de"))


def test_templates_beside_a_single_pack_are_looked_at(packs: Path, tmp_path: Path) -> None:
    put(ATTACKS["changed template"], packs, tmp_path / "mark")
    with pytest.raises(ConfigError, match=r"_mini_choice_yaml, line 1: '!function' runs code"):
        pack_folders(str(packs / "de"))


# --- templates, patterns, characters


def test_the_payload_of_the_templates_is_real(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    payload = DUNDER.replace("MARK", str(mark))
    with pytest.raises(jinja2.exceptions.SecurityError):
        jinja2.sandbox.ImmutableSandboxedEnvironment().from_string(payload).render()
    assert not mark.exists()
    jinja2.Environment(autoescape=True).from_string(payload).render()
    assert mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "{{ choices.index(answer) }}",
        "{% for s in shots %}{{ s.prompt|trim }}{% endfor %}",
        "{{ ['A', 'B'][label] }}: {{ question.strip().replace('a', 'b') }}",
        "{% if loop.index % 2 == 0 %}{{ ', '.join(words) }}{% endif %}",
        "{% set n = options|length %}{% for i in range(n|int) %}{{ options[i] }}{% endfor %}",
        "no Jinja {at all}",
    ],
)
def test_templates_of_prompts_pass(text: str) -> None:
    assert template_problems(text) == []


def test_the_line_within_a_template_is_told(packs: Path) -> None:
    text = f"task: x\nmetadata:\n  version: 1\ndoc_to_text: |\n  one\n  two {DUNDER}\n"
    (packs / "de" / "x.yaml").write_text(text)
    assert {finding.line for finding in findings(packs)} == {6}


@pytest.mark.parametrize(
    ("pattern", "fine"),
    [
        (r"#### (\-?[0-9\.\,]+)", True), (r"(?i)answer is \(?([A-J])", True), ("(a+)+b", False),
        ("(a|a)*b", False), ("(", False), ("(?:x{0,5000}){0,5000}", False), ("a" * 2000, False),
    ],
)  # fmt: skip
def test_patterns(pattern: str, fine: bool) -> None:
    assert (pattern_problem(pattern, limits.REGEX_BYTES) is None) == fine


@pytest.mark.parametrize(
    ("text", "prose", "fine"),
    [
        ("می\u200cخواهم", True, True),  # Persian needs the non-joiner,
        ("می\u200cخواهم", False, True),
        ("क\u094d\u200dष", True, True),  # Hindi the joiner after a virama,
        ("👩\u200d🚀", True, True),  # and so do emoji
        ("\u200d", True, False),
        ("a\u200d\u200d", True, False),
        ("10\u200f٪", True, True),
        ("10\u200f٪", False, False),
        ("ไทย\u200bไทย", True, True),
        ("a\u200bb", True, False),
        ("葛\U000e0100", True, True),  # a variant of an ideograph
        ("x\U000e0100", True, False),
        ("a\u00a0b\u3000c\tü", False, True),
        ("\u3164", True, False),
    ],
)
def test_characters(text: str, prose: bool, fine: bool) -> None:
    assert (hidden(text, prose=prose) is None) == fine


# --- cards


@pytest.mark.parametrize(
    "setting",
    [
        "trust_remote_code = true", 'trust_remote_code = "True"',
        'trust_remote_code = "false"',  # a text is true to Python
        'Trust_Remote_Code = 1', 'x = "a,trust_remote_code=True"',
        'config = {a = [{trust_remote_code = true}]}',
    ],
)  # fmt: skip
def test_a_card_does_not_ask_for_remote_code(
    setting: str, tmp_path: Path, monkeypatch: Any
) -> None:
    teacher, student = tmp_path / "t.toml", tmp_path / "s.toml"
    head = 'name = "t"\nmodel = "hf"\nform = "chat"\n'
    teacher.write_text(f'{head}[model_args]\npretrained = "a/b"\n{setting}\n')
    student.write_text(f'name = "s"\npretrained = "a/b"\n[model_args]\n{setting}\n')
    monkeypatch.delenv("POLYGLOT_TRUST_REMOTE_CODE", raising=False)
    for load, path in ((load_teacher, teacher), (load_student, student)):
        with pytest.raises(ConfigError, match=r"(?i)'trust_remote_code' .*--trust_remote_c"):
            load(str(path))
    monkeypatch.setenv("POLYGLOT_TRUST_REMOTE_CODE", "1")
    assert len(load_teacher(str(teacher)).model_args) == 2
    # typed by the user, it is asked for
    monkeypatch.delenv("POLYGLOT_TRUST_REMOTE_CODE")
    asked = teacher_from_flags("hf", {"pretrained": "a/b", "trust_remote_code": True})
    assert dict(asked.model_args)["trust_remote_code"] is True


@pytest.mark.parametrize(
    ("setting", "fine"),
    [
        ('attn_implementation = "sdpa"', True), ('attn_implementation = "evil/kernels"', False),
        ("use_kernels = true", False), ('worker_cls = "a.b"', False),
        ('distributed_executor_backend = "mp"', True), ("trust_remote_code = false", True),
        ('distributed_executor_backend = "a.B"', False),
    ],
)  # fmt: skip
def test_arguments_of_cards_that_name_code(setting: str, fine: bool, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(f'name = "s"\npretrained = "a/b"\n[model_args]\n{setting}\n')
    with contextlib.nullcontext() if fine else pytest.raises(ConfigError, match="runs code"):
        load_student(str(path))


def test_a_template_beside_a_single_pack_that_includes_itself(packs: Path) -> None:
    (packs / "_a_yaml").write_text("include: _a_yaml\n")
    (packs / "de" / "evil.yaml").write_text("include: ../_a_yaml\ntask: evil\n")
    with pytest.raises(ConfigError, match="in a circle"):
        pack_folders(str(packs / "de"))


# --- what the static names stand for


def test_names_are_those_of_lm_eval_and_datasets() -> None:
    from dataclasses import fields

    import lm_eval.api.metrics
    import lm_eval.filters  # noqa: F401 - fills the registries
    from datasets import packaged_modules
    from lm_eval.api import registry, samplers, task
    from lm_eval.config.group import GroupConfig
    from lm_eval.config.task import FewshotConfig, TaskConfig

    assert set(registry.metric_registry.keys()) == names.METRICS
    assert set(registry.aggregation_registry.keys()) == names.AGGREGATIONS
    assert set(registry.filter_registry.keys()) == names.FILTERS
    assert set(samplers.SAMPLER_REGISTRY) == names.SAMPLERS
    assert set(task.ALL_OUTPUT_TYPES) == names.OUTPUT_TYPES
    for kind, known in ((TaskConfig, names.TASK_KEYS), (GroupConfig, names.GROUP_KEYS),
                        (FewshotConfig, names.FEWSHOT_KEYS)):  # fmt: skip
        assert {field.name for field in fields(kind)} == known
    assert set(packaged_modules._PACKAGED_DATASETS_MODULES) <= names.BUILDERS
