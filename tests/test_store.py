"""The store: finished work is found again, and nothing half-written is ever taken for finished."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from polyglot_harness import __version__
from polyglot_harness.errors import HarnessError, StageError, StoreError
from polyglot_harness.spec import Measurement, Pairs, StageRecord, digest, pairs
from polyglot_harness.store import (
    LOCK,
    RECORD,
    Result,
    complete_record,
    disk_errors,
    file_sha256,
    read_record,
    run_stage,
    stage_folder,
    verify_output,
    write_atomically,
)

INPUTS: Pairs = (("seed", 7), ("teacher", "t"), ("tasks", ("a", "b")), ("limit", None))
NUMBER = Measurement(name="m", language="de", value=0.5, stderr=0.25, n=4, params=(("k", (1, 2)),))


class Work:
    """Writes a file, and counts how often it was asked to."""

    def __init__(self, text: str = "data\n", error: BaseException | None = None) -> None:
        self.text = text
        self.error = error
        self.calls = 0

    def __call__(self, folder: Path) -> Result:
        self.calls += 1
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / "out.txt").write_text(self.text, encoding="utf-8")
        if self.error:
            raise self.error
        return Result({"rows": 2, "accepted": 1}, (NUMBER,))


# --- reuse -------------------------------------------------------------------------------------


def test_a_stage_is_done_once(tmp_path: Path) -> None:
    work = Work()
    folder, record, reused = run_stage(tmp_path, "generate", "t de/x", INPUTS, work)
    assert not reused
    assert folder == tmp_path / "generate" / f"t-de-x-{digest(['generate', INPUTS])}"
    assert (record.stage, record.key, record.status, record.error) == (
        "generate",
        "t de/x",
        "complete",
        "",
    )
    assert record.inputs == INPUTS
    assert record.counts == (("accepted", 1), ("rows", 2))
    assert record.measurements == (NUMBER,)
    assert record.outputs == (("sub/out.txt", hashlib.sha256(b"data\n").hexdigest()),)
    assert dict(dict(record.provenance)["versions"])["polyglot_harness"] == __version__

    bytes_before = (folder / RECORD).read_bytes()
    again_folder, again, reused = run_stage(tmp_path, "generate", "t de/x", INPUTS, work)
    assert reused
    assert (again_folder, work.calls) == (folder, 1)
    assert digest(again) == digest(record)
    assert (folder / RECORD).read_bytes() == bytes_before
    assert sorted(p.name for p in folder.iterdir()) == [LOCK, RECORD, "sub"]


@pytest.mark.parametrize(
    "changed",
    [
        (("seed", 8), *INPUTS[1:]),
        (*INPUTS, ("more", 1)),
        INPUTS[:-1],
        (*INPUTS[:2], ("tasks", ("b", "a")), INPUTS[3]),
    ],
)
def test_a_changed_input_is_another_folder(tmp_path: Path, changed: Pairs) -> None:
    work = Work()
    first, _, _ = run_stage(tmp_path, "train", "k", INPUTS, work)
    second, record, reused = run_stage(tmp_path, "train", "k", changed, work)
    assert not reused
    assert (work.calls, record.inputs) == (2, changed)
    assert second != first
    assert run_stage(tmp_path, "train", "k", INPUTS, work)[0] == first
    assert work.calls == 2


def test_another_stage_is_another_folder_and_a_long_key_is_cut(tmp_path: Path) -> None:
    a, b = (stage_folder(tmp_path, stage, "k" * 200, INPUTS) for stage in ("train", "measure"))
    assert a.name != b.name
    assert a.name == "k" * 80 + "-" + digest(["train", INPUTS])
    assert stage_folder(tmp_path, "train", "../ü b", INPUTS).parent == tmp_path / "train"


def test_what_a_kill_left_is_no_output(tmp_path: Path) -> None:
    folder = stage_folder(tmp_path, "s", "k", INPUTS)
    folder.mkdir(parents=True)
    (folder / ".out.txt.123.tmp").write_text("half", encoding="utf-8")
    record = run_stage(tmp_path, "s", "k", INPUTS, Work())[1]
    assert [name for name, _ in record.outputs] == ["sub/out.txt"]


def test_a_missing_output_is_made_again(tmp_path: Path) -> None:
    work = Work()
    folder, _, _ = run_stage(tmp_path, "s", "k", INPUTS, work)
    (folder / "sub" / "out.txt").unlink()
    assert complete_record(folder, INPUTS) is None
    assert run_stage(tmp_path, "s", "k", INPUTS, work)[2] is False
    assert work.calls == 2
    assert complete_record(folder, INPUTS) is not None


def test_a_record_of_other_inputs_does_not_count(tmp_path: Path) -> None:
    folder, _, _ = run_stage(tmp_path, "s", "k", INPUTS, Work())
    assert complete_record(folder, pairs({"seed": 1})) is None
    assert complete_record(tmp_path / "nothing", INPUTS) is None


# --- failures ----------------------------------------------------------------------------------


def test_a_failed_stage_leaves_its_record_and_is_tried_again(tmp_path: Path) -> None:
    failing = Work("half", StageError("loss is nan"))
    with pytest.raises(StageError, match="^loss is nan$"):
        run_stage(tmp_path, "train", "k", INPUTS, failing)
    folder = stage_folder(tmp_path, "train", "k", INPUTS)
    record = read_record(folder / RECORD)
    assert (record.status, record.error) == ("failed", "loss is nan")
    assert (record.outputs, record.counts, record.measurements) == ((), (), ())
    assert digest(record.inputs) == digest(INPUTS)
    assert complete_record(folder, INPUTS) is None
    # what was finished is there for the next try
    assert (folder / "sub" / "out.txt").read_text(encoding="utf-8") == "half"

    _, record, reused = run_stage(tmp_path, "train", "k", INPUTS, Work())
    assert (record.status, record.error, reused) == ("complete", "", False)
    assert run_stage(tmp_path, "train", "k", INPUTS, failing)[2] is True
    assert failing.calls == 1


def test_an_interruption_leaves_neither_record_nor_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path, "s", "k", INPUTS, Work(error=KeyboardInterrupt()))
    folder = stage_folder(tmp_path, "s", "k", INPUTS)
    assert not (folder / RECORD).exists()
    assert run_stage(tmp_path, "s", "k", INPUTS, Work())[2] is False


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("\nCUDA out of memory\nTried to"), "s k: RuntimeError: CUDA out of memory"),
        (KeyError("x"), "s k: KeyError: 'x'"),
        (FileNotFoundError(2, "x"), "s k: FileNotFoundError: [Errno 2] x"),
    ],
)
def test_an_error_of_a_library_becomes_one_line(
    tmp_path: Path, error: Exception, said: str
) -> None:
    with pytest.raises(StageError) as caught:
        run_stage(tmp_path, "s", "k", INPUTS, Work(error=error))
    assert str(caught.value) == said
    assert caught.value.__cause__ is error
    record = read_record(stage_folder(tmp_path, "s", "k", INPUTS) / RECORD)
    assert (record.status, record.error) == ("failed", said)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: b"", "Invalid JSON: EOF while parsing a value"),
        (lambda data: data[: len(data) // 2], "Invalid JSON: EOF while parsing"),
        (lambda data: b"{}", "field 'stage' is missing (and 3 more)"),
        (lambda data: data.replace(b'"complete"', b'"done"'), "field 'status': Input should be"),
        (lambda data: data.replace(b'"key"', b'"kex"'), "field 'key' is missing (and 1 more)"),
        (lambda data: b"\xff" + data, "Invalid JSON: expected value at line 1 column 1"),
    ],
)
def test_a_damaged_record(tmp_path: Path, damage: Callable[[bytes], bytes], said: str) -> None:
    folder, _, _ = run_stage(tmp_path, "s", "k", INPUTS, Work())
    path = folder / RECORD
    path.write_bytes(damage(path.read_bytes()))
    work = Work()
    with pytest.raises(StoreError) as caught:
        run_stage(tmp_path, "s", "k", INPUTS, work)
    message = str(caught.value)
    assert message.startswith(f"{path}: damaged (")
    assert said in message
    assert message.endswith(
        "; delete this file to have the stage checked and, where needed, made again"
    )
    assert work.calls == 0
    # the remedy that the message names
    path.unlink()
    assert run_stage(tmp_path, "s", "k", INPUTS, work)[1].status == "complete"


def test_a_record_that_is_a_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / RECORD).mkdir()
    with pytest.raises(StoreError, match=r"record\.json: cannot be read: Is a directory$"):
        read_record(tmp_path / RECORD)


# --- outputs -----------------------------------------------------------------------------------


def test_an_output_that_was_cut_is_noticed(tmp_path: Path) -> None:
    folder, record, _ = run_stage(tmp_path, "s", "k", INPUTS, Work("line 1\nline 2\n"))
    path = folder / "sub" / "out.txt"
    assert verify_output(folder, record, "sub/out.txt") == path
    assert dict(record.outputs)["sub/out.txt"] == file_sha256(path)
    with path.open("r+b") as file:
        file.truncate(7)
    with pytest.raises(StoreError) as caught:
        verify_output(folder, record, "sub/out.txt")
    assert str(caught.value) == (
        f"{path}: not the file that the stage wrote (cut short or edited); "
        f"delete {folder} to have it made again"
    )
    path.unlink()
    with pytest.raises(StoreError, match="not the file that the stage wrote"):
        verify_output(folder, record, "sub/out.txt")


def test_an_output_that_no_stage_wrote(tmp_path: Path) -> None:
    folder, record, _ = run_stage(tmp_path, "s", "k", INPUTS, Work())
    (folder / "x.txt").write_text("x", encoding="utf-8")
    with pytest.raises(StoreError):
        verify_output(folder, record, "x.txt")


def test_the_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_sha256(tmp_path / "x") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


# --- the disk ----------------------------------------------------------------------------------


def python(script: str, folder: Path) -> list[str]:
    """Run a script in another process and in `folder`; return the lines that it printed."""
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
NO_SPACE = (
    "no space left on the disk; what was finished is kept: free some space "
    "(or choose another --output_path) and give the same command again"
)


@full_disk
def test_a_full_disk_while_a_stage_works(tmp_path: Path) -> None:
    def work(folder: Path) -> Result:
        (folder / "first.txt").write_text("kept", encoding="utf-8")
        with Path("/dev/full").open("w", encoding="utf-8") as file:
            file.write("x")
        raise AssertionError

    with pytest.raises(StoreError) as caught:
        run_stage(tmp_path, "s", "k", INPUTS, work)
    folder = stage_folder(tmp_path, "s", "k", INPUTS)
    assert str(caught.value) == f"{folder}: {NO_SPACE}"
    assert (folder / "first.txt").read_text(encoding="utf-8") == "kept"
    assert read_record(folder / RECORD).status == "failed"
    record = run_stage(tmp_path, "s", "k", INPUTS, Work())[1]
    assert [name for name, _ in record.outputs] == ["first.txt", "sub/out.txt"]


@full_disk
def test_a_full_disk_while_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, '{\n "a": 1\n}\n')
    # the temporary file, as on a full disk
    (tmp_path / f".x.json.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(StoreError) as caught:
        write_atomically(path, '{\n "a": 2\n}\n')
    assert str(caught.value) == f"{path}: {NO_SPACE}"
    assert path.read_text(encoding="utf-8") == '{\n "a": 1\n}\n'
    # nothing is left behind that would be taken for an output
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    script = """
        import resource
        from pathlib import Path
        from polyglot_harness.errors import StoreError
        from polyglot_harness.store import write_atomically

        write_atomically(Path("x"), "old")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomically(Path("x"), "new" * 1000)
        except StoreError as error:
            print(error)
    """
    assert python(script, tmp_path) == [f"x: {NO_SPACE}"]
    assert [(p.name, p.read_text(encoding="utf-8")) for p in tmp_path.iterdir()] == [("x", "old")]


def test_a_store_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written: Not a directory$"):
        run_stage(tmp_path / "runs", "s", "k", INPUTS, Work())


def test_a_folder_without_the_right_to_write(tmp_path: Path) -> None:
    """In a process without root's rights, for root may write anywhere."""
    script = """
        import os, sys
        from pathlib import Path
        from polyglot_harness.errors import StoreError
        from polyglot_harness.store import run_stage, write_atomically

        folder = Path("locked")
        folder.mkdir()
        (folder / "x").write_text("old")
        folder.chmod(0o555)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        for write in (
            lambda: run_stage(folder, "s", "k", (), lambda path: None),
            lambda: write_atomically(folder / "x", "new"),
        ):
            try:
                write()
            except StoreError as error:
                print(error)
        print((folder / "x").read_text())
    """
    tmp_path.chmod(0o755)
    folder = stage_folder(Path("locked"), "s", "k", ())
    assert python(script, tmp_path) == [
        f"{folder}: cannot be written: Permission denied",
        "locked/x: cannot be written: Permission denied",
        "old",
    ]


@pytest.mark.parametrize("error", [FileNotFoundError(2, "x"), ValueError("x"), StageError("x")])
def test_other_errors_pass(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)), disk_errors(tmp_path):
        raise error


# --- two runs at once --------------------------------------------------------------------------

RUN = """
    import sys, time
    from pathlib import Path
    from polyglot_harness.store import Result, run_stage

    root, name = Path(sys.argv[1]), sys.argv[2]
    def work(folder):
        with (folder / "log.txt").open("a") as file:
            file.write(name + "\\n")
        (root / f"{name}.working").touch()
        time.sleep(0.8)
        return Result({"by": name})
    (root / f"{name}.ready").touch()
    while not (root / "go").exists():
        time.sleep(0.01)
    folder, record, reused = run_stage(root, "s", "k", (("a", 1),), work)
    print(dict(record.counts)["by"], reused, (folder / "log.txt").read_text().split())
"""


def start(root: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN), str(root), name],
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(*paths: Path) -> None:
    limit = time.monotonic() + 30
    while not all(path.exists() for path in paths):
        assert time.monotonic() < limit, paths
        time.sleep(0.01)


def test_two_processes_do_the_work_once(tmp_path: Path) -> None:
    both = [start(tmp_path, name) for name in ("a", "b")]
    wait_for(tmp_path / "a.ready", tmp_path / "b.ready")
    (tmp_path / "go").touch()
    said = sorted(process.communicate(timeout=30)[0].strip() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    who = said[0].split()[0]
    assert said == [f"{who} False ['{who}']", f"{who} True ['{who}']"]


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    killed = start(tmp_path, "a")
    wait_for(tmp_path / "a.working")
    killed.kill()
    killed.communicate(timeout=30)
    output, _ = start(tmp_path, "b").communicate(timeout=30)
    # the second run finds what the first one left, and finishes it
    assert output.strip() == "b False ['a', 'b']"


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    texts = [letter * 3_000_000 + "\n" for letter in "ab"]
    write_atomically(path, texts[0])
    script = f"""
        from pathlib import Path
        from polyglot_harness.store import write_atomically
        for i in range(20):
            write_atomically(Path({str(path)!r}), "ab"[i % 2] * 3_000_000 + "\\n")
    """
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    while writer.poll() is None:
        assert path.read_text(encoding="utf-8") in texts
    assert writer.returncode == 0
    assert path.read_text(encoding="utf-8") == texts[1]
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


# --- digests -----------------------------------------------------------------------------------


def test_digests_are_of_content() -> None:
    # printf '%s' '{"a":1}' | sha256sum | cut -c-16
    assert digest({"a": 1}) == "015abd7f5cc57a2d"
    assert digest(pairs({"b": [1, 2], "a": {"y": 1, "x": 2}})) == digest(
        (("a", (("x", 2), ("y", 1))), ("b", (1, 2)))
    )
    assert digest("ü") != digest("u")
    assert digest(NUMBER) == digest(NUMBER.model_copy())
    with pytest.raises(TypeError, match="not serialisable: set"):
        digest({1})


def test_a_record_survives_its_file() -> None:
    record = StageRecord(
        stage="s", key="k", inputs=INPUTS, measurements=(NUMBER,), status="complete"
    )
    read = StageRecord.model_validate_json(record.model_dump_json())
    assert digest(read) == digest(record)
    assert read.measurements[0].value == 0.5


def test_the_exit_status_of_the_errors() -> None:
    assert issubclass(StoreError, HarnessError)
    assert (HarnessError.exit_status, StageError.exit_status, StoreError.exit_status) == (1, 4, 5)
