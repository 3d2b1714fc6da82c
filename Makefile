# VideosDGX. `make help` lists what there is.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MODELS := ltx2 wan21 magi1

.DEFAULT_GOAL := help
.PHONY: help setup demo serve health test check chaos benchmark clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/ready ## install everything into .venv
	@[ -f .env ] || cp .env.example .env

# torch comes first and by its exact version: a range, or another package's wish for torch, would
# take the newest build, which is for a CUDA that the Spark's driver does not know.
$(VENV)/ready: pyproject.toml constraints.txt $(MODELS:%=%/requirements.txt)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]' $(MODELS:%=--requirement %/requirements.txt)
	touch $@

demo: setup ## make one video with each model, on tiny random weights
	$(BIN)/python -m scripts.demo

serve: setup ## run the services on this machine, with the checkpoints in MODELS_DIR
	$(BIN)/python -m scripts.serve

health: ## show all services, their queues and the memory pool
	@$(PYTHON) scripts/health_check.py

test: setup ## run all tests, as CI does
	$(BIN)/python -m pytest

check: setup ## format, lint, types, imports and tests: what to run while working
	$(BIN)/ruff format .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

chaos: setup ## kill workers and services at random over 500 jobs, and count what became of them
	$(BIN)/python -m tests.chaos --jobs 200
	$(BIN)/python -m tests.chaos --four --jobs 300

benchmark: setup ## measure the service's own cost, and long videos (tiny random weights)
	$(BIN)/python -m scripts.benchmark service
	$(BIN)/python -m scripts.benchmark magi1

clean: ## remove the environment, caches and the demo's files
	rm -rf $(VENV) .demo .benchmark .pytest_cache .mypy_cache .ruff_cache *.egg-info
