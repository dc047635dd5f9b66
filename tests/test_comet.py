"""COMET by the real comet-score, with small checkpoints of its own making.

unbabel-comet needs an environment of its own:

    scripts/install_comet.sh .venv-comet && python -m pytest tests/test_comet.py
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from measuring import given, measured, never, run_spec, sample

from polyglot_harness import comet_adapter, intrinsic
from polyglot_harness.comet_adapter import MissingComet, Segment
from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.intrinsic import comet
from polyglot_harness.intrinsic.samples import BLOCK, Sample
from polyglot_harness.languages import load_pack

try:
    COMET = comet_adapter.find_program()
except MissingComet as error:
    COMET, REASON = None, str(error)
else:
    REASON = ""
real = pytest.mark.skipif(COMET is None, reason=REASON)

WITH, WITHOUT = "regression_metric", "referenceless_regression_metric"
MAKE = Path(__file__).parent / "comet_checkpoints.py"


def library(*arguments: object) -> str:
    """Run a script by the Python of COMET's environment."""
    assert COMET is not None
    return subprocess.run(
        [COMET.parent / "python", MAKE, *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Checkpoints that need references (WITH), and that do not (WITHOUT)."""
    folder = tmp_path_factory.mktemp("comet")
    seeds = load_pack("de").seeds
    texts = [text for s in seeds for text in (s.prompt, s.prompt_en, s.response)]
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    library("make", folder, folder / "texts.json")
    return {name: str(folder / name / "checkpoints" / "model.ckpt") for name in (WITH, WITHOUT)}


def samples(n: int) -> list[Sample]:
    """Two of three have a source, one of three a reference as well; some have many lines."""
    found = []
    for i, seed in enumerate(load_pack("de").seeds[:n]):
        translation = seed.prompt.replace(", ", ",\n\u2028 ").replace(". ", ".\r\n")
        more = [
            {},
            {"strategy": "translate", "source": seed.prompt_en},
            {"strategy": "translate", "source": seed.prompt_en, "reference": seed.prompt},
        ][i % 3]
        found.append(sample(i, translation, seed.response, **more))
    return found


def predicted(model: str, rows: list[Sample], folder: Path) -> list[float]:
    """Return the scores of the library itself."""
    given = [{"src": s.source, "mt": " ".join(s.prompt.split()), "ref": s.reference} for s in rows]
    (folder / "rows.json").write_text(json.dumps(given), encoding="utf-8")
    found: list[float] = json.loads(library("predict", model, folder / "rows.json"))
    return found


@real
def test_scores_are_those_of_the_library(models: dict[str, str], tmp_path: Path) -> None:
    rows = samples(60)
    spec = run_spec(comet_models=(models[WITHOUT], models[WITH]), device="cpu")
    found, values = measured("comet", given(rows, spec=spec), tmp_path / "values")
    for name, scored in (
        (WITHOUT, [bool(row.source) for row in rows]),
        (WITH, [bool(row.reference) for row in rows]),
    ):
        column = values.array(f"comet_{name}")
        assert np.isfinite(column).tolist() == scored
        expected = predicted(models[name], [r for r, s in zip(rows, scored, strict=True) if s],
                             tmp_path)  # fmt: skip
        assert column[scored] == pytest.approx(expected, abs=1e-6)
        assert np.std(expected) > 1e-3, "else any value would do"
        measurement = found[f"comet_{name}"]
        assert (measurement.n, measurement.value) == (
            sum(scored), pytest.approx(np.mean(expected), abs=1e-6),
        )  # fmt: skip
        assert measurement.low < measurement.value < measurement.high
        params = dict(measurement.params)
        assert params["references"] == (name == WITH)
        assert params["unbabel-comet"] == comet_adapter.comet_version() != ""


@real
def test_an_interrupted_run_goes_on_with_its_chunk(
    models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comet, "CHUNK", BLOCK)
    rows = [samples(3)[i % 3] for i in range(BLOCK + 6)]
    spec = run_spec(comet_models=(models[WITH],), device="cpu", metric_limit=40)
    runs = []
    score = comet_adapter.score
    monkeypatch.setattr(
        comet_adapter, "score", lambda *a: runs.append(len(a[1])) or score(*a)
    )  # fmt: skip

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured("comet", given(rows, spec=spec, progress=stop), tmp_path)
    found, values = measured("comet", given(rows, spec=spec), tmp_path)
    assert (runs, values.rows) == ([40, 0], len(rows))
    assert np.isfinite(values.array(f"comet_{WITH}")).sum() == found[f"comet_{WITH}"].n == 40


@real
def test_what_the_program_says_is_one_line(
    models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = [Segment("A dog.", "Ein Hund.")]
    with pytest.raises(ConfigError, match=r"COMET model no/such is no checkpoint file and cannot"):
        comet_adapter.score("no/such", segments, "cpu")
    with pytest.raises(ConfigError, match="regression_metric.* needs references"):
        comet_adapter.score(models[WITH], segments, "cpu")
    broken = tmp_path / "m" / "checkpoints" / "model.ckpt"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"nothing")
    (tmp_path / "m" / "hparams.yaml").write_text(f"class_identifier: {WITHOUT}\n")
    with pytest.raises(StageError, match=r"^comet-score with .* failed: .*Error") as failure:
        comet_adapter.score(str(broken), segments, "cpu")
    assert "\n" not in str(failure.value)


@real
def test_one_segment_and_none(models: dict[str, str]) -> None:
    (one,) = comet_adapter.score(models[WITHOUT], [Segment("A dog.", "Ein Hund.")], "cpu")
    assert np.isfinite(one)
    assert comet_adapter.score("no/such", []) == []


# --- without the program -----------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the program's place, for what the real one is hard to bring to."""

    def write(script: str) -> None:
        path = tmp_path / "comet-score"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv(comet_adapter.VARIABLE, str(path))

    return write


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -9 $$", "comet-score with a/b was killed by signal 9"),
        ("exit 3", "failed: exit status 3, without a word"),
        ("echo 'OSError: No space left' >&2; echo later >&2; exit 1", "failed: OSError: No space"),
        ("true", "left no scores that can be read"),
        ('for f; do :; done; echo [] > "$f"', "left no scores that can be read"),
        ('for f; do :; done; echo \'{"t": []}\' > "$f"', "left no finite score for each of 1 seg"),
        (
            'for f; do :; done; echo \'{"t": [{"COMET": NaN}]}\' > "$f"',
            "left no finite score for each of 1 seg",
        ),
    ],
)
def test_a_failure_is_one_line(script: str, message: str, program) -> None:
    program(script)
    with pytest.raises(StageError, match=message):
        comet_adapter.score("a/b", [Segment("A dog.", "Ein Hund.")])


def test_the_program_is_found_or_said_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(comet_adapter, "CHECKOUT", tmp_path / "checkout")
    monkeypatch.setenv(comet_adapter.VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match=r"POLYGLOT_COMET=.*gone: no such program"):
        comet_adapter.find_program()
    monkeypatch.delenv(comet_adapter.VARIABLE)
    with pytest.raises(MissingComet, match=r"scripts/install_comet.sh VENV") as missing:
        comet_adapter.find_program()
    assert missing.value.exit_status == 3
    assert comet_adapter.comet_version() == ""
    program("true")
    assert comet_adapter.find_program() == tmp_path / "comet-score"
    monkeypatch.delenv(comet_adapter.VARIABLE)
    assert comet_adapter.find_program() == tmp_path / "comet-score"


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ("class_identifier: regression_metric", True),
        ("class_identifier: referenceless_regression_metric", False),
        ("class_identifier: unified_metric\ninput_segments:\n- mt\n- src\n- ref", False),
        ("class_identifier: unified_metric\ninput_segments:\n- mt\n- ref", True),
        ("class_identifier: xcomet_metric", False),
        ("class_identifier: another", None),
        ("- no mapping", None),
        ("a: [", None),
        (None, None),
    ],
)
def test_a_checkpoint_says_what_it_needs(settings: str | None, needed, tmp_path: Path) -> None:
    file = tmp_path / "m" / "checkpoints" / "model.ckpt"
    file.parent.mkdir(parents=True)
    file.touch()
    if settings is not None:
        (tmp_path / "m" / "hparams.yaml").write_text(settings)
    for model in (str(file), str(tmp_path / "m")):
        assert comet_adapter.checkpoint(model) == file
        if needed is None:
            with pytest.raises(ConfigError, match=r"hparams.yaml must name a class_identifier"):
                comet_adapter.needs_reference(model)
        else:
            assert comet_adapter.needs_reference(model) == needed


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("Unbabel/wmt22-comet-da", True),
        ("Unbabel/wmt22-cometkiwi-da", False),
        ("Unbabel/wmt20-comet-qe-da", False),
        ("Unbabel/XCOMET-XL", False),
    ],
)
def test_a_name_says_what_it_needs(name: str, needed: bool) -> None:
    assert comet_adapter.checkpoint(name) is None
    assert comet_adapter.needs_reference(name) == needed


@pytest.mark.parametrize("name", ["nowhere/model.ckpt", "./nowhere", "/nowhere/x", "tests"])
def test_a_checkpoint_that_is_not_there_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"COMET model {name}: there is no checkpoint"):
        comet_adapter.needs_reference(name)


def test_columns_have_short_names(tmp_path: Path) -> None:
    file = tmp_path / "mine" / "checkpoints" / "model.ckpt"
    other = tmp_path / "best.ckpt"
    file.parent.mkdir(parents=True)
    file.touch()
    other.touch()
    models = ("Unbabel/wmt22-comet-da", str(file), str(other))
    assert comet.column_names(models) == {
        "comet_wmt22-comet-da": models[0], "comet_mine": models[1], "comet_best": models[2],
    }  # fmt: skip
    with pytest.raises(ConfigError, match="a/kiwi and b/kiwi have the same name: comet_kiwi"):
        comet.column_names(("a/kiwi", "b/kiwi"))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [sample(0, "a", "b")],
        [sample(0, " ", "b", source="c", reference="d")],
        [sample(0, "a", "b", source="\n")],
        [sample(0, "a", "b", source="c", reference=" ")],
    ],
)
def test_the_program_is_not_run_for_nothing(
    rows: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comet_adapter, "find_program", never)
    monkeypatch.setattr(comet_adapter, "comet_version", str)
    spec = run_spec(comet_models=("Unbabel/wmt22-comet-da",))
    found, values = measured("comet", given(rows, spec=spec), tmp_path)
    (measurement,) = found.values()
    assert (measurement.name, measurement.value, measurement.n) == (
        "comet_wmt22-comet-da", None, 0,
    )  # fmt: skip
    assert np.isnan(values.array("comet_wmt22-comet-da")).all()


def test_a_model_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a model: --comet_model"):
        measured("comet", given(samples(3)), tmp_path)


def test_numbers_depend_on_models_and_limit() -> None:
    pack = load_pack("de")
    specs = [
        run_spec(), run_spec(comet_models=("a/b",)),
        run_spec(comet_models=("a/b",), metric_limit=3),
    ]  # fmt: skip
    digests = [repr(intrinsic.depends_on("comet", spec, pack)) for spec in specs]
    assert len(set(digests)) == 3
