"""Data of others: columns, files of all forms, data sets of the `datasets` library, languages."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from polyglot_harness.data_sources.data import TableData, of_languages, survey
from polyglot_harness.data_sources.forms import FORMS, NAMES, Found, form_of
from polyglot_harness.data_sources.hub import HubTable, load, looks_like_hub
from polyglot_harness.data_sources.tables import FileTable, Table
from polyglot_harness.errors import ConfigError, StoreError

PACKS = ("ar", "cs", "de", "es", "id", "ja")
ROWS: list[dict[str, Any]] = [
    {"id": "a", "prompt": "Wie spät ist es?", "response": "Es ist drei Uhr.", "language": "de"},
    {"id": "b", "prompt": "¿Qué hora es?", "response": "Son las tres.\u2028Sí.", "language": "es"},
    {"id": "c", "prompt": "كم الساعة؟", "response": "الثالثة \U0001f554", "language": "ar"},
    {"id": "d", "prompt": "Und nun?", "response": None, "language": "de"},
    {"id": "e", "prompt": "Noch da?", "response": " ", "language": "de"},
    {"id": "f", "prompt": "Ja?", "response": "Ja, natürlich.", "language": "de-AT"},
]
USABLE = ["a", "b", "c", "f"]


def turns(*pairs: tuple[str, Any], role: str = "role", content: str = "content") -> list[Any]:
    return [{role: who, content: text} for who, text in pairs]


def read(row: dict[str, Any], **named: str | None) -> Any:
    found = form_of(list(row), named, "x").read(row, 7)
    if isinstance(found, str):
        return found
    return found.sample.prompt, found.sample.response, found.turns


# --- columns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "p", "response": "r"}, ("p", "r", 1)),
        ({"prompt": "p", "completion": "r"}, ("p", "r", 1)),
        ({"messages": turns(("user", "p"), ("assistant", "r"))}, ("p", "r", 1)),
        ({"messages": turns(("system", "s"), ("user", "p"), ("assistant", "r"))}, ("p", "r", 1)),
        ({"messages": turns(("user", "p"), ("assistant", "r"), ("user", "q"), ("assistant", "s"))},
         ("p", "r", 2)),
        ({"messages": turns(("assistant", "hi"), ("user", "p"), ("assistant", "r"))},
         ("p", "r", 1)),
        ({"messages": turns(("user", [{"type": "text", "text": "p"}, {"type": "image"}]),
                            ("assistant", "r"))}, ("p", "r", 1)),
        ({"conversations": turns(("human", "p"), ("gpt", "r"), role="from", content="value")},
         ("p", "r", 1)),
        ({"instruction": "i", "input": "x", "output": "r"}, ("i\n\nx", "r", 1)),
        ({"instruction": "i", "input": "", "output": "r"}, ("i", "r", 1)),
        ({"instruction": "i", "output": "r"}, ("i", "r", 1)),
        # ours: the plain columns stand beside the messages
        ({"messages": [], "prompt": "p", "response": "r"}, ("p", "r", 1)),
        # half a plain form is none
        ({"prompt": "p", "messages": turns(("user", "q"), ("assistant", "r"))}, ("q", "r", 1)),
        ({"prompt": "p\ud83d", "response": "\ude00"}, ("p?", "?", 1)),
        ({"prompt": None, "response": "r"}, "no prompt"),
        ({"prompt": "p", "response": None}, "no response"),
        ({"prompt": " \n", "response": "r"}, "empty prompt"),
        ({"prompt": "p", "response": ""}, "empty response"),
        ({"prompt": "p", "response": 5}, "response is no text"),
        ({"prompt": ["p"], "response": "r"}, "prompt is no text"),
        ({"messages": None}, "no prompt"),
        ({"messages": "user: hi"}, "no prompt"),
        ({"messages": [1, None, []]}, "no prompt"),
        ({"messages": turns(("user", "p"))}, "no response"),
        ({"messages": turns(("assistant", "r"))}, "no prompt"),
        ({"instruction": None, "input": "x", "output": "r"}, "no prompt"),
    ],
)  # fmt: skip
def test_a_row(row: dict[str, Any], expected: Any) -> None:
    assert read(row) == expected


def test_columns_may_be_named() -> None:
    row = {"question": "p", "answer": "r", "messages": turns(("user", "q"), ("assistant", "s"))}
    assert read(row) == ("q", "s", 1)
    assert read(row, prompt="question", response="answer") == ("p", "r", 1)
    both = {"prompt": "p", "response": "r", "chat": row["messages"]}
    assert read(both, messages="chat") == ("q", "s", 1)
    assert read({"prompt": "p", "response": "r", "output": "o"}, response="output")[1] == "o"


def test_what_else_a_row_tells() -> None:
    row = {"prompt": "p", "response": "r", "id": 12, "strategy": "translate", "source": "s",
           "reference": None, "language": "PT_br"}  # fmt: skip
    found = form_of(list(row), {}, "x").read(row, 3)
    assert isinstance(found, Found)
    sample = found.sample
    assert (sample.id, sample.strategy, sample.source, sample.reference) == (
        "12", "translate", "s", "",
    )  # fmt: skip
    assert found.language == "pt"
    row["id"] = None
    found = form_of(list(row), {"language": None}, "x").read(row, 3)
    assert isinstance(found, Found) and (found.sample.id, found.language) == ("3", "")


@pytest.mark.parametrize(
    ("columns", "named", "words"),
    [
        (["text", "label"], {}, ["x: ", "(text, label)", *FORMS, "--columns prompt="]),
        ([], {}, ["none"]),
        (["prompt"], {}, ["(prompt)"]),
        (["q", "a"], {"prompt": "question"}, ["x: no column 'question'", "columns: q, a"]),
        (["q", "a"], {"promt": "q"}, ["unknown name in --columns 'promt'", "'prompt'"]),
        (["prompt", "response"], {"response": None}, ["(prompt, response)"]),
    ],
)
def test_columns_that_will_not_do(
    columns: list[str], named: dict[str, str | None], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        form_of(columns, named, "x")
    for word in words:
        assert word in str(error.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "text", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(
    needs=st.sampled_from(list(FORMS.values())),
    values=st.dictionaries(st.sampled_from(NAMES), anything),
)
def test_no_row_is_too_odd(needs: tuple[str, ...], values: dict[str, Any]) -> None:
    found = form_of(needs, {}, "x").read(values, 0)
    if isinstance(found, str):
        assert found
    else:
        texts = [found.sample.prompt, found.sample.response]
        assert all(text.strip() and text.encode() for text in texts)


# --- files -------------------------------------------------------------------------------------


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def spreadsheet(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)


def in_file(name: str, data: bytes) -> Callable[[Path], Table]:
    def make(folder: Path) -> Table:
        (folder / name).write_bytes(data)
        return FileTable(name, (folder / name,))

    return make


def in_parquet(folder: Path) -> Table:
    write_parquet(folder / "x.parquet", ROWS)
    return FileTable("x", (folder / "x.parquet",))


def in_two_files(folder: Path) -> Table:
    write_parquet(folder / "1.parquet", ROWS[:4])
    (folder / "2.jsonl").write_bytes(lines(ROWS[4:]))
    return FileTable("x", (folder / "1.parquet", folder / "2.jsonl"))


def saved(folder: Path) -> Table:
    from datasets import Dataset

    Dataset.from_list([{**row, "more": 1} for row in ROWS]).save_to_disk(str(folder / "saved"))
    return load(str(folder / "saved"))


def saved_splits(folder: Path) -> Table:
    from datasets import Dataset, DatasetDict

    splits = DatasetDict({"train": Dataset.from_list(ROWS), "test": Dataset.from_list(ROWS[:1])})
    splits.save_to_disk(str(folder / "splits"))
    return load(f"{folder / 'splits'}@train")


def of_the_library(folder: Path) -> Table:
    write_parquet(folder / "ds" / "de" / "train.parquet", ROWS)
    write_parquet(folder / "ds" / "other" / "train.parquet", ROWS[:1])
    (folder / "ds" / "README.md").write_text(
        "---\nconfigs:\n- config_name: de\n  data_files: de/*.parquet\n"
        "- config_name: other\n  data_files: other/*.parquet\n---\n",
        encoding="utf-8",
    )
    return load(f"hf:{folder / 'ds'}:de@train")


KINDS: dict[str, Callable[[Path], Table]] = {
    "jsonl": in_file("x.jsonl", lines(ROWS)),
    "blank lines, a byte order mark, CRLF": in_file(
        "x.jsonl", b"\xef\xbb\xbf" + lines(ROWS).replace(b"\n", b"\r\n\r\n")
    ),
    "no last line feed": in_file("x.jsonl", lines(ROWS).rstrip()),
    "gzip": in_file("x.jsonl.gz", gzip.compress(lines(ROWS))),
    "json lines in .json": in_file("x.json", lines(ROWS)),
    "array": in_file("x.json", b"\n " + json.dumps(ROWS, indent=2).encode()),
    "gzipped array": in_file("x.json.gz", gzip.compress(json.dumps(ROWS).encode())),
    "csv": in_file("x.csv", spreadsheet(ROWS)),
    "semicolons and a byte order mark": in_file("x.csv", b"\xef\xbb\xbf" + spreadsheet(ROWS, ";")),
    "gzipped tsv": in_file("x.tsv.gz", gzip.compress(spreadsheet(ROWS, "\t"))),
    "parquet": in_parquet,
    "two files": in_two_files,
    "save_to_disk": saved,
    "save_to_disk, a split": saved_splits,
    "load_dataset": of_the_library,
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_give_the_same(kind: str, tmp_path: Path) -> None:
    table = KINDS[kind](tmp_path)
    form = form_of(table.columns, {}, table.name)
    found = survey(table, form)
    assert found.rows == 6 and found.long == 0
    assert found.languages == {"de": 2, "es": 1, "ar": 1}
    assert found.unusable == {"no response": 1, "empty response": 1}
    data = TableData(table, form, "", found.languages.total())
    samples = list(data.samples())
    assert [s.id for s in samples] == USABLE and len(data) == 4
    texts = {row["id"]: (row["prompt"], row["response"]) for row in ROWS}
    assert [(s.prompt, s.response) for s in samples] == [texts[s.id] for s in samples]
    for start in range(6):
        assert list(data.samples(start)) == samples[start:]
    assert [row["id"] for row in data.rows()] == USABLE
    assert list(data.rejections()) == []
    german = TableData(table, form, "de", 2)
    assert [s.id for s in german.samples()] == ["a", "f"]
    assert json.dumps(german.identity) != json.dumps(data.identity)


@pytest.mark.parametrize("kind", KINDS)
def test_identity_is_that_of_the_contents(kind: str, tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    table = KINDS[kind](tmp_path / "1")
    again = KINDS[kind](tmp_path / "1") if kind == "load_dataset" else None
    if isinstance(table, FileTable):
        again = KINDS[kind](tmp_path / "2")
    elif again is None:
        again = load(table.name)
    assert table.identity == again.identity
    if isinstance(table, HubTable):
        assert HubTable("x", table.dataset.select(range(3))).identity != table.identity
    else:
        table.paths[0].write_bytes(lines(ROWS[:3]))
        assert FileTable("x", table.paths).identity != again.identity


def test_rows_are_read_as_they_are_needed(tmp_path: Path) -> None:
    """What lies behind the first rows is not looked at: the file may be of any size."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(ROWS) * 100 + b"damaged")
    table = FileTable("x", (path,))
    data = TableData(table, form_of(table.columns, {}, "x"), "", 400)
    assert [s.id for s in islice(data.samples(), 4)] == USABLE
    with pytest.raises(ConfigError, match=r"x\.jsonl:601: not valid JSON"):
        list(data.samples())


def test_memory_does_not_grow_with_a_row_group(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    texts = [f"{number} {'viel Text, ' * 40}" for number in range(40_000)]
    columns = {"prompt": texts, "response": texts}
    parquet.write_table(pa.table(columns), path, compression="none", use_dictionary=False)
    assert parquet.read_metadata(path).num_row_groups == 1 and path.stat().st_size > 30e6
    del texts, columns
    before, most = pa.total_allocated_bytes(), 0
    for number, row in enumerate(FileTable("x", (path,)).rows({"prompt", "response"})):
        assert row["prompt"].startswith(f"{number} ")
        most = max(most, pa.total_allocated_bytes() - before)
    assert number == 39_999 and most < 10e6


def invalid_utf8(path: Path) -> None:
    raw = pa.array([b"gut", b"\xff\xfe"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    parquet.write_table(pa.table({"prompt": text, "response": text}), path)


def cut_short(path: Path) -> None:
    write_parquet(path, ROWS * 50)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.jsonl", b'{"prompt": "p", "response": "r"}\n[1]\n',
         ["x.jsonl:2: expected a JSON object, got list"]),
        ("x.jsonl", b'{"prompt": "p", "response": "r"}\n\n{"a": \n', ["x.jsonl:3: not valid JSON"]),
        ("x.jsonl", b'{"prompt": "\xff", "response": "r"}\n', ["x.jsonl:1: not UTF-8"]),
        ("x.jsonl", b"[" * 100_000, ["x.jsonl: not valid JSON"]),
        ("x.json", b'[{"prompt": "p"}, 3]', ["x.json: item 2: expected a JSON object, got int"]),
        ("x.json", b'{\n "data": []\n}', ["x.json:1: not valid JSON"]),
        ("x.jsonl.gz", b"no gzip", ["x.jsonl.gz: damaged or cut short"]),
        ("x.jsonl.gz", gzip.compress(lines(ROWS) * 99)[:-300], ["x.jsonl.gz: damaged or cut"]),
        ("x.parquet", b"no parquet", ["x.parquet: not a Parquet file"]),
        ("x.parquet", cut_short, ["x.parquet: not a Parquet file"]),
        ("x.parquet", invalid_utf8, ["x.parquet: in rows 0-", "not UTF-8"]),
        ("x.jsonl", b"", ["no prompts and responses found in its columns (none)"]),
        ("x.jsonl", b'{"prompt": "p", "response": null}\n',
         ["none of its 1 rows is usable: 1 no response", "columns: prompt, response"]),
        ("x.parquet", lambda path: write_parquet(path, [{"text": "a"}]), ["(text)"]),
    ],
)  # fmt: skip
def test_bad_files(name: str, data: Any, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / name
    if callable(data):
        data(path)
    else:
        path.write_bytes(data)
    table = FileTable(str(path), (path,))
    with pytest.raises(ConfigError) as error:
        survey(table, form_of(table.columns, {}, table.name))
    assert str(path) in str(error.value) and len(str(error.value).splitlines()) == 1
    for word in words:
        assert word in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        _ = FileTable("x", (tmp_path / "x.jsonl",)).columns


def test_rows_without_the_columns_are_counted(tmp_path: Path) -> None:
    rows = [*ROWS[:1], {"text": "no such columns"}]
    table = in_file("x.jsonl", lines(rows))(tmp_path)
    found = survey(table, form_of(table.columns, {}, "x"))
    assert list(found.notes()) == ["1 of 2 rows are left out: 1 no prompt"]


def test_several_turns_are_said(tmp_path: Path) -> None:
    chat = turns(("user", "p"), ("assistant", "r"), ("user", "q"))
    table = in_file("x.jsonl", lines([{"messages": chat}, {"messages": chat[:2]}]))(tmp_path)
    found = survey(table, form_of(table.columns, {}, "x"))
    assert list(found.notes()) == ["1 rows have several turns; the first exchange is measured"]


# --- data sets of the library ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("org/name", True), ("org/na-me.v2:config@train[:10%]", True), ("hf:name", True),
        ("name", False), ("a/b/c", False), ("mine.txt", False), ("C:\\x", False),
    ],
)  # fmt: skip
def test_names_of_the_hub(
    text: str, is_name: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert looks_like_hub(text) == is_name
    # a mistyped file in a folder that is there
    (tmp_path / "org").mkdir()
    assert looks_like_hub(text) == text.startswith("hf:")


def test_what_the_library_cannot_load(tmp_path: Path) -> None:
    saved_splits(tmp_path)
    of_the_library(tmp_path)
    for text, words in {
        f"{tmp_path / 'splits'}": ["has several splits (train, test)", "@SPLIT"],
        f"{tmp_path / 'splits'}@dev": ["no split 'dev'", "train, test"],
        f"hf:{tmp_path / 'ds'}": ["could be loaded", "de"],
        "hf:nobody/nothing": ["hf:nobody/nothing: no file, folder or data set of the hub"],
        "hf:": ["expected hf:NAME"],
    }.items():
        with pytest.raises(ConfigError) as error:
            load(text)
        assert len(str(error.value).splitlines()) == 1
        for word in words:
            assert word in str(error.value)


# --- languages ---------------------------------------------------------------------------------


def divided(tmp_path: Path, rows: list[dict[str, Any]], *wanted: str) -> Any:
    table = in_file("x.jsonl", lines(rows))(tmp_path)
    form = form_of(table.columns, {}, "x")
    data, note = of_languages(table, form, survey(table, form), wanted, PACKS)
    assert {code: len(list(part.samples())) for code, part in data.items()} == {
        code: len(part) for code, part in data.items()
    }
    return {code: [s.id for s in part.samples()] for code, part in data.items()}, note


def test_a_table_is_divided_by_language(tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "id": "g", "language": "fr"}, {**ROWS[0], "id": "h"}]
    rows[-1]["language"] = None
    shown = "2 rows are in other languages (rows: 2 de, 1 es, 1 ar, 1 fr, 1 without)"
    assert divided(tmp_path, rows) == ({"ar": ["c"], "de": ["a", "f"], "es": ["b"]}, shown)
    found, note = divided(tmp_path, rows, "es", "ja")
    assert found == {"es": ["b"]} and note.startswith("5 rows are in other languages")
    with pytest.raises(ConfigError, match="column 'language' has no row in ja .*2 de, 1 es"):
        divided(tmp_path, rows, "ja")


def test_the_user_says_the_language_of_rows_that_do_not(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "response": "r"}] * 3
    assert divided(tmp_path, rows, "cs") == ({"cs": ["0", "1", "2"]}, "")
    for wanted in ((), ("cs", "de")):
        with pytest.raises(ConfigError, match="--languages needs exactly one"):
            divided(tmp_path, rows, *wanted)
