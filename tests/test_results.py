"""Results files: bytes, digest, places, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from boards import results_file, row, signature, write_file, write_folder
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from polyglot_harness.errors import ConfigError, HarnessError, StoreError
from polyglot_harness.leaderboard.records import ResultsFile, Row, StudentFacts, TeacherFacts
from polyglot_harness.leaderboard.results import (
    decode,
    encode,
    file_text,
    read_file,
    read_files,
    results_path,
)

DOCS = Path(__file__).parent.parent / "docs" / "results-format.md"


def signed(text: str) -> str:
    """A text with the digest that fits it, as whoever wrote it could have made."""
    data = json.loads(text)
    bare = text.replace(data["sha256"], "0" * 64, 1)
    return bare.replace("0" * 64, hashlib.sha256(bare.encode()).hexdigest(), 1)


def test_round_trip(tmp_path: Path) -> None:
    file = results_file("A", "de", rows=[row(seed=1), row(seed=0)])
    path = write_file(tmp_path, file)
    found = read_file(path)
    assert found.rows == tuple(sorted(file.rows, key=lambda r: r.signature))
    assert (found.teacher, found.student, found.language) == (file.teacher, file.student, "de")
    assert file_text(found) == path.read_text(encoding="utf-8")
    assert list(read_files(tmp_path)) == [(path, found)]
    assert list(read_files(path)) == [(path, found)]


def test_one_row_a_line_and_nothing_at_its_default() -> None:
    text = file_text(results_file("A", "de", rows=[row(seed=0), row(seed=1)]))
    head, *rows, end = text.splitlines()
    assert (len(rows), end) == (2, "]}")
    assert all(json.loads(line.removesuffix(","))["signature"] for line in rows)
    assert head.startswith('{"schema_version":2,"sha256":"') and '"mixture"' not in text


def test_the_digest_is_of_the_bytes_with_zeros_in_its_place() -> None:
    text = file_text(results_file())
    written = json.loads(text)["sha256"]
    zeros = text.replace(written, "0" * 64, 1)
    assert hashlib.sha256(zeros.encode()).hexdigest() == written


@pytest.mark.parametrize(
    ("old", "new"),
    [('"n_items":180', '"n_items":181'), ('"rows":[\n', '"rows":[ \n'), ("]}\n", "]}\n\n")],
)
def test_a_file_edited_by_hand(tmp_path: Path, old: str, new: str) -> None:
    path = write_file(tmp_path, results_file())
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    with pytest.raises(StoreError, match=r"de\.json: sha256 does not fit .*leaderboard build RUN"):
        read_file(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"raw":', '"raw":NaN,"was":', r"rows\.0\.raw'"),
        ('"raw":', '"raw":1e999,"was":', r"rows\.0\.raw': Input should be a finite number"),
        ('"value":', '"value":NaN,"was":', r"rows\.0\.measurements"),
        ('"n_items":180', '"n_items":-1', r"rows\.0\.n_items': .* greater than or equal to 0"),
        ('"n_items":180', '"items_n":180', r"unknown field 'rows\.0\.items_n'"),
        ('"student":"', '"student":"2', r"rows\.0\.items\.0\.student"),
        ('"signature":', '"signed":', r"rows\.0\.signature"),
        ('"language":"de","rows"', '"language":"DE!","rows"', r"field 'language'"),
        ('"schema_version":2', '"schema_version":3', "is of a later polyglot-harness: update"),
        ('"schema_version":2', '"schema_version":1', "schema_version is 1; valid: 2"),
        ('"schema_version":2', '"schema_version":"x"', "schema_version is 'x'; valid: 2"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_file(tmp_path, results_file())
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(signed(text.replace(old, new, 1)), encoding="utf-8")
    with pytest.raises(StoreError, match=message) as got:
        read_file(path)
    assert str(path) in str(got.value) and "\n" not in str(got.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_file_cut_short(tmp_path: Path, share: float) -> None:
    path = write_file(tmp_path, results_file())
    whole = path.read_bytes().rstrip()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(StoreError, match=r"de\.json: cut short or damaged"):
        read_file(path)


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"rows": 1}', "{}", '{"teacher": 2}'])
def test_what_is_no_results_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(StoreError, match=r"x\.json: not a results file; take it out"):
        list(read_files(tmp_path))


def test_a_leaderboard_is_no_results_file() -> None:
    path = Path(__file__).parent / "data" / "leaderboard_schema_1.json"
    with pytest.raises(StoreError, match="a run's leaderboard, .* name the run's folder"):
        list(read_files(path))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b"\0" * 50])
def test_rubbish(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"x\.json: cut short or damaged"):
        list(read_files(tmp_path))


def test_two_rows_of_one_signature(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="two rows of the same signature: lang:de"):
        results_file(rows=[row(), row(skill=0.9)])
    path = write_file(tmp_path, results_file(rows=[row(seed=0), row(seed=1)]))
    text = path.read_text(encoding="utf-8").replace("seed:1|", "seed:0|")
    path.write_text(signed(text), encoding="utf-8")
    with pytest.raises(StoreError, match="field 'rows': .*two rows of the same signature: lang:de"):
        read_file(path)


def test_a_file_at_another_place(tmp_path: Path) -> None:
    path = write_file(tmp_path, results_file())
    copy = tmp_path / "B" / "r1" / "s" / "de.json"
    copy.parent.mkdir(parents=True)
    path.rename(copy)
    with pytest.raises(StoreError, match=r"its content belongs to A/r1/s/de\.json below"):
        list(read_files(tmp_path))
    assert read_file(copy).teacher.name == "A"


@pytest.mark.parametrize("part", ["A", "A/r1", "A/r1/s"])
def test_a_part_of_a_folder_can_be_read(tmp_path: Path, part: str) -> None:
    write_folder(tmp_path, ["A", "B"])
    assert [file.teacher.name for _, file in read_files(tmp_path / part)] == ["A", "A"]
    (tmp_path / "A" / "r1" / "s").rename(tmp_path / "A" / "r1" / "t")
    with pytest.raises(StoreError, match="its content belongs to A/r1/s/de"):
        list(read_files(tmp_path / "A"))


@pytest.mark.parametrize("marked", ["run.json", "leaderboard.json", "LEADERBOARD.md"])
def test_a_run_folder_has_them_in_results(tmp_path: Path, marked: str) -> None:
    write_folder(tmp_path / "results", ["A"])
    (tmp_path / marked).write_text("{}", encoding="utf-8")
    assert [file.language for _, file in read_files(tmp_path)] == ["de", "es"]


@pytest.mark.parametrize("there", [False, True])
def test_none(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "nothing"
    if there:
        (folder / ".hidden").mkdir(parents=True)
        (folder / ".hidden" / "de.json").write_text("{}", encoding="utf-8")
        (folder / ".de.json.12.tmp").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="no results files in it|no such file or folder"):
        list(read_files(folder))
    with pytest.raises(HarnessError):
        read_file(folder)


# --- places -------------------------------------------------------------------------------------

HOSTILE = ["<script>", "../../x", "/etc/passwd", ".", "..", "a/b", "a\\b", "con", "NUL.txt", "x.",
           "-", " ", "é", "日本語", "a\nb", "x" * 300, "a:b", "*", "=1+1"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    file = results_file(name, "de", name, revision=name)
    place = results_path(file)
    assert len(place.parts) == 4 and not place.is_absolute()
    assert all(part.strip(".") and len(part) < 120 for part in place.parts)
    assert read_file(write_file(tmp_path, file)).teacher.name == name
    assert len(list(read_files(tmp_path))) == 1


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_two_names_have_two_places(names: list[str]) -> None:
    a, b = (
        results_path(
            ResultsFile(
                teacher=TeacherFacts(name=name, revision="r"),
                student=StudentFacts(name="s"),
                language="de",
                rows=(),
            )
        )
        for name in names
    )
    assert a != b


def test_plain_names_are_their_places() -> None:
    file = results_file("Qwen2.5-7B_x", "de", "gemma-3-4b", revision="ab12")
    assert str(results_path(file)) == "Qwen2.5-7B_x/ab12/gemma-3-4b/de.json"
    pinned = file.model_copy(update={"student": StudentFacts(name="g", revision="c0de")})
    assert str(results_path(pinned)) == "Qwen2.5-7B_x/ab12/g@c0de/de.json"


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "stored"),
    [([0, 1, 1.0], "011"), ([True, False], "10"), ([0.5, 1], (0.5, 1.0)), ([], ())],
)
def test_accuracies(values: list[float], stored: object) -> None:
    assert encode(values) == stored
    assert np.array_equal(decode(encode(values)), np.array(values, dtype=float))


@pytest.mark.parametrize("bad", ["012", "", "1 0", "１", [0.5, 1.5], [-0.1], [float("nan")]])
def test_bad_accuracies(bad: object) -> None:
    items = ({"task": "t", "ids": "x", "student": bad},)
    with pytest.raises(ValidationError):
        Row.model_validate({"signature": signature(), "items": items})


def test_nan_never_reaches_a_file() -> None:
    bad = row().model_copy(update={"raw": float("nan")})
    file = results_file().model_copy(update={"rows": (bad,)})
    with pytest.raises(StoreError, match="results of A, s, de: a number is NaN or infinite"):
        file_text(file)
    hidden = row(provenance=(("x", float("inf")),))
    with pytest.raises(StoreError, match="NaN or infinite"):
        file_text(results_file(rows=[hidden]))


@pytest.mark.parametrize("record", [ResultsFile, TeacherFacts, StudentFacts, Row])
def test_each_field_is_in_the_docs(record: type[ResultsFile]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert not [name for name in record.model_fields if f"`{name}`" not in text]
