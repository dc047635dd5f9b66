"""``measure`` and ``export --where`` as a user meets them: processes, files, folders of runs."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from filelock import FileLock
from pyarrow import parquet
from serving import Served, served

from polyglot_harness.errors import ConfigError
from polyglot_harness.export.where import Condition, parse_conditions, passing
from polyglot_harness.intrinsic.length import length
from polyglot_harness.languages import load_pack
from polyglot_harness.store import LOCK

CHEAP = ("--metrics", "length,known_words")
SEEDS = {code: load_pack(code).seeds for code in ("de", "es", "ja")}


def rows(code: str, n: int = 20, **more: Any) -> list[dict[str, Any]]:
    return [{"prompt": s.prompt, "response": s.response, **more} for s in SEEDS[code][:n]]


def write(path: Path, data: list[dict[str, Any]]) -> Path:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in data), encoding="utf-8"
    )
    return path


def printed(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def values_of(cell: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parquet.read_table(cell["values"]).to_pylist()
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server") / "log.jsonl") as running:
        yield running


@pytest.fixture(scope="module")
def generated(cli: Any, server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `generate`, of two languages and two strategies."""
    out = tmp_path_factory.mktemp("generated") / "out"
    done = cli("generate", "--teacher", "openai-compatible", "--teacher_args",
               f"model=toy,base_url={server.url}", "--languages", "de,ja", "--strategies",
               "generate,respond", "--limit", "8", "--checks", "contamination=0",
               "--output_path", out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def run_folder(generated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(generated, tmp_path / "run")


def accepted(root: Path, code: str = "*", strategy: str = "*") -> list[dict[str, Any]]:
    files = sorted(root.glob(f"generate/*-{code}-{strategy}-*/examples.jsonl"))
    return [json.loads(line) for f in files for line in f.read_bytes().split(b"\n") if line]


# --- anybody's data ----------------------------------------------------------------------------


def test_a_file_of_others(cli: Any, tmp_path: Path) -> None:
    data = [*rows("de"), {"prompt": "Und?", "response": None}, {"prompt": "", "response": "Ja."}]
    data.append({"prompt": "Nach den leeren Zeilen?", "response": "Auch diese zählt noch."})
    path = write(tmp_path / "mine.jsonl", data)
    done = cli("measure", path, "--languages", "de", *CHEAP, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[1] == (
        f"polyglot-harness: {path}: 2 of 23 rows are left out: 1 no response, 1 empty prompt"
    )
    assert "mine de: 21 examples" in done.stdout
    lengths = [length(row["response"], load_pack("de")) for row in data if row["response"]][:-2]
    lengths.append(4.0)
    (line,) = [x for x in done.stdout.splitlines() if "response_length" in x]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[1] == f"{sum(lengths) / 21:.3f}" and cells[4] == "21"
    assert float(cells[3].split(" – ")[0]) < float(cells[1]) < float(cells[3].split(" – ")[1])
    record, values = (Path(x) for x in done.stdout.splitlines()[-2:])
    assert record.name == "record.json" and record.is_file()
    table = parquet.read_table(values).to_pylist()
    # the id of a row without one is its number: what was left out is counted, too
    assert [row["id"] for row in table] == [*map(str, range(20)), "22"]
    assert [row["response_length"] for row in table] == lengths
    assert {row["language"] for row in table} == {"de"}


def test_the_same_again_computes_nothing(cli: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", rows("de"))
    first = cli("measure", path, "--languages", "de", *CHEAP, "-o", tmp_path / "out")
    again = cli("measure", "--data", path, "--languages", "de", *CHEAP, "-o", tmp_path / "out")
    assert again.stdout == first.stdout and "found finished" in again.stderr
    more = cli("measure", path, "--languages", "de", "--metrics", "length,repetition",
               "-o", tmp_path / "out", "--format", "json")  # fmt: skip
    names = {m["name"] for m in printed(more)[0]["measurements"]}
    assert {"prompt_length", "response_length"} < names and "known_words" not in names
    # of the second command only the new metric was work
    assert len(list(tmp_path.glob("out/metrics/*/record.json"))) == 3


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_cells_side_by_side(cli: Any, tmp_path: Path, form: str) -> None:
    mixed = [*rows("de", language="de"), *rows("ja", language="ja"), *rows("es", 3, language="fr")]
    write(tmp_path / "mixed.jsonl", mixed)
    parquet.write_table(
        pa.Table.from_pylist([
            {"conversations": [{"from": "human", "value": row["prompt"]},
                               {"from": "gpt", "value": row["response"]}], "language": "de"}
            for row in rows("de", 7)
        ]), tmp_path / "chat.parquet",
    )  # fmt: skip
    done = cli("measure", "mixed.jsonl", "chat.parquet", *CHEAP, "-o", "out", "--format", form,
               cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mixed.jsonl: 3 rows are in other languages (rows: 20 de, 20 ja, 3 fr)" in done.stderr
    if form == "table":
        head = next(line for line in done.stdout.splitlines() if "mixed de" in line)
        assert "mixed ja" in head and "chat de" in head
        known = next(line for line in done.stdout.splitlines() if " known_words" in line)
        cells = [cell.strip() for cell in known.strip("│").split("│")]
        assert re.fullmatch(r"0\.9\d\d ± \S+ \(20\)", cells[1])
        assert re.fullmatch(r"[01]\.\d{3} ± \S+ \(7\)", cells[3])
        return
    if form == "json":
        cells = {(cell["name"], cell["language"]): cell for cell in printed(done)}
        assert list(cells) == [("mixed", "de"), ("mixed", "ja"), ("chat", "de")]
        assert [cell["examples"] for cell in cells.values()] == [20, 20, 7]
        assert all(Path(tmp_path, cell["record"]).is_file() for cell in cells.values())
        return
    table = list(csv.DictReader(done.stdout.splitlines()))
    assert {(r["name"], r["language"]) for r in table if r["metric"] == "prompt_length"} == {
        ("mixed", "de"), ("mixed", "ja"), ("chat", "de"),
    }  # fmt: skip
    first = table[0]
    assert float(first["low"]) < float(first["value"]) < float(first["high"])


def test_cells_of_one_name_are_told_apart(cli: Any, tmp_path: Path) -> None:
    for folder, code in (("a", "de"), ("b", "de"), ("c", "ja")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "train.jsonl", rows(code, 5, language=code))
    done = cli("measure", *(f"{folder}/train.jsonl" for folder in "abc"), "--metrics", "length",
               "-o", "out", "--format", "json", cwd=tmp_path)  # fmt: skip
    names = [cell["name"] for cell in printed(done)]
    assert names == ["train of a/train.jsonl", "train of b/train.jsonl", "train"]


def test_named_columns_a_folder_and_a_pattern(cli: Any, tmp_path: Path) -> None:
    for number in (1, 2):
        data = [{"question": r["prompt"], "answer": r["response"]} for r in rows("de", 10 * number)]
        parquet.write_table(pa.Table.from_pylist(data), tmp_path / f"part-{number}.parquet")
    columns = ("--columns", "prompt=question", "response=answer", "--languages", "de")
    for data, n in ((tmp_path, 30), (tmp_path / "part-[2-9].parquet", 20)):
        done = cli("measure", data, *columns, "--metrics", "length", "-o", tmp_path / "out",
                   "--format", "json")  # fmt: skip
        assert [cell["examples"] for cell in printed(done)] == [n]


def test_a_data_set_of_the_library(cli: Any, tmp_path: Path) -> None:
    from datasets import Dataset

    chat = [
        {"messages": [{"role": "user", "content": r["prompt"]},
                      {"role": "assistant", "content": r["response"]}]}
        for r in rows("es")
    ]  # fmt: skip
    Dataset.from_list(chat).save_to_disk(str(tmp_path / "saved"))
    done = cli("measure", tmp_path / "saved", "--languages", "es", *CHEAP, "-o", tmp_path / "out",
               "--format", "json")  # fmt: skip
    (cell,) = printed(done)
    assert (cell["name"], cell["examples"]) == ("saved", 20)


def test_a_report_beside_the_values(cli: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", rows("de"))
    done = cli("measure", path, "--languages", "de", *CHEAP, "-o", tmp_path / "out", "--report",
               "html", "--format", "json")  # fmt: skip
    (cell,) = printed(done)
    page = Path(cell["report"])
    assert page.parent == Path(cell["values"]).parent
    assert "known_words" in page.read_text(encoding="utf-8")


def test_dry_run_writes_nothing(cli: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", rows("de"))
    flags = ("measure", path, "--languages", "de", "-o", tmp_path / "out")
    done = cli(*flags, "--metrics", "length,perplexity,distinct_ri", "--dry_run")
    assert done.returncode == 0, done.stderr
    for words in ("mine", "20", "to do", "gemma-3-270m", "multilingual-e5-small", "Nothing was"):
        assert words in done.stdout
    assert not (tmp_path / "out").exists()
    assert cli(*flags, *CHEAP).returncode == 0
    assert "finished" in cli(*flags, *CHEAP, "--dry_run").stdout


def test_rows_are_saved_as_they_are(cli: Any, tmp_path: Path) -> None:
    chat = [
        {"messages": [{"role": "user", "content": r["prompt"]},
                      {"role": "assistant", "content": r["response"]}],
         "when": number, "half": "\ud83d"}
        for number, r in enumerate(rows("de"))
    ]  # fmt: skip
    path = tmp_path / "chat.jsonl"
    text = "".join(json.dumps(row) + "\n" for row in [{"messages": None, "when": -1}, *chat])
    path.write_text(text, encoding="utf-8")
    lengths = [length(r["response"], load_pack("de")) for r in rows("de")]
    bound = sorted(lengths)[10]
    flags = ("measure", path, "--languages", "de", "--metrics", "length", "-o", tmp_path / "out",
             "--where", f"response_length<{bound:g}", "--save")  # fmt: skip
    done = cli(*flags, tmp_path / "new" / "short.jsonl")
    assert done.returncode == 0, done.stderr
    kept = [row for row, n in zip(chat, lengths, strict=True) if n < bound]
    saved = (tmp_path / "new" / "short.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in saved] == [{**row, "half": "?"} for row in kept]
    assert f"short.jsonl: {len(kept)} of 20 examples fulfil response_length<" in done.stderr
    for more, words in {(path,): "is there", (): "expected one argument"}.items():
        again = cli(*flags, *more)
        assert again.returncode == 2 and words in again.stderr


# --- our own data ------------------------------------------------------------------------------


def test_a_folder_of_generate(cli: Any, run_folder: Path) -> None:
    done = cli("measure", run_folder, "--metrics", "length,acceptance_rate", "--format", "json")
    cells = {cell["language"]: cell for cell in printed(done)}
    assert set(cells) == {"de", "ja"}
    for code, cell in cells.items():
        # it is measured where a run would look for it
        assert Path(cell["record"]).parent.parent == run_folder / "measure"
        examples = accepted(run_folder, code)
        assert [row["id"] for row in values_of(cell)] == [e["id"] for e in examples]
        rate = next(m for m in cell["measurements"] if m["name"] == "acceptance_rate")
        assert rate["n"] == 16 and rate["value"] == len(examples) / 16
    one = cli("measure", run_folder, "--metrics", "length", "--languages", "ja", "--format", "json")
    assert [cell["language"] for cell in printed(one)] == ["ja"]


def test_folders_of_stages_make_the_same_cells(cli: Any, run_folder: Path, tmp_path: Path) -> None:
    whole = printed(cli("measure", run_folder, *CHEAP, "--format", "json"))
    folders = sorted(run_folder.glob("generate/*"))
    flags = (*CHEAP, "--format", "json", "-o", tmp_path / "out")
    parts = printed(cli("measure", *folders, *flags))
    assert [c["name"] for c in parts] == [c["name"] for c in whole] == ["toy", "toy"]
    assert [c["measurements"] for c in parts] == [c["measurements"] for c in whole]
    german = [path / "examples.jsonl" for path in folders if "-de-" in path.name]
    assert printed(cli("measure", *german, *flags)) == parts[:1]


def test_examples_under_another_name_are_data_of_others(
    cli: Any, run_folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "all.jsonl", accepted(run_folder))
    done = cli("measure", path, "--metrics", "length", "-o", tmp_path / "out", "--format", "json")
    assert [(c["name"], c["language"]) for c in printed(done)] == [("all", "de"), ("all", "ja")]


def test_unfinished_cells_are_named(cli: Any, run_folder: Path) -> None:
    (folder,) = run_folder.glob("generate/*-ja-respond-*")
    shutil.rmtree(folder)
    done = cli("measure", run_folder, "--metrics", "length", "--format", "json")
    assert [cell["language"] for cell in json.loads(done.stdout)] == ["de"]
    assert "toy ja respond: not finished" in done.stderr
    alone = cli("measure", run_folder, "--metrics", "length", "--languages", "ja")
    assert alone.returncode == 4 and "are finished" in alone.stderr


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 2, ["DATA is needed"]),
        (("nowhere.jsonl", "--languages", "de"), 2, ["nowhere.jsonl: no such file or folder"]),
        (("no/where", "--languages", "de"), 2, ["no/where: no file, folder or data set of the"]),
        (("mine.jsonl",), 2, ["mine.jsonl", "--languages needs exactly one"]),
        (("mine.jsonl", "--languages", "de,ja"), 2, ["--languages needs exactly one"]),
        (("mine.jsonl", "--languages", "xx"), 2, ["unknown language 'xx'", "de"]),
        (("mine.jsonl", "--languages", "de", "--metrics", "lenght"), 2, ["did you mean 'length'"]),
        (("mine.jsonl", "--languages", "de", "--columns", "prompt=q"), 2,
         ["no column 'q'", "columns: prompt, response"]),
        (("mine.jsonl", "--languages", "de", "--columns", "q"), 2, ["key=value"]),
        (("odd.jsonl", "--languages", "de"), 2, ["odd.jsonl: no prompts", "(text)", "messages"]),
        (("torn.jsonl", "--languages", "de"), 2, ["torn.jsonl:21: not valid JSON"]),
        (("empty", "--languages", "de"), 2, ["empty: holds no data"]),
        (("text.txt", "--languages", "de"), 2, ["text.txt: not a file of data", ".parquet"]),
        (("ours",), 2, ["examples.jsonl:2: unknown field 'rating'"]),
        (("mine.jsonl", "--languages", "de", "--where", "length<5"), 2, ["--where and --save go"]),
        (("mine.jsonl", "--languages", "de", "--where", "x", "--save", "y"), 2, ["expected condi"]),
        (("mine.jsonl", "--languages", "de", "--format", "xml"), 2, ["table", "json", "csv"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(
    cli: Any, generated: Path, tmp_path: Path, arguments: Any, status: int, words: list[str]
) -> None:
    write(tmp_path / "mine.jsonl", rows("de"))
    write(tmp_path / "odd.jsonl", [{"text": "x"}])
    (tmp_path / "torn.jsonl").write_bytes((tmp_path / "mine.jsonl").read_bytes() + b'{"prompt')
    (tmp_path / "text.txt").touch()
    for name in ("empty", "ours"):
        (tmp_path / name).mkdir()
    examples = accepted(generated, "de")
    examples[1]["rating"] = 5
    write(tmp_path / "ours" / "examples.jsonl", examples)
    before = sorted(tmp_path.rglob("*"))
    metrics = () if "--metrics" in arguments else ("--metrics", "length")
    done = cli("measure", *arguments, *metrics, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    message = done.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in message
    if "ours" not in arguments:
        assert done.stderr.strip() == message
        assert sorted(tmp_path.rglob("*")) == before, "bad input must leave nothing behind"


def test_two_at_once_in_a_folder(cli: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", rows("de"))
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / LOCK):
        done = cli("measure", path, "--languages", "de", *CHEAP, "-o", tmp_path / "out")
    assert done.returncode == 4 and "another process is working" in done.stderr


def test_killed_and_again(cli: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", rows("de", 60) * 150)
    flags = ["measure", str(path), "--languages", "de", "--metrics", "known_words", "-o"]
    process = subprocess.Popen(
        [sys.executable, "-m", "polyglot_harness", *flags, str(tmp_path / "out")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    rows_file = None
    deadline = time.monotonic() + 120
    while not (rows_file and rows_file.stat().st_size):
        assert process.poll() is None and time.monotonic() < deadline, "was not caught at work"
        rows_file = next(tmp_path.glob("out/metrics/*/values.f64"), None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = rows_file.read_bytes()
    done = cli(*flags, tmp_path / "out", "--format", "json")
    (again,), (whole,) = printed(done), printed(cli(*flags, tmp_path / "w", "--format", "json"))
    assert again["measurements"] == whole["measurements"]
    assert again["measurements"][0]["n"] == 9000
    assert rows_file.read_bytes()[: len(before)] == before
    assert Path(again["values"]).read_bytes() == Path(whole["values"]).read_bytes()


# --- filtering ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("perplexity<80 known_words>=0.8", [("perplexity", "<", 80), ("known_words", ">=", 0.8)]),
        ("a < 1, b!=2,c == -1e3", [("a", "<", 1), ("b", "!=", 2), ("c", "==", -1000)]),
        ("rubric:m-prometheus>3", [("rubric:m-prometheus", ">", 3)]),
        ("", []),
    ],
)
def test_conditions(text: str, conditions: list[Any]) -> None:
    assert parse_conditions(text) == tuple(Condition(*condition) for condition in conditions)


@pytest.mark.parametrize(
    "text", ["length", "length<", "<5", "length<x", "a<1 or b", "a=1", "1<a<2"]
)
def test_conditions_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ConfigError, match="--where: expected conditions such as"):
        parse_conditions(text)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("x<2", "a"), ("x<=2", "ab"), ("x>2", "c"), ("x>=2", "bc"), ("x==2", "b"), ("x!=2", "ac"),
        ("x>=1 y<0.5", "a"), ("y>0", "abc"), ("y>1 x>0", ""),
    ],
)  # fmt: skip
def test_a_missing_value_does_not_pass(tmp_path: Path, text: str, ids: str) -> None:
    table = {"id": list("abcd"), "x": [1.0, 2.0, 3.0, None], "y": [0.1, 0.9, 0.9, None]}
    parquet.write_table(pa.table(table), tmp_path / "v.parquet", row_group_size=2)
    assert passing(tmp_path / "v.parquet", parse_conditions(text)) == set(ids)


def test_export_where(cli: Any, run_folder: Path) -> None:
    examples = accepted(run_folder)
    packs = {code: load_pack(code) for code in ("de", "ja")}
    lengths = {(e["language"], e["id"]): length(e["response"], packs[e["language"]])
               for e in examples}  # fmt: skip
    bound = sorted(lengths.values())[len(lengths) // 2]
    where = ("--where", f"response_length>={bound:g}", "prompt_length<1e6")
    early = cli("export", "-o", run_folder, *where)
    assert early.returncode == 4 and "polyglot-harness measure" in early.stderr
    assert cli("measure", run_folder, "--metrics", "length").returncode == 0
    done = cli("export", "-o", run_folder, "--to", "jsonl", *where)
    kept = sum(n >= bound for n in lengths.values())
    assert 0 < kept < len(examples)
    left_out = f"(--where left out {len(examples) - kept})"
    assert done.stdout.startswith(f"{kept} examples") and left_out in done.stdout, done.stderr
    dest = run_folder / "export" / "jsonl"
    exported = [json.loads(line) for path in sorted(dest.glob("data/*/*.jsonl"))
                for line in path.read_text(encoding="utf-8").split("\n") if line]  # fmt: skip
    assert {(row["language"], row["id"]) for row in exported} == {
        key for key, n in lengths.items() if n >= bound
    }
    card = (dest / "README.md").read_text(encoding="utf-8")
    assert f"of {len(examples)} accepted examples only the {kept} that fulfil" in card
    assert f"`response_length>={bound:g} prompt_length<1e+06`" in card


@pytest.mark.parametrize(
    ("where", "status", "words"),
    [
        ("respons_length>3", 2, ["unknown column", "did you mean 'response_length'", "prompt_len"]),
        ("id>3", 2, ["unknown column", "prompt_length, response_length"]),
        ("response_length", 2, ["--where: expected conditions"]),
        ("response_length<0", 4, ["none of", "fulfils response_length<0"]),
    ],
)
def test_where_nothing_fits(
    cli: Any, run_folder: Path, where: str, status: int, words: list[str]
) -> None:
    assert cli("measure", run_folder, "--metrics", "length").returncode == 0
    done = cli("export", "-o", run_folder, "--where", where)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_where_puts_together_what_was_measured_apart(cli: Any, run_folder: Path) -> None:
    for metrics in ("length,known_words", "format"):
        assert cli("measure", run_folder, "--metrics", metrics).returncode == 0
    texts = [e["response"] for e in accepted(run_folder, "de", "respond")]
    bound = sorted(len(text.split()) for text in texts)[len(texts) // 2]
    done = cli("export", "-o", run_folder, "--languages", "de", "--strategies", "respond",
               "--where", f"known_words>=0 response_length<{bound}", "refusal<1")  # fmt: skip
    kept = sum(len(text.split()) < bound for text in texts)
    assert done.stdout.startswith(f"{kept} examples"), done.stderr
