# The doors of this repository. `make help` lists them; a fresh clone needs only Python 3.11 or newer and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format format-check lint types fast bench gallery wheel clean distclean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Worker processes of pytest. Each computes on one thread, so that two on two cores do not fight.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations=40 --durations-min=5

# The demo: the study, the folder that it records in, and where its best network is exported to.
STUDY ?= studies/digits.py
STORE ?= studies/digits
OUT ?= out/digits

# Stamps: what is installed is installed again only when the requirements change. The install is editable,
# so a change of the code needs none.
DEMO_STAMP := $(VENV)/.installed-demo
DEV_STAMP := $(VENV)/.installed-dev
REQUIREMENTS := pyproject.toml constraints.txt

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

demo: $(DEMO_STAMP)  ## install, search the digits space, show the front, export the best network
	$(BIN)/nasengine run $(STUDY)
	$(BIN)/nasengine report $(STORE)
	$(BIN)/nasengine front $(STORE) --plot $(OUT)-front.png
	$(BIN)/nasengine export $(STORE) --out $(OUT) --best accuracy

test: format-check lint types  ## install, then every check that CI makes: lint, types, fast and representative slow tests
	$(PYTEST) -m "not slow or representative"

test-all: $(DEV_STAMP)  ## every test, the slow ones in full
	$(PYTEST)

check: format lint types fast  ## format, lint, types, fast tests

format: $(DEV_STAMP)  ## rewrite the files in the house format
	$(BIN)/ruff format .

format-check: $(DEV_STAMP)
	$(BIN)/ruff format --check .

lint: $(DEV_STAMP)
	$(BIN)/ruff check .

types: $(DEV_STAMP)
	$(BIN)/mypy

fast: $(DEV_STAMP)
	$(PYTEST) -m "not slow"

bench: $(DEV_STAMP)  ## run the benchmarks one after the other
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

gallery: $(DEV_STAMP)  ## write the page of the shipped search spaces anew
	$(BIN)/nasengine gallery --out search_spaces/README.md

wheel: $(DEV_STAMP)  ## build the wheel into dist/
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

clean:  ## remove caches and builds; studies, exports and the environment stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -path './.*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## clean, and remove the environment too
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; say which to use: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "$(PYTHON) cannot make environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(DEMO_STAMP): $(REQUIREMENTS) | $(BIN)/python
	@echo "Installing into $(VENV); the first time takes some minutes."
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[onnx]'
	touch $@

# The development install holds all that the demo needs.
$(DEV_STAMP): $(REQUIREMENTS) | $(BIN)/python
	@echo "Installing into $(VENV); the first time takes some minutes."
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[dev]'
	touch $(DEMO_STAMP) $@
