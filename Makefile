# What one can do here; `make help` lists it. Everything is installed into .venv by scripts/bootstrap.sh.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
export PATH := $(CURDIR)/.uv/bin:$(PATH)
MAKEFLAGS += --no-print-directory

.PHONY: help demo down test soak lint format types layers check lock bench docs clean

help: ## List what one can do
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Start everything with an example, take a short tour, stay up (EXIT=1: stop after the tour)
	@scripts/bootstrap.sh local
	@EXIT=$(EXIT) scripts/demo.sh

down: ## Stop what `make demo` started
	@[ ! -x .venv/bin/servicegraph ] || .venv/bin/servicegraph local down

# Each worker has servers of its own (a control plane takes 0.5 GB), and a file of tests stays with one. Files keep their order:
# the short ones come last, so that no worker is left with a long one in the end.
WORKERS ?= 2
test: ## Run every test, with coverage, by WORKERS=2 at once (ARGS="tests/unit -k merge" for some)
	@scripts/bootstrap.sh dev
	@mkdir -p build && $(PYTHON) -m coverage erase
	@$(PYTHON) -m coverage run -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder $(ARGS)
	@$(PYTHON) -m coverage combine --quiet
	@$(PYTHON) -m coverage report --skip-covered --show-missing > build/coverage.txt && grep ^TOTAL build/coverage.txt

soak: ## Run the long tests, each for MINUTES=5 (they print the seeds that replay them)
	@scripts/bootstrap.sh dev
	@SOAK_MINUTES=$(or $(MINUTES),5) $(PYTHON) -m pytest -m soak $(ARGS)

lint: ## Check style and formatting
	@scripts/bootstrap.sh dev
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check

format: ## Format the code
	@scripts/bootstrap.sh dev
	@$(PYTHON) -m ruff format

types: ## Check the types
	@scripts/bootstrap.sh dev
	@$(PYTHON) -m mypy

layers: ## Check who imports whom
	@scripts/bootstrap.sh dev
	@.venv/bin/lint-imports

check: lint types layers test ## All of the above

lock: ## Write the hash-locked requirements anew from pyproject.toml
	@scripts/bootstrap.sh dev
	@scripts/lock.sh

bench: ## Measure against the figures to reach, in one table (up to 30 minutes)
	@scripts/bootstrap.sh dev
	@$(PYTHON) -m benchmarks

docs: ## Write docs/reference and .env.example anew from the code
	@scripts/bootstrap.sh dev
	@$(PYTHON) scripts/reference.py

clean: down ## Stop the demo and remove what was made here (the control plane's cache stays)
	@[ ! -f .servicegraph/postgres/place ] || rm -rf "$$(cat .servicegraph/postgres/place)"
	rm -rf .venv .uv .servicegraph build dist htmlcov .coverage* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
