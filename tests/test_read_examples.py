"""Training examples of any source: spreadsheets, ids, languages, runs, and what is not usable."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_harness.data_sources.csv_files import csv_rows
from polyglot_harness.data_sources.examples import (
    check_languages,
    load_examples,
    own_ids,
    read_examples,
)
from polyglot_harness.data_sources.find import short_name
from polyglot_harness.data_sources.hub import ask_the_hub
from polyglot_harness.data_sources.tables import FileTable
from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.files import EXAMPLES, write_jsonl
from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Example, pairs
from polyglot_harness.store import Result, run_stage
from polyglot_harness.training.data import gold_examples

TEXTS = [
    ("Wie spät ist es?", "Drei Uhr; genau."),
    ('Was heißt "ja",\nbitte?', "Ein Wort:\r\nes bejaht, mit\tTab\u2028und mehr."),
]
BOM = b"\xef\xbb\xbf"


def table(delimiter: str, rows: list[tuple[str, ...]], end: str = "\r\n") -> bytes:
    quoted = [[f'"{text.replace(chr(34), chr(34) * 2)}"' for text in row] for row in rows]
    return "".join(delimiter.join(row) + end for row in quoted).encode()


def csv(delimiter: str = ",", end: str = "\r\n") -> bytes:
    return f"prompt{delimiter}response{end}".encode() + table(delimiter, TEXTS, end)


def put(folder: Path, data: bytes, name: str = "x.csv") -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


def found(text: str, **options: Any) -> list[tuple[str, str]]:
    return [(e.prompt, e.response) for e in read_examples(text, **options)]


def refused(text: str, **options: Any) -> str:
    with pytest.raises(ConfigError) as error:
        read_examples(text, **options)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


# --- spreadsheets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", csv()),
        ("x.csv", csv(";")),
        ("x.csv", csv("\t")),
        ("x.tsv", csv("\t", "\n")),
        ("x.CSV", BOM + csv(";")),
        ("x.csv", b"sep=;\r\n" + csv(";")),
        ("x.csv", BOM + b"sep=|\r\n" + csv("|")),
        ("x.csv", csv().rstrip()),
        ("x.csv", b"\r\n,\r\n" + csv() + b",,,\r\n\r\n"),
        ("x.csv.gz", gzip.compress(csv())),
        # more columns, in another order, one without a name
        ("x.csv", b"response;;prompt\n" + table(";", [(r, "", p) for p, r in TEXTS])),
        # the header holds a sign that divides other files
        ("x.csv", b"prompt;response;a,b\n" + table(";", TEXTS)),
    ],
)
def test_what_spreadsheets_write(name: str, data: bytes, tmp_path: Path) -> None:
    assert found(put(tmp_path, data, name), language="de") == TEXTS


def test_an_empty_field_is_none_and_a_short_row_is_filled(tmp_path: Path) -> None:
    path = put(tmp_path, b"id,prompt,response\n1,,r\n2\n")
    assert list(csv_rows(Path(path))) == [
        {"id": "1", "prompt": None, "response": "r"},
        {"id": "2", "prompt": None, "response": None},
    ]
    assert FileTable("x", (Path(path),)).columns == ("id", "prompt", "response")


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1)


@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t"),
)
def test_any_texts_come_back(
    rows: list[tuple[str, str]], delimiter: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes(f"prompt{delimiter}response\n".encode() + table(delimiter, rows))
    blank = [row for row in rows if not any(map(str.strip, row))]
    read = [(row["prompt"], row["response"]) for row in csv_rows(path)]
    assert read == [row for row in rows if row not in blank]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ["no prompts and responses found", "(none)"]),
        (b"prompt,response\n", ["holds no rows"]),
        (b"Frage,Antwort\np,r\n", ["(Frage, Antwort)", "--columns prompt="]),
        (b"prompt,response\np,r\np,r,s\n", ["x.csv:3: 3 fields, but the header has 2", "marks"]),
        (b'prompt,response\np,r\n"p,r\nq,s\n', ["x.csv:3: not valid CSV", "unexpected end"]),
        (b'prompt,response\n"a" b,r\n', ["x.csv:2: not valid CSV", "expected after"]),
        ("prompt,response\np,grün\n".encode("cp1252"), ["x.csv:2: not UTF-8", "'CSV UTF-8'"]),
        ("prompt;response\np;r\n".encode("utf-16"), ["x.csv:1: not UTF-8"]),
        (b"prompt,response,prompt\np,r,q\n", ["x.csv:1: two columns are called 'prompt'"]),
        (b"%s,r\np,r\n" % (b"lang " * 50), ["x.csv:1: the first row must hold the names"]),
        (b"prompt,response\np,\n,r\n", ["no row is usable", "1 no response (row 1)", "(row 2)"]),
    ],
)  # fmt: skip
def test_bad_spreadsheets(data: bytes, words: list[str], tmp_path: Path) -> None:
    message = refused(put(tmp_path, data), language="de")
    for word in [str(tmp_path), *words]:
        assert word in message


def test_a_damaged_or_missing_file(tmp_path: Path) -> None:
    whole = gzip.compress(csv() * 500)
    assert "damaged or cut short" in refused(put(tmp_path, whole[:-20], "x.csv.gz"), language="de")
    assert "no such file" in refused(f"{tmp_path}/nowhere.csv", language="de")
    assert "not a file of data" in refused(put(tmp_path, b"x", "x.xlsx"), language="de")
    (tmp_path / "y.csv").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        _ = FileTable("y", (tmp_path / "y.csv",)).columns


def test_measure_reads_them_too(cli: Any, tmp_path: Path) -> None:
    put(tmp_path, csv(";"))
    done = cli("measure", "x.csv", "--languages", "de", "--metrics", "length", "-o", "out",
               "--format", "json", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {m["n"] for m in json.loads(done.stdout)[0]["measurements"]} == {2}


# --- rows --------------------------------------------------------------------------------------


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_ids_strategies_and_languages(tmp_path: Path) -> None:
    row = {"prompt": "p", "response": "r"}
    path = put(
        tmp_path,
        lines(
            row,
            {**row, "id": 7, "language": "fr-CA", "strategy": "translate"},
            {**row, "id": "x-1", "strategy": "invented", "finish_reason": "length", "attempt": 2},
            {**row, "seed_id": "s", "finish_reason": "odd", "attempt": "odd"},
        ),
        "x.jsonl",
    )
    plain = {"prompt": "p", "response": "r", "seed_id": "", "finish_reason": "unknown"}
    assert read_examples(f"de={path}") == (
        Example(id="x-1", language="de", strategy="respond", **plain),
        Example(id="7", language="fr", strategy="translate", **plain),
        Example(
            id="x-1~2", language="de", strategy="respond", attempt=2,
            **{**plain, "finish_reason": "length"},
        ),
        Example(id="x-4", language="de", strategy="respond", **{**plain, "seed_id": "s"}),
    )  # fmt: skip


def test_examples_of_ours_come_back_as_they_were(tmp_path: Path) -> None:
    examples = gold_examples(load_pack("ja"))
    write_jsonl(tmp_path / EXAMPLES, examples)
    assert read_examples("gold:ja") == examples
    assert read_examples(str(tmp_path)) == examples
    assert read_examples(str(tmp_path / EXAMPLES), language="de") == examples


@pytest.mark.parametrize(
    ("prefix", "language", "expected"),
    [("cs=", None, "cs"), ("cs=", "de", "cs"), ("", "de", "de"), ("EN=", None, "en")],
)
def test_who_says_the_language(
    prefix: str, language: str | None, expected: str, tmp_path: Path
) -> None:
    path = put(tmp_path, b"prompt,response,language\np,r,\np,r,id\n")
    read = read_examples(prefix + path, language=language)
    assert [example.language for example in read] == [expected, "id"]


def test_a_file_whose_name_looks_like_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, csv(), "de=x.csv")
    assert "does not say its language" in refused("de=x.csv")
    assert found("de=de=x.csv") == TEXTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", ["row 1 does not say its language", "de={}", "--columns language="]),
        ("xx={}", ["'xx' is no language", "ISO 639-1"]),
        ("deu={}", ["'deu' is no language"]),
        ("gold:xx", ["unknown language 'xx'", "ja"]),
        ("de=", ["no such file or folder"]),
    ],
)
def test_languages_that_will_not_do(text: str, words: list[str], tmp_path: Path) -> None:
    path = put(tmp_path, csv())
    message = refused(text.format(path))
    for word in words:
        assert word.format(path) in message


def test_what_is_left_out_is_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = b"p,,\n" * 5 + b",r,\np,r,german\np,r,cs\n"
    path = put(tmp_path, b"prompt,response,language\n" + bad)
    assert len(read_examples(path)) == 1
    assert capsys.readouterr().err == (
        f"polyglot-harness: {path}: 7 of 8 rows are left out: 5 no response (row 1, 2, 3, ...), "
        "1 no prompt (row 6), 1 language 'german' is no code of ISO 639-1 (row 7)\n"
    )
    told: list[str] = []
    read_examples(path, say=told.append)
    assert told[0].startswith(f"{path}: 7 of 8") and not capsys.readouterr().err
    chat = [{"role": role, "content": role} for role in ("user", "assistant", "user")]
    several = put(tmp_path, lines({"messages": chat}, {"messages": chat[:2]}), "x.jsonl")
    loaded = load_examples(several, language="de")
    assert loaded.notes == ("1 rows have several turns; the first exchange is taken",)


def test_columns_of_ones_own(tmp_path: Path) -> None:
    rows = table(",", [(r, p) for p, r in TEXTS])
    path, other = put(tmp_path, b"Antwort,Frage\n" + rows), put(tmp_path, csv(), "y.csv")
    named = {"prompt": "Frage", "response": "Antwort"}
    assert found(path, language="de", columns=named) == TEXTS
    # a source that has none of them is read as it is
    assert found(other, language="de", columns=named) == TEXTS
    assert found("gold:de", columns=named) == found("gold:de")
    for wrong, words in (
        ({"prompt": "Frage", "response": "Antwrt"}, "no column 'Antwrt'"),
        ({"prompt": "Frge", "response": "Antwrt"}, "no column 'Frge'"),
        ({"promt": "Frage"}, "unknown name in --columns 'promt'"),
    ):
        assert words in refused(path, language="de", columns=wrong)


def test_a_folder_of_files_has_one_numbering(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        put(tmp_path, csv(), name)
    ids = [example.id for example in read_examples(str(tmp_path), language="de")]
    assert ids == [f"{tmp_path.name}-{number}" for number in (1, 2, 3, 4)]


def test_ids_of_several_sources() -> None:
    names = ["a", "b", "a", "a~2", "a", "b"]
    base = gold_examples(load_pack("de"))[0]
    examples = own_ids(base.model_copy(update={"id": name}) for name in names)
    assert [example.id for example in examples] == ["a", "b", "a~2", "a~2~2", "a~3", "b~2"]


@pytest.mark.parametrize(
    ("text", "asked"),
    [("de=org/name", True), ("hf:name", True), ("de=mine.csv", False), ("gold:de", False)],
)
def test_the_hub_is_asked_where_data_may_be_of_it(
    text: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    ask_the_hub([text])
    assert os.environ.pop("HF_HUB_OFFLINE", "") == "0" * asked


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/mine.csv", "mine"), ("mine.CSV.gz", "mine"), ("x/a.b.jsonl", "a.b"),
        ("hf:org/name@train", "name@train"), ("runs/first/", "first"), (".csv", ".csv"),
    ],
)  # fmt: skip
def test_short_names(text: str, name: str) -> None:
    assert short_name(text) == name


# --- runs --------------------------------------------------------------------------------------


def stage(
    root: Path, teacher: str, code: str, strategy: str, number: int = 3, **inputs: Any
) -> list[Example]:
    """A finished generate stage, as the store leaves it."""
    examples = [
        e.model_copy(update={"id": f"{code}-{strategy}-{n}", "strategy": strategy})
        for n, e in enumerate(gold_examples(load_pack(code))[:number])
    ]

    def work(folder: Path) -> Result:
        write_jsonl(folder / EXAMPLES, examples)
        return Result()

    run_stage(root, "generate", f"{teacher}-{code}-{strategy}", pairs(inputs), work)
    return examples


def test_a_run_is_all_its_finished_stages(tmp_path: Path) -> None:
    ways = [("cs", "generate"), ("de", "respond")]
    written = [e for code, way in ways for e in stage(tmp_path, "a-teacher", code, way)]
    stage(tmp_path, "a-teacher", "cs", "a", number=0)
    (tmp_path / "generate" / "unfinished").mkdir()
    assert sorted(e.id for e in read_examples(str(tmp_path))) == sorted(e.id for e in written)
    one = next(tmp_path.glob("generate/a-teacher-cs-*"))
    assert {e.language for e in read_examples(str(one))} == {"cs"}


def test_a_run_without_examples(tmp_path: Path) -> None:
    stage(tmp_path, "a", "de", "respond", number=0)
    assert "no finished stage in it has examples" in refused(str(tmp_path))
    next(tmp_path.glob("generate/*/record.json")).unlink()
    assert "no finished stage in it has examples" in refused(str(tmp_path))


def test_a_run_of_several_kinds_is_refused(tmp_path: Path) -> None:
    stage(tmp_path, "a", "de", "respond")
    stage(tmp_path, "b", "de", "respond")
    assert "more than one kind (a, b); name the folders" in refused(str(tmp_path))
    other = tmp_path / "other"
    stage(other, "a", "de", "respond", limit=1)
    stage(other, "a", "de", "respond", limit=2)
    assert "a-de-respond with several settings" in refused(str(other))


def test_a_stage_that_was_edited_is_not_taken(tmp_path: Path) -> None:
    stage(tmp_path, "a", "de", "respond")
    next(tmp_path.glob(f"generate/*/{EXAMPLES}")).write_text("{}\n", encoding="utf-8")
    with pytest.raises(StoreError, match="not the file that the stage wrote"):
        read_examples(str(tmp_path))


# --- languages of the texts --------------------------------------------------------------------


def said_to_be(code: str, *others: str) -> list[Example]:
    groups = [gold_examples(load_pack(other)) for other in others]
    return [e.model_copy(update={"language": code}) for group in groups for e in group]


@pytest.mark.parametrize("code", ["ar", "cs", "de", "es", "id", "ja", "ko", "tl"])
def test_gold_data_are_in_their_language(code: str) -> None:
    check_languages(gold_examples(load_pack(code)))


def test_most_of_a_language_must_be_in_it() -> None:
    check_languages([])
    check_languages(said_to_be("de", "de", "de", "cs"))
    # nothing to tell by, and a language that nobody can tell
    check_languages([e.model_copy(update={"response": "42"}) for e in said_to_be("de", "cs")])
    check_languages(said_to_be("ti", "cs"))
    for wrong in (said_to_be("de", "cs"), said_to_be("de", "cs", "cs", "cs", "de")):
        right = gold_examples(load_pack("ja"))
        with pytest.raises(ConfigError) as error:
            check_languages([*right, *wrong])
        message = str(error.value)
        assert "said to be in 'de'" in message and "(cs " in message and "cs=DATA" in message
        assert "--any_language" in message and len(message.splitlines()) == 1


def test_a_stage_without_an_accepted_reply_has_no_examples(tmp_path, capsys):
    (tmp_path / "examples.jsonl").touch()
    with pytest.raises(ConfigError, match="no prompts and responses"):
        read_examples(str(tmp_path))
    (tmp_path / "record.json").write_text("{}", encoding="utf-8")
    assert read_examples(str(tmp_path)) == ()
    assert "none of its replies became an example" in capsys.readouterr().err
