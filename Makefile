# Few verbs. Each one brings what it needs into .venv; none needs root, none touches anything outside the checkout.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATE ?= $(shell date +%F)

.PHONY: demo test lint bench chaos dashboards clean

$(VENV)/.base: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/.base
	@$(BIN)/burnline demo

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks all --date $(DATE)

chaos: $(VENV)/.dev
	@$(BIN)/python -m tests.chaos --kills 200

dashboards: $(VENV)/.base
	@$(BIN)/burnline dashboards build --out dashboards

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
