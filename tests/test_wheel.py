"""The wheel: what is in it, and that it works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    subprocess.run([*build, "--outdir", str(out), str(ROOT)], check=True, capture_output=True)
    (found,) = out.glob("*.whl")
    return found


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", *folders], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return {name for name in listed.stdout.split("\0") if name}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the git checkout for its file list")
def test_holds_exactly_the_tracked_files(wheel):
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    data = {f"polyglot_harness/_assets/{n}" for n in tracked("tasks", "teachers", "leaderboard")}
    assert names == data | tracked("polyglot_harness")


def test_works_elsewhere(wheel, tmp_path):
    """Installed without its checkout; the dependencies come from this environment."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True,
        capture_output=True,
    )  # fmt: skip
    site = next(p for p in sys.path if p.endswith("site-packages"))
    # a plain path entry, not a .pth: an editable install of the checkout must not be seen
    env = {k: v for k, v in os.environ.items() if not k.startswith("POLYGLOT_T")}
    code = (
        "import sys; from polyglot_harness.cli import main; "
        f"sys.path.append({site!r}); sys.exit(main(sys.argv[1:]))"
    )

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [python, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path, env=env,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    path = run("tasks-path").strip()
    assert "_assets/tasks" in path and str(tmp_path) in path
    assert "gemma-3-270m" in run("ls", "teachers")
    assert "polyglot_teach_ja_generate" in run("ls", "tasks")
    plan = run("run", "--teacher", "gemma-3-270m", "--languages", "cs", "--dry_run")
    assert "lang:cs|" in plan
    plan = run("generate", "--teacher", "gemma-3-270m", "--languages", "ja", "--dry_run")
    assert "Nothing was asked." in plan
