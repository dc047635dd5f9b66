"""Export: what a run accepted, read back by `datasets`, on disk and from a hub over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_server import TOKEN, Hub, serve

from polyglot_harness.cli.run_folder import claim
from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.export.card import dataset_card
from polyglot_harness.export.collect import Part, Selection, collect
from polyglot_harness.export.folder import _stems, in_place_of
from polyglot_harness.export.licences import all_licences, hub_licence, sources
from polyglot_harness.export.rows import COLUMNS, ROW_GROUP, rows, teacher_model, write_parquet
from polyglot_harness.files import EXAMPLES, REJECTIONS, write_jsonl
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.reporting import Quiet
from polyglot_harness.run_signature import cell_signature
from polyglot_harness.spec import Example, Measurement, Rejection, RunSpec, TeacherCard
from polyglot_harness.stages import Workshop, data_files, generate, measure_data, stage_data
from polyglot_harness.store import Result
from polyglot_harness.students import load_recipe, load_student
from polyglot_harness.teachers import load_teacher

TEXTS = {
    "ar": ("اشرح لي «التضخّم» ببساطة.", "التضخّم ارتفاعٌ عامّ في الأسعار.\nمثال: ١٠٪ سنويًّا."),
    "de": ('Was ist ein "Pipe|Symbol"?', "Ein Zeichen:\u2028| oder \\|.\r\nEnde \x85."),
    "ja": ("俳句を一つ書いてください。", "古池や\n蛙飛びこむ\n水の音 🐸"),
}  # fmt: skip
ODD = TeacherCard(
    name="org/odd:1b", model="local-chat-completions", form="chat", licence="CC BY-NC 4.0",
    model_args=(("api_key", "sk-secret"), ("base_url", "http://10.0.0.7/v1"), ("model", "odd-1b")),
)  # fmt: skip
GEMMA = load_teacher("gemma-3-270m")
NOTHING_ACCEPTED = ("org/odd:1b", "ja")


def spec_of(**changes: Any) -> RunSpec:
    student = load_student("smollm2-135m", None)
    return RunSpec(
        **{
            "teachers": (GEMMA, ODD), "languages": ("ar", "de", "ja"),
            "strategies": ("generate", "respond"), "limit": 4, "seed": 7, "student": student,
            "reference": "gold", "recipe": load_recipe("demo", None), "metrics": ("length",),
            "perplexity_model": "gemma-3-270m", **changes,
        }
    )  # fmt: skip


@dataclass
class Stocked(Workshop):
    """Writes given texts where a teacher would write its own; inputs and records are real."""

    texts: tuple[str, str, int] = ("", "", 0)
    measurements: tuple[Measurement, ...] = ()

    def run(self, stage: str, key: str, inputs: Any, work: Any, title: str, total: int) -> Any:
        def written(folder: Path, progress: Any) -> Result:
            if stage == "measure":
                return Result({"metrics": 1}, self.measurements)
            code, strategy, accepted = self.texts
            write_jsonl(folder / EXAMPLES, examples(code, strategy, accepted))
            rejected = [f"{code}-{strategy}-7-{n:06d}" for n in range(accepted, total)]
            write_jsonl(
                folder / REJECTIONS,
                [Rejection(id=i, language=code, strategy=strategy, reason="refusal", reply="Nein.")
                 for i in rejected],
            )  # fmt: skip
            counts = {"requests": total, "accepted": accepted, "rejected_refusal": len(rejected)}
            return Result({**counts, "tokens_out": 1234} if key.startswith("gemma") else counts)

        return super().run(stage, key, inputs, written, title, total)


def examples(code: str, strategy: Any, n: int) -> list[Example]:
    prompt, response = TEXTS[code]
    return [
        Example(
            id=f"{code}-{strategy}-7-{i:06d}", language=code, strategy=strategy,
            seed_id=f"{code}-{i:03d}", prompt=f"{prompt} ({i})", response=f"{strategy}: {response}",
            finish_reason="stop", attempt=1 + i % 2,
        )
        for i in range(n)
    ]  # fmt: skip


def stock(root: Path, spec: RunSpec, unfinished: tuple[str, str, str] = ("", "", "")) -> None:
    claim(root, spec, update=False)
    shop = Stocked(root, spec, ModelPool(), Quiet())
    for teacher in spec.teachers:
        for code in spec.languages:
            pack, data = load_pack(code), []
            for strategy in spec.strategies:
                if (teacher.name, code, strategy) == unfinished:
                    continue
                accepted = 0 if (teacher.name, code) == NOTHING_ACCEPTED else 3
                shop.texts = (code, strategy, accepted)
                data.append(data_files(generate(shop, teacher, pack, strategy)))
            if len(data) == len(spec.strategies) and teacher == GEMMA:
                value = Measurement(name="length", language=code, value=8.25, stderr=0.5, n=6)
                shop.measurements = (value,)
                measure_data(shop, teacher.name, pack, stage_data(spec, code, data))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("run") / "out"
    stock(root, spec_of())
    return root


@pytest.fixture(scope="module")
def exported(cli, run_folder, tmp_path_factory) -> dict[str, Path]:
    folders = {}
    for form in ("parquet", "jsonl"):
        folders[form] = tmp_path_factory.mktemp(form) / "deep" / "data set"
        done = cli("export", "-o", run_folder, "--to", form, "--dest", folders[form])
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("30 examples, teachers: 2, languages: 3  ")
        assert done.stderr == ""
    return folders


def expected(teachers: tuple[TeacherCard, ...] = (GEMMA, ODD), codes=("ar", "de", "ja")) -> list:
    found = []
    for code in codes:
        for teacher in teachers:
            if (teacher.name, code) == NOTHING_ACCEPTED:
                continue
            for strategy in ("generate", "respond"):
                for example in examples(code, strategy, 3):
                    messages = [{"role": "user", "content": example.prompt},
                                {"role": "assistant", "content": example.response}]  # fmt: skip
                    found.append({
                        **example.model_dump(), "messages": messages, "teacher": teacher.name,
                        "teacher_model": "odd-1b" if teacher is ODD else "gemma-3-270m",
                        "signature": cell_signature(spec_of(), load_pack(code)),
                    })  # fmt: skip
    return found


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
@pytest.mark.parametrize(
    ("config", "codes"),
    [(None, ("ar", "de", "ja")), ("default", ("ar", "de", "ja")), ("ar", ("ar",)),
     ("de", ("de",)), ("ja", ("ja",))],
)  # fmt: skip
def test_datasets_reads_it_back_equal(exported, tmp_path, form, config, codes):
    from datasets import get_dataset_config_names, load_dataset

    folder = str(exported[form])
    assert get_dataset_config_names(folder) == ["default", "ar", "de", "ja"]
    loaded = load_dataset(folder, config, split="train", cache_dir=str(tmp_path))
    assert loaded.column_names == list(COLUMNS)
    assert loaded.to_list() == expected(codes=codes)


def test_one_file_for_each_teacher_and_language_that_has_examples(exported):
    for form, folder in exported.items():
        names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        stems = [f"{code}/gemma-3-270m" for code in ("ar", "de", "ja")]
        stems += ["ar/org-odd-1b", "de/org-odd-1b"]
        assert names == {"README.md", *(f"data/{stem}.{form}" for stem in stems)}


def test_the_same_run_gives_the_same_bytes(cli, exported, run_folder, tmp_path):
    cli("export", "-o", run_folder, "--dest", tmp_path / "again")
    for path in exported["parquet"].rglob("*.*"):
        again = tmp_path / "again" / path.relative_to(exported["parquet"])
        assert again.read_bytes() == path.read_bytes()


def test_rows_go_out_group_by_group(tmp_path):
    from pyarrow import parquet

    def many():
        for number in range(2 * ROW_GROUP + 1):
            if number == 2 * ROW_GROUP:
                # by now the first groups are in the file
                assert path.stat().st_size > 1000
            text = f"{number} {os.urandom(40).hex()}"
            yield {column: text for column in COLUMNS} | {
                "messages": [{"role": "user", "content": text}], "attempt": 1,
            }  # fmt: skip

    path = tmp_path / "many.parquet"
    assert write_parquet(path, many()) == 2 * ROW_GROUP + 1
    groups = parquet.ParquetFile(path).metadata
    assert [groups.row_group(i).num_rows for i in range(3)] == [ROW_GROUP, ROW_GROUP, 1]


def card(folder: Path) -> tuple[dict[str, Any], str]:
    _, front, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_the_card(exported):
    front, text = card(exported["parquet"])
    assert front["license"] == "other"
    assert front["language"] == ["ar", "de", "ja"]
    assert front["task_categories"] == ["text-generation"]
    assert front["size_categories"] == ["n<1K"]
    assert "polyglot-harness" in front["tags"]
    for words in (
        "SFT data in Arabic, German, Japanese by 2 teachers",
        "30 examples (12 ar, 12 de, 6 ja)",
        "no one licence that covers all rows (Gemma terms of use, CC BY-NC 4.0, Apache-2.0)",
        "| gemma-3-270m | gemma-3-270m | Gemma terms of use | https://huggingface.co/google/",
        "| org/odd:1b | odd-1b | CC BY-NC 4.0 | — |",
        "| ja | seeds.jsonl | Apache-2.0 | — |",
        "4 requests per teacher, language and strategy, seed 7",
        "| ja | org/odd:1b | respond | 4 | 0 | — | 4 refusal |",
        "| de | gemma-3-270m | generate | 4 | 3 | 1234 | 1 refusal |",
        "| language | teacher | strategy | requests | accepted | tokens out | rejected |",
        "| ja | gemma-3-270m | length | 8.25 | 0.5 | 6 |",
        cell_signature(spec_of(), load_pack("ar")),
        *(f"| {column} | " for column in COLUMNS),
    ):
        assert words in text, words
    assert "Incomplete" not in text


def test_no_secret_address_or_path_goes_into_the_data_set(exported, run_folder):
    for folder in exported.values():
        for path in folder.rglob("*.*"):
            data = path.read_bytes()
            for secret in (b"sk-secret", b"10.0.0.7", str(run_folder).encode()):
                assert secret not in data, path


@pytest.mark.parametrize(
    ("licences", "identifier"),
    [
        (["Apache-2.0"], "apache-2.0"),
        (["Apache-2.0", "apache-2.0"], "apache-2.0"),
        (["Gemma terms of use", "gemma"], "gemma"),
        (["CC BY 4.0"], "cc-by-4.0"),
        (["Apache-2.0", "MIT"], "other"),
        (["Apache-2.0", ""], "other"),
        ([""], "other"),
        (["a licence of our own"], "other"),
    ],
)
def test_licence(licences, identifier):
    assert hub_licence(licences) == identifier


@pytest.mark.parametrize(
    ("strategy", "given", "names", "licences"),
    [
        ("respond", None, ["seeds.jsonl"], ["MIT", "Apache-2.0"]),
        ("translate", None, ["english_prompts.jsonl", "seeds.jsonl"], ["MIT", "Apache-2.0"]),
        ("refine", None, ["seeds.jsonl"], ["MIT", "Apache-2.0"]),
        (
            "refine",
            "some/theirs.jsonl",
            ["theirs.jsonl", "seeds.jsonl"],
            ["MIT", "", "Apache-2.0"],
        ),
        ("translate", "theirs.jsonl", ["theirs.jsonl", "seeds.jsonl"], ["MIT", "", "Apache-2.0"]),
    ],
)
def test_licences_are_of_what_was_used(strategy, given, names, licences):
    teacher = TeacherCard(name="t", model="hf", form="chat", licence="MIT")
    part = Part(teacher, load_pack("de"), strategy, "", Path(), Path(), {})
    files = ((strategy, given),) if given else ()
    selection = Selection(spec_of(given=files), (part, part), ())
    assert [source.name for _, source in sources(selection)] == names
    assert all_licences(selection) == licences


@pytest.mark.parametrize(
    ("total", "category"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**7, "n>10M")],
)
def test_size_category(run_folder, total, category):
    text = dataset_card(collect(run_folder, spec_of()), {"de": total}, "parquet", "x/y")
    assert yaml.safe_load(text.split("---\n")[1])["size_categories"] == [category]
    assert 'load_dataset("x/y", "de", split="train")' in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [("org/model-7b", "org/model-7b"), ("/home/me/models/mine", "mine"), ("./mine", "mine")],
)
def test_teacher_model_is_not_the_path_of_a_machine(name, shown):
    teacher = TeacherCard(name="t", model="hf", form="chat", model_args=(("pretrained", name),))
    assert teacher_model(teacher) == shown


def test_file_names_of_teachers_never_meet():
    stems = _stems(["a/b", "a:b", "A-b", "..hidden", "日本", "__x"])
    assert stems["a/b"] == "a-b" and stems["..hidden"] == "hidden" and stems["__x"] == "x"
    assert len({stem.lower() for stem in stems.values()}) == 6
    assert all(stem[0] not in "._-" for stem in stems.values())


@pytest.mark.parametrize(
    ("flags", "teachers", "codes", "strategies"),
    [
        (["--teacher", "org/odd:1b"], {"org/odd:1b"}, {"ar", "de"}, {"generate", "respond"}),
        (["--languages", "ja"], {"gemma-3-270m"}, {"ja"}, {"generate", "respond"}),
        (["--strategies", "respond", "--languages", "de"], {"gemma-3-270m", "org/odd:1b"}, {"de"},
         {"respond"}),
    ],
)  # fmt: skip
def test_a_choice_of_the_data(cli, run_folder, tmp_path, flags, teachers, codes, strategies):
    done = cli("export", "-o", run_folder, "--to", "jsonl", "--dest", tmp_path / "x", *flags)
    assert done.returncode == 0, done.stderr
    found = [
        json.loads(line)
        for path in (tmp_path / "x").rglob("*.jsonl")
        for line in path.read_text(encoding="utf-8").split("\n")
        if line
    ]
    assert {row["teacher"] for row in found} == teachers
    assert {row["language"] for row in found} == codes
    assert {row["strategy"] for row in found} == strategies
    measured = strategies == {"generate", "respond"} and "gemma-3-270m" in teachers
    assert ("| length | 8.25 |" in card(tmp_path / "x")[1]) == measured


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (["--teacher", "gema-3-270m"], 2, ["teacher of this run", "gema-3-270m", "gemma-3-270m"]),
        (["--languages", "cs"], 2, ["language of this run", "'cs'", "ar, de, ja"]),
        (["--strategies", "translate"], 2, ["strategy of this run", "generate, respond"]),
        (["--to", "csv"], 2, ["csv", "parquet", "jsonl", "hub"]),
        (["--to", "hub"], 2, ["--repo_id ORG/NAME"]),
        (["--to", "hub", "--repo_id", "a/b/c"], 2, ["--repo_id a/b/c"]),
        (["--to", "hub", "--repo_id", "a/b"], 2, ["HF_HUB_OFFLINE", "--to parquet"]),
        (["--to", "hub", "--repo_id", "a/b", "--dest", "x"], 2, ["--dest", "--repo_id"]),
        (["--repo_id", "a/b"], 2, ["--repo_id", "--to hub"]),
        (["--private"], 2, ["--private", "--to hub"]),
        (["--dest", sys.executable], 2, ["is a file"]),
        (["--dest", "/"], 2, ["mount point"]),
        (["--dest", f"{sys.executable}/x"], 5, ["cannot be written"]),
        (["--teacher", "org/odd:1b", "--languages", "ja"], 4, ["no example was accepted"]),
    ],
)
def test_what_bad_input_gives_back(cli, run_folder, tmp_path, flags, status, words):
    done = cli("export", "-o", run_folder, *flags, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert not (run_folder / "export" / "parquet").exists()


def test_a_folder_of_generate_will_do(cli, run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "g")
    (tmp_path / "g" / "run.json").rename(tmp_path / "g" / "generate.json")
    done = cli("export", "-o", tmp_path / "g")
    assert done.stdout.startswith("30 examples, teachers: 2, languages: 3  "), done.stderr


def test_nothing_finished(cli, tmp_path):
    claim(tmp_path / "x", spec_of(languages=("de",)), update=False)
    done = cli("export", "-o", tmp_path / "x", "--partial")
    assert done.returncode == 4 and "nothing of this is finished" in done.stderr
    assert len(done.stderr.splitlines()) == 1 + 4


def test_no_run_there(cli, tmp_path):
    done = cli("export", "-o", tmp_path)
    assert done.returncode == 2 and "run.json" in done.stderr


UNFINISHED = (GEMMA.name, "de", "respond")


@pytest.fixture
def half(tmp_path) -> Path:
    stock(tmp_path / "half", spec_of(languages=("de", "ja")), UNFINISHED)
    return tmp_path / "half"


def test_unfinished_work_is_an_error_that_names_it(cli, half):
    done = cli("export", "-o", half)
    assert done.returncode == 4
    named, error = done.stderr.splitlines()
    assert named.endswith("gemma-3-270m de respond: not finished")
    assert "1 of 8 stages" in error and "--partial" in error
    assert not (half / "export").exists()


def test_partial_exports_the_rest_and_says_what_is_not_in_it(cli, half):
    done = cli("export", "-o", half, "--partial")
    assert done.returncode == 0, done.stderr
    assert "15 examples" in done.stdout
    assert "gemma-3-270m de respond: not finished" in done.stderr
    text = card(half / "export" / "parquet")[1]
    assert "**Incomplete**" in text and "- gemma-3-270m de respond\n" in text
    assert "| de | gemma-3-270m | length" not in text and "| ja | gemma-3-270m | length" in text


def test_data_of_other_versions_are_not_passed_over_in_silence(cli, half, monkeypatch):
    record = next((half / "generate").glob("gemma-3-270m-ja-respond-*")) / "record.json"
    other = record.parent.with_name("gemma-3-270m-ja-respond-0000")
    record.parent.rename(other)
    done = cli("export", "-o", half)
    assert done.returncode == 4
    assert f"ja respond: not finished ({other} is of other settings" in done.stderr
    text = other.joinpath("record.json").read_text(encoding="utf-8")
    failed = text.replace('"status": "complete"', '"status": "failed"')
    failed = failed.replace('"error": ""', '"error": "the server is gone"')
    other.joinpath("record.json").write_text(failed, encoding="utf-8")
    assert "ja respond: failed: the server is gone" in cli("export", "-o", half).stderr


def test_edited_data_are_refused(cli, half):
    path = next((half / "generate").glob("gemma-3-270m-ja-respond-*")) / EXAMPLES
    path.write_text(path.read_text(encoding="utf-8").replace("(0)", "(9)"), encoding="utf-8")
    done = cli("export", "-o", half, "--partial")
    assert done.returncode == 5 and "not the file that the stage wrote" in done.stderr


def test_an_export_replaces_only_an_export_and_only_when_told(cli, run_folder, tmp_path):
    dest = tmp_path / "x"
    dest.mkdir()
    export = ("export", "-o", run_folder, "--dest", dest)
    assert cli(*export).returncode == 0  # an empty folder is free
    done = cli(*export, "--to", "jsonl")
    assert done.returncode == 2 and "--overwrite" in done.stderr
    assert cli(*export, "--to", "jsonl", "--overwrite").returncode == 0
    assert {p.suffix for p in dest.rglob("*.*")} == {".md", ".jsonl"}
    (dest / "data" / "thesis.tex").write_text("years of work", encoding="utf-8")
    done = cli(*export, "--overwrite")
    assert done.returncode == 2 and "data/thesis.tex" in done.stderr
    assert (dest / "data" / "thesis.tex").read_text(encoding="utf-8") == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_readme_and_data_of_someone_else_are_no_export(tmp_path):
    (tmp_path / "data" / "de").mkdir(parents=True)
    for name in ("README.md", "data/de/mine.parquet"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
    with (
        pytest.raises(ConfigError, match="not of an export"),
        in_place_of(tmp_path, overwrite=True),
    ):
        raise AssertionError("not reached")


@pytest.mark.parametrize("error", [StageError("x"), KeyboardInterrupt()])
def test_what_fails_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)), in_place_of(tmp_path / "x", overwrite=False) as folder:
        (folder / "half").write_text("half", encoding="utf-8")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_the_earlier_export_whole(exported, tmp_path):
    dest = tmp_path / "x"
    shutil.copytree(exported["jsonl"], dest)
    code = (
        "import os, signal, sys; from pathlib import Path; "
        "from polyglot_harness.export.folder import in_place_of\n"
        "with in_place_of(Path(sys.argv[1]), overwrite=True) as folder:\n"
        "    (folder / 'README.md').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(dest)], check=False)
    assert done.returncode == -signal.SIGKILL
    for path in exported["jsonl"].rglob("*.*"):
        assert (dest / path.relative_to(exported["jsonl"])).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_full_disk_is_one_line_and_leaves_nothing(run_folder, tmp_path, form):
    """A file-size limit of the kernel stands for the full disk: writes fail for real."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "from polyglot_harness.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "export", "-o", str(run_folder), "--to", form, "--dest",
         str(tmp_path / "x")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert "no space left" in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def hub():
    with serve() as server:
        yield server


def to_hub(cli, run_folder: Path, hub: Hub, *flags: str, token: str = TOKEN, home: str = "/none"):
    return cli(
        "export", "-o", run_folder, "--to", "hub", "--repo_id", "org/sft", *flags,
        HF_ENDPOINT=hub.address, HF_TOKEN=token, HF_HUB_OFFLINE="0", HF_HUB_DISABLE_XET="1",
        HF_HOME=home,
    )  # fmt: skip


def test_the_bytes_that_arrive_at_the_hub(cli, run_folder, exported, hub):
    done = to_hub(cli, run_folder, hub, "--private")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(f"{hub.address}/datasets/org/sft")
    assert hub.private
    assert hub.commits == ["30 examples, teachers: 2, languages: 3"]
    local = {
        p.relative_to(exported["parquet"]).as_posix(): p.read_bytes()
        for p in exported["parquet"].rglob("*.*")
    }
    card_here = local.pop("README.md").replace(b"path/to/this/folder", b"org/sft")
    assert hub.files.pop("README.md") == card_here
    assert hub.files == local
    assert hub.cards == [card_here.decode()]


def test_a_repository_with_files_is_replaced_only_when_told(cli, run_folder, hub):
    hub.private, hub.files = False, {"data/xx/old.parquet": b"old", "notes.md": b"theirs"}
    done = to_hub(cli, run_folder, hub)
    assert done.returncode == 2 and "--overwrite" in done.stderr
    done = to_hub(cli, run_folder, hub, "--private", "--overwrite")
    assert done.returncode == 2 and "is public" in done.stderr
    assert hub.commits == [] and len(hub.files) == 2
    assert to_hub(cli, run_folder, hub, "--overwrite").returncode == 0
    assert len(hub.commits) == 1 and hub.files["notes.md"] == b"theirs"
    assert "data/xx/old.parquet" not in hub.files and "README.md" in hub.files


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [("hf_wrong", 5, ["403", "org/sft"]), ("", 2, ["HF_TOKEN", "hf auth login"])],
)
def test_a_token_that_is_wrong_or_not_there(cli, run_folder, hub, tmp_path, token, status, words):
    done = to_hub(cli, run_folder, hub, token=token, home=str(tmp_path))
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert hub.private is None


def test_a_hub_that_cannot_be_reached(cli, run_folder):
    with serve() as gone:
        pass
    done = to_hub(cli, run_folder, gone)
    assert done.returncode == 5, done.stderr
    assert "--to hub org/sft" in done.stderr and len(done.stderr.splitlines()) == 1


def test_export_imports_nothing_heavy_for_its_help():
    code = (
        "import sys; from polyglot_harness.cli import build_parser; build_parser().format_help()\n"
        "import polyglot_harness.cli.export\n"
        "heavy = ('pyarrow', 'datasets', 'huggingface_hub', 'pydantic', 'yaml', 'torch')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_collect_keeps_the_order_of_the_spec(run_folder):
    found = collect(run_folder, spec_of(), teachers=["org/odd:1b", "gemma-3-270m"])
    order = [(p.pack.code, p.teacher.name, p.strategy) for p in found.parts[:4]]
    assert order == [
        ("ar", "gemma-3-270m", "generate"), ("ar", "gemma-3-270m", "respond"),
        ("ar", "org/odd:1b", "generate"), ("ar", "org/odd:1b", "respond"),
    ]  # fmt: skip
    assert len(list(rows(found.parts))) == 30
