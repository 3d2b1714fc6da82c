# VideosDGX. `make help` lists what there is.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MODELS := $(sort $(patsubst %/model_config.py,%,$(wildcard */model_config.py)))

# Containers. `make base CPU=1` is for a machine without a GPU.
DOCKER ?= docker
COMPOSE ?= $(shell $(DOCKER) compose version >/dev/null 2>&1 && echo $(DOCKER) compose || echo docker-compose)
# Said to make, or in the environment, or in .env: compose must find what make has.
setting = $(shell bash -c 'source scripts/lib.sh && setting $(1) $(2)')
STACK := $(call setting,STACK,videosdgx)
TAG := $(call setting,TAG,latest)
BUILD_NETWORK := $(call setting,BUILD_NETWORK,default)
export STACK TAG BUILD_NETWORK
ifdef CPU
BASE_IMAGE ?= ubuntu:24.04
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
endif
BACKUPS ?= backups
TEST_PROCESSES ?= 3
# All numbers made by the models' authors' code; without it the tests take the few in tests/parity.
OFFICIAL_DIR ?= $(abspath $(wildcard ../shared/official))
export OFFICIAL_DIR
IN_A_CONTAINER = $(COMPOSE) run --rm --no-deps -T $(firstword $(MODELS))
BASE_ARGS := $(foreach name,BASE_IMAGE TORCH_INDEX,$(if $($(name)),--build-arg $(name)=$($(name))))

.DEFAULT_GOAL := help
.PHONY: help setup services demo serve health screenshots test test-slow check check-arm64 chaos benchmark clean
.PHONY: base build up down restart logs ps backup restore test-containers

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / {sub("%", "<model>", $$1); printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/ready ## install everything into .venv, and write .env for this machine
	@scripts/compose_env.sh

# torch comes first and by its exact version: a range, or another package's wish for torch, would
# take the newest build, which is for a CUDA that the Spark's driver does not know.
$(VENV)/runs: pyproject.toml constraints.txt $(MODELS:%=%/requirements.txt)
	@echo "A virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "torch: the longest part ..."
	@$(BIN)/pip install --quiet torch==2.13.0
	@echo "What the services need beside it ..."
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[cli]' $(MODELS:%=--requirement %/requirements.txt)
	@touch $@

$(VENV)/ready: $(VENV)/runs
	@echo "What the tests need ..."
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

services: ## after a model came or went: write the list of them into compose and wherever else
	@$(PYTHON) -m scripts.write_services

demo: $(VENV)/runs ## make one video with each model, on tiny weights; ARGS=--open shows the page
	$(BIN)/python -m scripts.demo $(ARGS)

serve: setup ## run the services on this machine; their pages are at localhost:8001/ui and so on
	$(BIN)/python -m scripts.serve

health: ## show all services, their queues and the memory pool
	@$(PYTHON) scripts/health_check.py

screenshots: setup ## take the pictures of the page in docs/screenshots (needs chromium)
	$(BIN)/python -m tests.browser.screenshots

# Three at a time, also on two cores: most of a test is waiting for a service. Whole files, which share theirs,
# in the order of their folders: unit tests come last, and no long file is left for one process.
test: setup ## run all tests but the slowest, as CI does
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder \
	  -m "not slow"

test-slow: setup ## run the slowest tests: every scheme and checkpoint, all numbers of the authors
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest -rA tests/parity/test_official_*.py

check: setup ## format, lint, types, imports and tests: what to run while working
	$(BIN)/ruff format .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

check-arm64: setup ## see that every requirement has a wheel for a Spark (asks the package index)
	$(BIN)/python -m scripts.check_arm64

chaos: setup ## kill, fill, freeze and misdate services in 15 ways, and count what became of their jobs
	$(BIN)/python -m tests.chaos --seeds 10
	$(BIN)/python -m tests.chaos --seeds 3 --postgres
	$(BIN)/python -m tests.chaos --four --jobs 300

benchmark: setup ## measure the service's own cost, and long videos (tiny random weights)
	$(BIN)/python -m scripts.benchmark service
	$(BIN)/python -m scripts.benchmark magi1

base: ## build the image that all services stand on (CPU=1: without CUDA)
	$(DOCKER) build --network $(BUILD_NETWORK) $(BASE_ARGS) --file scripts/base.Dockerfile --tag localhost/$(STACK)/base:$(TAG) .

build: compose-env ## build the images of the services, after `make base`
	$(COMPOSE) build

up: compose-env ## start the services (`make health`); their pages: localhost:8001/ui and so on
	$(COMPOSE) up --detach --no-build

down: ## stop the services; running jobs may end within DRAIN_SECONDS, all jobs and files stay
	$(COMPOSE) down

restart: compose-env ## stop and start the services, with the settings in .env as they are now
	$(COMPOSE) up --detach --no-build --force-recreate

logs: ## follow what the services say
	$(COMPOSE) logs --follow --tail 100

ps: ## show the containers
	$(COMPOSE) ps

shell-%: ## a shell in a service's container
	$(COMPOSE) exec $* bash

backup: compose-env ## write job databases, uploads, videos and LoRAs to a file in BACKUPS (backups)
	@umask 077; mkdir -p $(BACKUPS); \
	  file=$(BACKUPS)/videosdgx-$$(date +%Y%m%d-%H%M%S).tar; \
	  $(IN_A_CONTAINER) python -m scripts.backup > $$file.part && mv $$file.part $$file && echo $$file

restore: compose-env ## bring back what BACKUP=file holds, after `make down`
	$(IN_A_CONTAINER) sh -c 'umask 077 && tar --extract --directory / && rm -f /state/*/jobs.db-journal' < $(BACKUP)

.PHONY: compose-env
compose-env:
	@scripts/compose_env.sh

test-containers: setup ## build and try the containers on the CPU, apart from the real ones; needs Docker
	TEST_CONTAINERS=1 $(BIN)/python -m pytest -s tests/containers

clean: ## remove the environment, caches and the demo's files
	rm -rf $(VENV) .demo .benchmark .pytest_cache .mypy_cache .ruff_cache *.egg-info
