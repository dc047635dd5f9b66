#!/bin/sh
# Make a virtual environment with unbabel-comet, whose command the metric `comet` runs (1.4 GB).
#
#     scripts/install_comet.sh VENV          [PYTHON=python3.11]
#
# Of its own, because unbabel-comet pins what the rest does not. The harness finds .venv-comet in
# the checkout by itself, another by POLYGLOT_COMET=VENV/bin/comet-score. pip's settings are the
# user's own; to spare the CUDA build of torch, point PIP_EXTRA_INDEX_URL at PyTorch's index of CPU
# builds. Models are downloaded when they are first used.
set -eu

venv=${1:?usage: scripts/install_comet.sh VENV}
version=2.2.7
scripts=$(cd "$(dirname "$0")" && pwd)

"${PYTHON:-python3}" -m venv "$venv"
install() {
    "$venv/bin/python" -m pip --quiet install --constraint "$scripts/comet-constraints.txt" "$@"
}

install torch setuptools
install "unbabel-comet==$version"
"$venv/bin/comet-score" --help >/dev/null 2>&1 || {
    echo "$venv/bin/comet-score does not run" >&2
    exit 1
}
echo "$venv has unbabel-comet $version"
