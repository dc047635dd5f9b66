"""Data sets of the hub: over HTTP, from a mirror, pinned, recorded, and what goes wrong."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import data_hub
import pytest

from polyglot_harness.cli import build_parser
from polyglot_harness.errors import ConfigError
from polyglot_harness.lm import hub_data as hd
from polyglot_harness.lm import hub_mirror, hub_pins

CARD = """\
---
configs:
- config_name: de
  data_files:
  - split: test
    path: data/de_*.jsonl
  - split: dev
    path: dev/de.jsonl
- config_name: cs
  data_files:
  - split: test
    path: data/cs_*.jsonl
---
"""
FORMATS = {
    "jsonl": ("{split}.jsonl", '{{"q": "{a}", "n": 1}}\n{{"q": "{b}", "n": 2}}\n'),
    "json": ("{split}.json", '[{{"q": "{a}", "n": 1}}, {{"q": "{b}", "n": 2}}]'),
    "csv": ("{split}.csv", "q,n\n{a},1\n{b},2\n"),
    "tsv": ("{split}.tsv", "q\tn\n{a}\t1\n{b}\t2\n"),
}
SCRIPT = """
import json, os, sys
import datasets
from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.hub_data import hub_data

for args, options, mirror in json.loads(sys.stdin.read()):
    os.environ.pop("POLYGLOT_DATA", None)
    if mirror:
        os.environ["POLYGLOT_DATA"] = mirror
    try:
        with hub_data() as loaded:
            found = datasets.load_dataset(*args, **options)
        tables = found if isinstance(found, dict) else {"": found}
        rows = {name: table.to_list() for name, table in tables.items()}
        print(json.dumps({"rows": rows, "loaded": loaded.rows(), "note": loaded.note()}))
    except ConfigError as error:
        print(json.dumps({"error": str(error)}))
"""


def files(value: int) -> dict[str, str]:
    """A repository of two configurations."""
    row = json.dumps({"q": "Wer?", "n": value}) + "\n"
    paths = ("data/de_0.jsonl", "data/de_1.jsonl", "data/cs_0.jsonl", "dev/de.jsonl")
    return {"README.md": CARD, **dict.fromkeys(paths, row)}


def write(folder: Path, content: dict[str, str]) -> Path:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def loads(calls: list[Any], home: Path, before: str = "", **env: str) -> list[dict[str, Any]]:
    """Load in a process of its own: the libraries read their settings once."""
    done = subprocess.run(
        [sys.executable, "-c", f"import time\n{before}\n{SCRIPT}"],
        input=json.dumps(calls), capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1",
             **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def hub() -> Iterator[data_hub.DataHub]:
    with data_hub.serve() as hub:
        yield hub


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with one data set, and a cache of its own."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("POLYGLOT_DATA", str(tmp_path / "mirror"))
    write(tmp_path / "mirror/own/set", files(1))
    return tmp_path / "mirror"


def values(found: Any) -> list[int]:
    return [row["n"] for row in found]


def test_over_http(hub, tmp_path):
    """Pinned, newest, by option; what is not there; and again without the hub."""
    old, new = hub.commit("own/set", files(1)), hub.commit("own/set", files(2))
    free = hub.commit("own/free", files(3))
    hub.commit("own/script", {"README.md": "", "script.py": ""})
    hub.commit("own/gated", files(0))
    hub.gated.add("own/gated")
    pins = (
        f'["own/set"]\nrevision = "{old}"\n["was/set"]\nnow = "own/set"\n'
        '["own/script"]\nnote = "read own/free"\n'
    )
    write(tmp_path / "tasks", {hub_pins.PINS_FILE: pins})
    env = {"HF_ENDPOINT": hub.address, "POLYGLOT_TASKS": str(tmp_path / "tasks")}
    wrong = {
        "own/set:xx": "no configuration 'xx'; valid: de, cs",
        "own/set": "a configuration is needed; valid: de, cs",
        "own/none:de": "not on the hub, or private",
        "own/gated:de": "gated: accept its terms at https://huggingface.co/datasets/own/gated",
        "own/script": "loading script, which datasets 4 and newer do not run; read own/free",
    }
    calls: list[Any] = [
        (["own/set", "de"], {"revision": new, "split": "test"}, None),
        (["own/set", "de"], {}, None),
        (["was/set", "de"], {}, None),
        (["own/free", "cs"], {}, None),
        (["own/set"], {"data_files": {"x": "dev/*.jsonl"}}, None),
        (["own/set", "de"], {"revision": "0" * 40}, None),
        *(([*name.split(":")], {}, None) for name in wrong),
    ]
    # as where no model of a run is from the hub
    switched_off = {"HF_HUB_OFFLINE": "1", hd.MODELS_ONLY: "1"}
    option, pinned, renamed, newest, chosen, unknown, *errors = loads(
        calls, tmp_path / "home", **env, **switched_off
    )
    assert values(pinned["rows"]["test"]) == [1, 1] and list(pinned["rows"]) == ["test", "dev"]
    assert pinned["loaded"] == [["own/set", "de", old]] and pinned["note"] == ""
    assert renamed["loaded"] == [["was/set", "de", old]]
    assert values(option["rows"][""]) == [2, 2] and option["loaded"] == [["own/set", "de", new]]
    assert newest["loaded"] == [["own/free", "cs", free]]
    assert newest["note"] == f"not pinned, the newest was taken: own/free@{free[:7]}"
    assert values(chosen["rows"]["x"]) == [1] and chosen["loaded"] == [["own/set", "", old]]
    assert unknown["error"] == f"data set own/set: the hub has no revision {'0' * 40}"
    for found, (name, expected) in zip(errors, wrong.items(), strict=True):
        assert found["error"].startswith(f"data set {name.split(':')[0]}: "), found
        assert expected in found["error"], found

    wish = [(["own/free", "cs"], {"revision": "1" * 40}, None), (["own/free", "de"], {}, None)]
    asked = len(hub.requests)
    again, other, uncached = loads(
        [calls[3], *wish], tmp_path / "home", **{**env, "HF_HUB_OFFLINE": "1"}
    )
    assert len(hub.requests) == asked
    assert loads(calls[:2], tmp_path / "home", **env) == [option, pinned]
    # the commit that was cached last is taken without a question
    assert not [request for request in hub.requests[asked:] if old in request]
    assert again["loaded"] == newest["loaded"]
    assert f"the cache holds revision {free}, not {'1' * 40}" in other["error"]
    assert "cannot be reached, and it is not in the cache; --offline_data" in uncached["error"]


def test_unplugged(tmp_path):
    with data_hub.serve() as gone:
        address = gone.address
    (found,) = loads(
        [(["own/set", "de"], {}, None)], tmp_path, before="time.sleep = lambda s: None",
        HF_ENDPOINT=address,
    )  # fmt: skip
    assert found["error"].startswith("data set own/set: the hub cannot be reached")


def test_mirror_is_as_the_hub(hub, tmp_path):
    """The same rows, columns and splits by either road, in all formats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    card = "---\nconfigs:\n- config_name: a\n  default: true\n  data_dir: first\n"
    card += "- config_name: b\n  data_files: second/*\n---\n"
    folders = {}
    for kind, (name, text) in FORMATS.items():
        content = {"README.md": card}
        for folder in ("first", "second"):
            for split in ("train", "test"):
                text_of = text.format(a=f"{folder} é", b=split)
                content[f"{folder}/{name.format(split=split)}"] = text_of
        folders[kind] = write(tmp_path / "mirror/own" / kind, content)
    folders["parquet"] = write(tmp_path / "mirror/own/parquet", {"README.md": card})
    for place in ("first/train", "first/test", "second/test"):
        path = folders["parquet"] / f"{place}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"q": [place, "é"], "n": [1, 2]}), path)
    write(tmp_path / "mirror/plain", {"train.csv": "q,n\nx,1\n"})
    # without a card: the library guesses the splits
    bare = shutil.copytree(folders["csv"], tmp_path / "mirror/own/bare")
    (bare / "README.md").unlink()
    folders["bare"] = bare
    for kind, folder in folders.items():
        served = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*")}
        hub.commit(f"own/{kind}", served)
    asked: list[Any] = [([f"own/{kind}", *b], {}) for kind in folders for b in ((), ("b",))]
    asked[-1] = (["own/bare"], {"data_dir": "second"})
    asked.append((["own/csv"], {"data_files": "first/test*", "split": "train"}))
    calls = [(*call, where) for call in asked for where in (None, str(tmp_path / "mirror"))]
    calls.append((["plain"], {"revision": "0" * 40}, str(tmp_path / "mirror")))
    *found, plain = loads(calls, tmp_path / "home", HF_ENDPOINT=hub.address)
    assert len(found) == 26 and not [f["error"] for f in found if "error" in f]
    for (args, options, _), far, near in zip(calls[::2], found[::2], found[1::2], strict=False):
        assert far["rows"] == near["rows"], (args, options)
        assert far["loaded"][0][2] != near["loaded"][0][2]
    assert list(found[1]["rows"]) == ["train", "test"]
    assert plain["rows"]["train"] == [{"q": "x", "n": 1}]


def test_changed_files_are_read_again(mirror):
    """`datasets` alone would serve its cache: it knows a local folder by its patterns only."""
    import datasets

    def seen() -> tuple[list[int], Any]:
        (source,) = hd.data_sources({"t": {"dataset_path": "own/set", "dataset_name": "de"}})
        with hd.hub_data() as loaded:
            found = datasets.load_dataset("own/set", "de", split="test")
        assert loaded.rows() == [["own/set", "de", f"files {source.identity()[-1]}"]]
        return values(found), source.identity()

    before, identity = seen()
    assert seen() == (before, identity)
    write(mirror / "own/set", {"data/cs_0.jsonl": '{"q": "", "n": 9}\n'})
    assert seen() == (before, identity)
    write(mirror / "own/set", {"data/de_1.jsonl": '{"q": "", "n": 77}\n'})
    after, changed = seen()
    assert (before, after) == ([1, 1], [1, 77]) and changed != identity
    write(mirror / "own/set", {"data/de_1.jsonl": files(1)["data/de_1.jsonl"]})
    assert seen() == (before, identity)
    write(mirror / "own/set", {"data/de_2.jsonl": '{"q": "", "n": 3}\n'})
    assert seen()[0] == [1, 1, 3]


@pytest.mark.parametrize(
    ("content", "call", "expected"),
    [
        ({}, ("own/none", "de"), "hf download own/none --repo-type dataset --local-dir"),
        ({}, ("own/set", "xx"), "no configuration 'xx'; valid: de, cs"),
        ({}, ("own/set",), "a configuration is needed; valid: de, cs"),
        ({"README.md": "---\nconfigs: [\n---\n"}, ("own/set", "de"), "cannot be read"),
        ({"README.md": CARD.replace("de_*", "fr_*")}, ("own/set", "de"), "cannot be read"),
        (
            {"data/de_1.jsonl": '{"q": '},
            ("own/set", "de"),
            "cannot be read: ArrowInvalid: JSON parse",
        ),
        ({"data/de_1.jsonl": '{"a": 1}\n'}, ("own/set", "de"), "cannot be read: CastError: "),
        ({"set.py": ""}, ("own/set", "de"), "loading script"),
    ],
)
def test_broken_mirror(mirror, content, call, expected):
    import datasets

    write(mirror / "own/set", content)
    with pytest.raises(ConfigError, match="^data set own/") as error, hd.hub_data():
        datasets.load_dataset(*call)
    message = str(error.value)
    assert expected in message and str(mirror) in message and "\n" not in message


def test_only_inside(mirror, tmp_path):
    """Nothing stays changed; files that are no data set of the hub are left alone."""
    import datasets

    real, table = datasets.load_dataset, write(tmp_path, {"t.csv": "n\n1\n"}) / "t.csv"
    with hd.hub_data() as outer:
        with hd.hub_data() as inner:
            datasets.load_dataset("own/set", "cs")
        found = datasets.load_dataset("csv", data_files=str(table), split="train")
        assert datasets.config.HF_HUB_OFFLINE is True
    assert values(found) == [1]
    assert [row[:2] for row in outer.rows()] == [["own/set", "cs"]] and inner == outer
    assert datasets.load_dataset is real
    with pytest.raises(ConfigError, match="POLYGLOT_DATA: .*nowhere is no folder"):
        os.environ["POLYGLOT_DATA"] = str(tmp_path / "nowhere")  # the fixture restores it
        hub_mirror.use_mirror(None)


def test_two_processes_at_once(tmp_path):
    write(tmp_path / "mirror/own/set", files(1))
    calls = [(["own/set", "de"], {}, str(tmp_path / "mirror"))] * 3
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(loads, [calls] * 2, [tmp_path / "home"] * 2))
    assert [[values(found["rows"]["test"]) for found in one] for one in both] == [[[1, 1]] * 3] * 2


def test_sources_of_configurations(monkeypatch):
    monkeypatch.delenv("POLYGLOT_DATA", raising=False)
    configs: dict[str, dict[str, Any]] = {
        "a": {"dataset_path": "own/set", "dataset_name": "de"},
        "b": {"dataset_path": "own/set", "dataset_name": "de", "dataset_kwargs": {}},
        "c": {"dataset_path": "own/set", "dataset_kwargs": {"revision": "r"}},
        "d": {"dataset_path": "json", "dataset_kwargs": {"data_files": "x.json"}},
        "e": {"custom_dataset": "!function mini.load"},
        "f": {"custom_dataset": "!function x.y", "dataset_path": "own/set"},
        "g": {"dataset_path": "x/z", "dataset_kwargs": {"revision": "r", "source": "c"},
              "metadata": {"data_sets": [["x/y"], ["x/z", "c"]]}},
    }  # fmt: skip
    found = [(s.path, s.config, s.revision, s.tasks, s.function) for s in hd.data_sources(configs)]
    assert found == [
        ("own/set", "de", "", ("a", "b"), False),
        ("own/set", None, "r", ("c",), False),
        ("own/set", None, "", ("f",), True),
        ("x/y", None, "", ("g",), False),
        ("x/z", "c", "r", ("g",), False),
    ]  # fmt: skip
    assert hd.data_sources(configs)[0].identity() == ["own/set", "de", {}, "newest"]


def test_pins():
    known = hub_pins._pins(hub_pins.tasks_path())
    assert all(pin.seen for pin in known.values() if pin.revision)
    assert all(pin.now in known for pin in known.values() if pin.now)
    assert hub_pins.pin("CohereForAI/include-base-44").revision.startswith("d2e1f60")


def test_wrong_pin(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYGLOT_TASKS", str(tmp_path))
    write(tmp_path, {hub_pins.PINS_FILE: '["a/b"]\nrevision = "main"\n'})
    with pytest.raises(ConfigError, match="'a/b': field 'revision' is 'main'; expected the 40"):
        hub_pins.pin("a/b")


TASK = """\
task: own_de
dataset_path: own/set
dataset_name: de
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: ["x", "y"]
doc_to_target: 0
metadata: {version: 1.0}
"""


def test_tasks(mirror, tmp_path):
    """Tasks are built with the mirror's data, which stand in the inputs of the stage."""
    from polyglot_harness.cli.spec_checks import check_data
    from polyglot_harness.lm.index import load_tasks, task_manager
    from polyglot_harness.stages.students import data_identity

    included = str(write(tmp_path / "more", {"own_de.yaml": TASK}))
    manager = task_manager(["own_de"], include_path=included)
    check_data(manager, ["own_de"])
    assert len(load_tasks(manager, ["own_de"])["tasks"]["own_de"].eval_docs) == 2
    before = data_identity(["own_de"], included)
    write(mirror / "own/set", {"data/de_0.jsonl": '{"q": "Wo?", "n": 5}\n'})
    assert data_identity(["own_de"], included) != before
    assert load_tasks(manager, ["own_de"])["tasks"]["own_de"].eval_docs[0]["q"] == "Wo?"
    (mirror / "own/set").rename(mirror / "own/gone")
    for build in (check_data, load_tasks):
        with pytest.raises(ConfigError, match=r"not in the mirror.*\(for own_de\)$"):
            build(manager, ["own_de"])


def test_filled_by_the_printed_commands(hub, tmp_path, monkeypatch, capsys):
    """As docs/offline-data.md has it: what `ls data --commands` prints fills a mirror."""
    sha = hub.commit("own/printed", files(4))
    hub.commit("own/printed", files(5))
    task = TASK.replace("own/set", "own/printed")
    task += f"dataset_kwargs: {{revision: {sha}}}\n"
    included, mirror = write(tmp_path / "more", {"own_de.yaml": task}), tmp_path / "my mirror"
    monkeypatch.setenv("POLYGLOT_DATA", "")  # ls data sets it; this restores it

    def ls(*more: str) -> str:
        asked = ["ls", "data", "--include_path", str(included), "--tasks", "own_de", *more]
        args = build_parser().parse_args([*asked, "--offline_data", str(mirror)])
        assert args.execute(args) == 0
        return capsys.readouterr().out

    command = ls("--commands").strip()
    assert shlex.split(command) == [
        "hf", "download", "own/printed", "--repo-type", "dataset", "--revision", sha,
        "--local-dir", str(mirror / "own/printed"),
    ]  # fmt: skip
    assert " no " in ls()
    online = {"HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    online |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    env = {**os.environ, **online, "HF_HOME": str(tmp_path / "home")}
    subprocess.run(["bash", "-c", command], env=env, check=True, capture_output=True, timeout=120)
    assert " yes " in ls()
    (found,) = loads([(["own/printed", "de"], {}, str(mirror))], tmp_path / "home")
    assert values(found["rows"]["test"]) == [4, 4]
