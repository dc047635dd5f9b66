"""`polyglot-harness validate`: what it says of packs that are not right, and the CI example."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from polyglot_harness.assets import PACKAGE, tasks_path
from polyglot_harness.cli import main
from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import load_pack, pack_folders
from polyglot_harness.validation import validate
from polyglot_harness.validation.output import as_github
from tests.attacks import ATTACKS, put
from tests.conftest import Cli

Edit = Callable[[Path], None]


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """A good folder with one pack."""
    folder = tmp_path / "packs"
    folder.mkdir()
    for path in [*tasks_path().glob("_*_yaml"), tasks_path() / "MINI_SOURCES.md"]:
        shutil.copyfile(path, folder / path.name)
    shutil.copytree(tasks_path() / "id", folder / "id")
    sub = folder / "id" / "pack.toml"
    sub.write_text(sub.read_text().replace("see tasks/", "see "))
    return folder


def replace(name: str, old: str, new: str, count: int = 1) -> Edit:
    """Return an edit of a file of the pack."""

    def edit(pack: Path) -> None:
        text = (pack / name).read_text(encoding="utf-8")
        assert old in text
        (pack / name).write_text(text.replace(old, new, count), encoding="utf-8")

    return edit


def first(field: str, value: str, line: int = 1) -> Edit:
    """Return an edit of a field of one seed."""

    def edit(pack: Path) -> None:
        path = pack / "seeds.jsonl"
        rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
        rows[line - 1][field] = value or rows[0][field]
        write(path, rows)

    return edit


def keep(count: int) -> Edit:
    """Return an edit that leaves the first seeds."""

    def edit(pack: Path) -> None:
        path = pack / "seeds.jsonl"
        write(path, [json.loads(r) for r in path.read_text(encoding="utf-8").splitlines()][:count])

    return edit


def write(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")


def german(pack: Path) -> None:
    rows = [json.loads(r) for r in (pack / "seeds.jsonl").read_text("utf-8").splitlines()]
    other = [seed.prompt for seed in load_pack("de").seeds][: len(rows)]
    both = zip(rows, other, strict=True)
    write(pack / "seeds.jsonl", [{**row, "prompt": text} for row, text in both])


def unlink(name: str) -> Edit:
    return lambda pack: (pack / name).unlink()


def test_the_packs_of_the_package_are_right() -> None:
    report = validate()
    assert report.findings == ()
    assert {pack.code for pack in report.packs} == set(pack_folders())
    assert all(pack.built >= 8 for pack in report.packs)
    words = "known words (known_words)"
    assert [p.coverage[words] for p in report.packs if p.code in ("de", "ja")] == [
        "", "wordfreq has no list of words"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "where", "message", "level"),
    [
        (replace("pack.toml", 'code = "id"', 'code = "in"'), "pack.toml:2", "code 'in'", "error"),
        (replace("pack.toml", "[labels]", "colour = 1\n[labels]"), "pack.toml:",
         "unknown field 'colour'", "error"),
        (replace("pack.toml", 'script = "Latn"', 'script = "latin"'), "pack.toml:6", "'script'",
         "error"),
        (replace("pack.toml", "[labels]", "[labels"), "pack.toml", "not valid TOML", "error"),
        (replace("pack.toml", '"Apache-2.0"', '"free"'), "pack.toml:", "none of SPDX", "warning"),
        (replace("pack.toml", "MINI_SOURCES.md", "NONE.md"), "pack.toml:", "no file 'NONE.md'",
         "error"),
        (replace("pack.toml", 'name = "seeds.jsonl"', 'name = "x"'), "seeds.jsonl", "nobody says",
         "error"),
        (replace("pack.toml", '"polyglot_mini_id"]', '"polyglot_mini_xx"]'), "pack.toml",
         "unknown task 'polyglot_mini_xx'", "error"),
        (replace("pack.toml", 'own_name = "Bahasa Indonesia"', 'own_name = "TODO"'), "pack.toml:",
         "to be filled in", "error"),
        (first("colour", "red", 3), "seeds.jsonl:3", "unknown field 'colour'", "error"),
        (first("category", "poems", 2), "seeds.jsonl:2", "'category'", "error"),
        (first("prompt", "", 9), "seeds.jsonl:9", "prompt repeats line 1", "error"),
        (first("response", "Jawaban: ya. Soal", 4), "seeds.jsonl:4", "holds the label", "error"),
        (first("prompt", "Apa\n\nitu?", 4), "seeds.jsonl:4", "blank line", "error"),
        (first("id", "id-001", 5), "seeds.jsonl:5", "comes twice", "error"),
        (first("response", "cafe\u0301 itu enak sekali, bukan", 7), "seeds.jsonl:7", "NFC",
         "warning"),
        (first("prompt", "Bagaimana cara memperpanjang SIM?  ", 6), "seeds.jsonl:6", "spaces",
         "warning"),
        (keep(3), "seeds.jsonl", "3 seeds", "error"),
        (keep(30), "seeds.jsonl", "30 seeds", "warning"),
        (german, "seeds.jsonl:", "prompt in another language than id", "error"),
        (lambda pack: (pack / "seeds.jsonl").write_text("{\n"), "seeds.jsonl:1", "not valid JSON",
         "error"),
        (unlink("polyglot_teach_id_translate.yaml"), "id", "polyglot_teach_id_translate", "error"),
        (unlink("mini/capitals.jsonl"), "polyglot_mini_id_capitals.yaml", "has no items", "error"),
        (replace("polyglot_mini_id_capitals.yaml", "dataset_k", "doc_to_text: '{{x}}'\ndataset_k"),
         "polyglot_mini_id_capitals.yaml", "'x' is undefined", "error"),
        (replace("teach_templates.toml", "{{ P }}", "{{ Q }}"), "teach_templates.toml",
         "'Q' is undefined", "error"),
        (replace("teach_templates.toml", "{% for s in shots %}", "{% for s in [] %}", 9),
         "teach_templates.toml", "neither the prompt nor an example", "error"),
        (unlink("pack.toml"), "id", "meant as a pack", "error"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_pack(
    packs: Path, edit: Edit, where: str, message: str, level: str
) -> None:
    edit(packs / "id")
    report = validate([packs / "id"])
    said = [line for line in as_github(report).splitlines() if message in line]
    assert said, report.findings
    assert said[0].startswith(f"::{level} file=")
    found = next(f for f in report.findings if message in f.problem)
    assert f"{found.path}:{found.line}".removesuffix(":0").find(where) >= 0
    assert found.remedy


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("teach_templates.toml", "chat = 1\n", "no template chat.generate"),
        ("x.yaml", "group: x\ntask: [[a], 5]\n", "takes names"),
        ("mini/capitals.jsonl", '{"a": 1}\n', "polyglot_mini_id_capitals"),
    ],
)
def test_rubbish_that_nobody_foresaw_is_a_finding(
    name: str, text: str, message: str, packs: Path, cli: Cli
) -> None:
    (packs / "id" / name).write_text(text)
    done = cli("validate", packs)
    assert done.returncode == 2
    assert [line for line in done.stdout.splitlines() if message in line]
    assert "Traceback" not in done.stdout + done.stderr


def test_what_terminals_act_on_is_not_printed(packs: Path, cli: Cli) -> None:
    (packs / "id\x1b[2J\n::error::x").mkdir()
    for form in ("text", "json", "github"):
        done = cli("validate", "--format", form, packs)
        assert done.returncode == 2
        assert "\x1b" not in done.stdout
        assert not [line for line in done.stdout.splitlines() if line.startswith("::error::x")]


def test_tasks_of_others_that_fetch_by_themselves_are_not_built(packs: Path) -> None:
    replace("pack.toml", "student_tasks = [", 'student_tasks = ["squadv2", ')(packs / "id")
    (report,) = validate([packs]).packs
    assert "squadv2" in report.not_built


def test_a_good_pack_elsewhere(packs: Path, cli: Cli) -> None:
    done = cli("validate", packs, "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "1 pack: 0 errors, 0 warnings"


def test_a_pack_without_pack_toml_is_an_error_wherever_it_is_read(packs: Path) -> None:
    (packs / "id" / "pack.toml").unlink()
    with pytest.raises(ConfigError, match=r"no pack\.toml, but seeds\.jsonl, so it is meant as a"):
        load_pack("id", str(packs))
    with pytest.raises(ConfigError, match="no such folder"):
        load_pack("id", str(packs / "none"))


def test_forms_and_exit_statuses(packs: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(packs.parent)
    keep(30)(packs / "id")
    assert main(["validate", "packs"]) == 0
    assert "packs/id/seeds.jsonl: warning: 30 seeds; write at least 60" in capsys.readouterr().out
    assert main(["validate", "packs", "--strict"]) == 2
    capsys.readouterr()
    put(ATTACKS["unknown metric"], packs, packs / "mark")
    (packs / "id" / "evil.yaml").write_text("task: evil\nmetric_list: [{metric: '::x,\\n::'}]\n")
    assert main(["validate", "packs", "--format", "json"]) == 2
    data = json.loads(capsys.readouterr().out)
    assert {"path", "line", "level", "problem", "remedy"} == set(data["findings"][0])
    assert data["packs"][0]["coverage"] == {"all": "not looked at: the pack is not safe"}
    assert main(["validate", "packs", "--format", "github"]) == 2
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    # the metric's name begins no command of its own
    assert all(line.startswith(("::error file=packs/", "::warning file=packs/")) for line in lines)


# --- the example for CI


@pytest.fixture
def step() -> str:
    """The script of the example's last step."""
    workflow = yaml.safe_load((PACKAGE.parent / "examples/validate-packs.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow[True] == {"pull_request": {"paths": ["tasks/**"]}}  # YAML 1.1 reads "on" so
    assert "secrets." not in str(workflow)
    return str(workflow["jobs"]["validate"]["steps"][-1]["run"])


@pytest.fixture
def repository(packs: Path) -> Path:
    """A repository with packs in tasks/, as they were before a pull request."""
    packs = packs.rename(packs.parent / "tasks")
    shutil.copytree(packs / "id", packs / "ms")
    git(packs.parent, "init", "-q")
    commit(packs.parent, "base")
    return packs.parent


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def run_step(step: str, repository: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    base = git(repository, "rev-list", "--max-parents=0", "HEAD")
    return subprocess.run(["bash", "-c", step], cwd=repository, capture_output=True, text=True,
                          env={**os.environ, "PATH": path, "BASE": base}, check=False)  # fmt: skip


def test_the_workflow_checks_what_has_changed(step: str, repository: Path) -> None:
    (repository / "README.md").write_text("x")
    commit(repository, "no pack")
    done = run_step(step, repository)
    assert (done.returncode, done.stdout) == (0, "no pack has changed\n")
    put(ATTACKS["in metadata"], repository / "tasks", repository / "mark")
    shutil.move(repository / "tasks" / "de", repository / "tasks" / "id" / "mini" / "de")
    shutil.rmtree(repository / "tasks" / "ms")
    commit(repository, "a bad pack, and one less")
    done = run_step(step, repository)
    assert done.returncode == 2
    assert "::error file=tasks/id/mini/de/evil.yaml,line=4::'!function' runs code" in done.stdout
    assert "tasks/ms" not in done.stdout
    assert not (repository / "mark").exists()


def test_the_workflow_checks_all_where_what_they_share_changes(step: str, repository: Path) -> None:
    (repository / "tasks" / "_mini_pair_yaml").write_text("custom_dataset: !function os.x\n")
    commit(repository, "template")
    done = run_step(step, repository)
    assert done.returncode == 2
    assert "::error file=tasks/_mini_pair_yaml,line=1::'!function' runs code" in done.stdout
