# The daily commands. Each sets up what it needs in .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

DOCS ?= .
Q    ?= why do searches read a snapshot and not Chroma?
DEMO := $(VENV)/demo/$(notdir $(abspath $(DOCS)))

.PHONY: setup demo test test-all lint format typecheck clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time takes a few minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/ingest sync "$(DOCS)" --index "$(DEMO)" || test $$? -eq 1  # 1: some files could not be read
	@echo
	$(BIN)/retrieve search "$(Q)" -k 3 --index "$(DEMO)"

test: $(READY)
	$(BIN)/python -m pytest

test-all: $(READY)
	$(BIN)/python -m pytest -m "slow or not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(READY)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
