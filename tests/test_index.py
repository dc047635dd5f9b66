"""Our index finds what lm-eval's finds, loses nothing, and says what is broken."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.lm import builtin_names as builtin
from polyglot_harness.lm import index
from polyglot_harness.lm.index import pack_names, task_manager

BROKEN = {"flan_held_in", "t0_eval"}
"""Groups that lm-eval 0.4.13 itself cannot build."""
Pack = Callable[..., Path]


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """lm-eval's own index: all that it has."""
    from lm_eval.tasks import TaskManager

    return dict(TaskManager().task_index)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own, and nothing remembered."""
    monkeypatch.setenv("POLYGLOT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(builtin, "_known", {})
    return builtin.cache_file()


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """Write YAMLs where the packs lie."""
    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))

    def write(**files: str) -> Path:
        for name, text in files.items():
            suffix = "" if name.startswith("_") else ".yaml"
            (tmp_path / f"{name}{suffix}").write_text(text, encoding="utf-8")
        return tmp_path

    return write


# --- lm-eval's own names


def test_the_scan_knows_all_that_lm_eval_knows(theirs: dict[str, Any], home: Path) -> None:
    kinds = {"TASK": "task", "PY_TASK": "task", "GROUP": "group", "TAG": "tag"}
    found = builtin.builtin_names()
    assert home.is_file()
    assert {name: n.kind for name, n in found.items()} == {
        name: kinds[e.kind.name] for name, e in theirs.items()
    }
    for name, entry in theirs.items():
        assert found[name].path == (entry.yaml_path and str(entry.yaml_path)), name
        if entry.kind.name == "TAG":
            assert found[name].members == tuple(sorted(entry.tags)), name
        if entry.kind.name == "TASK":
            assert found[name].num_fewshot == entry.cfg.get("num_fewshot"), name


def test_entries_are_those_of_lm_eval(theirs: dict[str, Any]) -> None:
    chosen = random.Random(0).sample(sorted(theirs.keys() - BROKEN), 300)
    ours = task_manager([*chosen, "mmlu", "ai2_arc", "squadv2"])
    assert len(ours.all_tasks) > 350  # and what they are made of
    for name, entry in ours.task_index.items():
        other = theirs[name]
        assert (entry.kind, entry.yaml_path, entry.tags) == (
            other.kind,
            other.yaml_path,
            other.tags,
        ), name
        if entry.kind.name == "GROUP":
            assert _members(entry.cfg) == _members(other.cfg), name
    kinds = {"all_groups": "GROUP", "all_tags": "TAG", "all_subtasks": "TASK PY_TASK"}
    for attribute, kind in kinds.items():
        expected = [n for n in ours.all_tasks if theirs[n].kind.name in kind.split()]
        assert getattr(ours, attribute) == expected


def _members(group: dict[str, Any]) -> list[Any]:
    """Return the names in a group, those of a group within it as a list."""
    members = [m if isinstance(m, dict) else {"task": m} for m in group["task"]]
    return [m["task"] if isinstance(m["task"], str) else _members(m) for m in members]


def test_only_what_is_asked_for_is_indexed() -> None:
    assert task_manager(["arc_easy"]).all_tasks == ["arc_easy"]
    ours = task_manager(["polyglot_teach_de", "ai2_arc"])
    teach = [f"polyglot_teach_de_{strategy}" for strategy in ("generate", "respond", "translate")]
    assert ours.all_tasks == ["ai2_arc", "arc_challenge", "arc_easy", "polyglot_teach_de", *teach]
    assert ours.all_tags == ["ai2_arc"]


@pytest.mark.parametrize("damage", [b'{"tasks": {"mm', b'{"tasks": {}}', b"[7]"])
def test_a_damaged_cache_is_made_anew(home: Path, damage: bytes) -> None:
    home.parent.mkdir(parents=True)
    home.write_bytes(damage)
    assert len(builtin.builtin_names()) > 14_000
    assert len(json.loads(home.read_bytes())["tasks"]) > 13_000
    assert [path.name for path in home.parent.iterdir()] == [home.name]


def test_a_cache_that_cannot_be_written_is_done_without(home: Path) -> None:
    home.parent.parent.parent.mkdir(exist_ok=True)
    home.parent.parent.write_text("a file where the folder should be")
    assert len(builtin.builtin_names()) > 14_000
    assert "mmlu" in task_manager(["mmlu"]).all_groups


@pytest.mark.parametrize("path", [None, "moved/away.yaml"])
def test_a_cache_that_is_out_of_date_is_made_anew(home: Path, path: str | None) -> None:
    right = builtin.builtin_names()["xnli_de"].path
    kept = json.loads(home.read_bytes())
    kept["tasks"].pop("xnli_de")
    kept["tasks"] |= {"xnli_de": path} if path else {}
    home.write_text(json.dumps(kept), encoding="utf-8")
    builtin._known.clear()
    (entry,) = task_manager(["xnli_de"]).task_index.values()
    assert str(entry.yaml_path) == right


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_group_that_lm_eval_cannot_build_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}\.yaml, line \d+: group "):
        task_manager([name])


# --- the packs


def test_no_yaml_of_the_packs_is_lost() -> None:
    files = {str(path): path.stem for path in tasks_path().rglob("*.yaml")}
    assert {n.path: name for name, n in pack_names().items()} == files


TASK = "task: t\ndataset_path: owner/name\noutput_type: generate_until\n"
GROUP = "group: g\ntask:\n  - t\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": "task: t\ndoc_to_text: [x\n"}, r"a\.yaml, line 3: not valid YAML: .*; correct"),
        ({"a": "task: t\n\tx: 1\n"}, r"a\.yaml, line 2: not valid YAML: .*tab character"),
        ({"a": f"{TASK}---\n{TASK}"}, r"a\.yaml, line 4: not valid YAML: but found another doc"),
        ({"a": "task: t\nx: !!python/name:os.system\n"}, r"a\.yaml, line 2: .*python/name:os"),
        ({"a": "task: t\nx: *y\n"}, r"a\.yaml, line 2: not valid YAML: found undefined alias"),
        ({"a": ""}, r"a\.yaml, line 1: expected 'key: value' lines, found nothing"),
        ({"a": "- task: t\n"}, r"a\.yaml, line 1: expected 'key: value' lines, found a list"),
        ({"a": "dataset_path: x\n"}, r"a\.yaml, line 1: neither a task nor a group: give it"),
        ({"a": "task:\n  - t\n"}, r"a\.yaml, line 1: 'task:' takes a name, got \['t'\]"),
        ({"a": "x: 1\ngroup: [g]\n"}, r"a\.yaml, line 2: 'group:' takes a name, got \['g'\]"),
        ({"a": "group: g\ntask: t\n"}, r"a\.yaml, line 2: 'task:' of a group takes a list"),
        ({"a": TASK, "b": f"x: 1\n{TASK}"}, r"b\.yaml, line 2: 't' is also the name of .*a\.yaml"),
        ({"a": TASK, "b": f"task: u\ntag: t\n{TASK[8:]}"}, r"b\.yaml, line 2: 't' is also the nam"),
        ({"a": "task: t\ninclude: _no\n"}, r"a\.yaml, line 2: included file '_no' is missing; put"),
        ({"a": "task: t\ninclude: 7\n"}, r"a\.yaml, line 2: 'include:' takes file names"),
        ({"a": "include: _a\n", "_a": "x: [\n"}, r"_a, line 2: not valid YAML"),
        ({"a": "include: _a\n", "_a": "include: _a\n"}, r"_a, line 1: '_a' is included twice"),
        ({"a": "include: [_a, _b]\n", "_a": "include: _b\n", "_b": "task: t"}, r"a\.yaml, line 1:"),
    ],
)
def test_a_broken_yaml_is_an_error(pack: Pack, files: dict[str, str], message: str) -> None:
    folder = pack(**files)
    for call in (pack_names, lambda: task_manager(["xnli_de"])):
        with pytest.raises(ConfigError, match=message):
            call()
    # and where it is not the packs' folder
    with pytest.raises(ConfigError, match=r"_?[ab](\.yaml)?[,:]"):
        pack_names(str(folder))


def test_a_yaml_that_is_not_text_is_an_error(pack: Pack) -> None:
    folder = pack(a=TASK)
    (folder / "a.yaml").write_bytes(b"task: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"a\.yaml, line 1: not valid YAML: "):
        pack_names()


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (GROUP, r"g\.yaml, line 3: group 'g' names 't', which exists nowhere; near it: "),
        ("group: g\ntask: [xnli_d]\n", r"line 2: .*names 'xnli_d', .*near it: xnli_de, "),
        ("group: g\ntask:\n- task: t\n  num_fewshot: 1\n", r"line 3: group 'g' names 't'"),
        ("group: g\ntask:\n- group: h\n  task: [t]\n", r"line 4: group 'h' names 't'"),
        ("group: g\ntask:\n- 7\n", r"line 2: group 'g' takes names, .*; got 7"),
        ("group: g\ntask:\n- {dataset_path: x}\n", r"line 2: group 'g' takes names, .*; got \{"),
        ("group: g\ntask: [g]\n", r"line 1: group 'g' contains itself"),
    ],
)
def test_a_group_that_names_what_is_not_there(pack: Pack, group: str, message: str) -> None:
    pack(g=group)
    with pytest.raises(ConfigError, match=message):
        task_manager(["g"])


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("belebele_deu", "'belebele_deu_Latn'"),
        ("polyglot_mini_dee", "'polyglot_mini_de'"),
        ("kobest-boolq", "'kobest_boolq'"),
        ("xnli_de.yaml", "'xnli_de'"),
    ],
)
def test_an_unknown_name(name: str, near: str) -> None:
    with pytest.raises(ConfigError, match=rf"unknown task '{name}' \(did you mean {near}\?\)"):
        task_manager(["xnli_de", name])


def test_the_include_path_wins_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("polyglot_teach_de_respond", "xnli_de", "my_own"):
        text = TASK.replace("t\n", f"{name}\ntag: ai2_arc\n", 1)
        (tmp_path / f"{name}.yaml").write_text(text)
    index._tell.cache_clear()
    for _ in range(2):
        ours = task_manager(["polyglot_teach_de", "xnli", "ai2_arc"], include_path=str(tmp_path))
    for name in ("polyglot_teach_de_respond", "xnli_de", "my_own"):
        assert ours.task_index[name].yaml_path == tmp_path / f"{name}.yaml"
    assert ours.task_index["xnli_es"].yaml_path.parent.name == "xnli"
    assert ours.task_index["ai2_arc"].tags == {"polyglot_teach_de_respond", "xnli_de", "my_own"}
    said = sorted(r.getMessage() for r in caplog.records if r.name == index.__name__)
    hidden = ["ai2_arc", "polyglot_teach_de_respond", "xnli_de"]
    assert [line.split(":")[0] for line in said] == hidden
    assert said[0] == "ai2_arc: the tag of 3 is taken in place of the tag of 2"
    assert "xnli_de.yaml is taken in place of /" in said[2]


def test_the_packs_folder_as_include_path_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    index._tell.cache_clear()
    for folder in (tasks_path(), tasks_path() / "de"):
        assert task_manager(["polyglot_mini_de"], include_path=str(folder)).all_groups
    assert not [record for record in caplog.records if record.name == index.__name__]


def test_an_include_path_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no_such: no such folder"):
        pack_names(str(tmp_path / "no_such"))


# --- ls tasks


@pytest.mark.parametrize(
    ("flags", "held", "missing"),
    [
        ((), ["polyglot_teach_ar", "polyglot_mini_ja_reply", "group"], ["xnli_de"]),
        (("--languages", "de,ja"), ["polyglot_mini_de", "polyglot_mini_ja"], ["polyglot_mini_ar"]),
        (("--match", "*_mini_d?"), ["polyglot_mini_de", "group"], ["teach", "mini_de_reply", "es"]),
        (
            ("--all", "--match", "belebele_d*"),
            ["belebele_deu_Latn", "belebele_dan_Latn"],
            ["belebele_eng_Latn", "polyglot"],
        ),
        (("--all", "--languages", "de", "--match", "x*"), ["few-shots"], ["xnli_de"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_ls_tasks(cli: Any, flags: tuple[str, ...], held: list[str], missing: list[str]) -> None:
    done = cli("ls", "tasks", *flags)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in held)
    assert not any(word in done.stdout for word in missing)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tasks", "--languages", "xx"), ["unknown language 'xx'", "ar, cs, de"]),
        (("teachers", "--all"), ["only for: ls tasks"]),
    ],
)
def test_what_ls_refuses(cli: Any, arguments: tuple[str, ...], words: list[str]) -> None:
    done = cli("ls", *arguments)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words)


def test_names_are_known_without_lm_eval() -> None:
    code = (
        "import sys\n"
        "from polyglot_harness.lm.builtin_names import builtin_names\n"
        "from polyglot_harness.lm.index import pack_names\n"
        "print('xnli_de' in builtin_names(), 'polyglot_mini_de' in pack_names())\n"
        "print(sorted({'lm_eval', 'torch', 'transformers', 'datasets'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split("\n")[:2] == ["True True", "[]"]
