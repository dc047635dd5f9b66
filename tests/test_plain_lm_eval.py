"""The teacher tasks and the mini suite run unchanged under plain lm-eval."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from polyglot_harness.models import resolve


def lm_eval(tmp_path: Path, include: str, *arguments: str) -> dict:
    out = tmp_path / "results"
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", "run", "--include_path", include, "--output_path",
         str(out), "--batch_size", "8", "--device", "cpu", "--log_samples", *arguments],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=900,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = out.rglob("results_*.json")
    return json.loads(results.read_text(encoding="utf-8"))


def test_teacher_task_and_group(cli, tmp_path):
    include = cli("tasks-path").stdout.strip()
    model = resolve("gemma-3-270m")
    found = lm_eval(
        tmp_path, include, "--tasks", "polyglot_teach_de_respond,polyglot_mini_de_word_order",
        "--model", "hf", "--model_args", f"pretrained={model},dtype=float32", "--limit", "3",
        "--metadata", '{"n": 3, "form": "completion"}',
        "--gen_kwargs", 'max_gen_toks=16,until=["\\n\\n"]',
    )  # fmt: skip
    assert 0 <= found["results"]["polyglot_teach_de_respond"]["accepted,none"] <= 1
    assert found["n-samples"]["polyglot_teach_de_respond"]["effective"] == 3
    assert 0 <= found["results"]["polyglot_mini_de_word_order"]["acc,none"] <= 1
    (samples,) = (tmp_path / "results").rglob("samples_polyglot_teach_de_respond_*.jsonl")
    first = json.loads(samples.read_text(encoding="utf-8").splitlines()[0])
    assert "Aufgabe:" in first["doc"]["text"] and first["resps"][0][0].strip()
