# What a person types: `make demo` to see it work, `make test` to check a change.

VENV := .venv
PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; \
	done)
DEMO := examples/demo.py
LOCKFLAGS ?=

RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
# Byte code is left to the first import: most of what is installed is never imported.
PIP := $(VENV)/bin/python -m pip install --quiet --no-compile --no-input --disable-pip-version-check

.PHONY: help demo setup test docs lock clean

help:
	@echo 'make demo    train DREAM on distracting-bus, evaluate it, draw one trial, write a report'
	@echo 'make test    lint, types and tests'
	@echo 'make setup   only set up $(VENV): what runs dreamrl, and what checks it'
	@echo 'make docs    rewrite the pages that are made from code and results'
	@echo 'make lock    write requirements/*.txt anew (LOCKFLAGS=--upgrade: newest versions)'
	@echo 'make clean   remove $(VENV), caches and build output; runs are kept'
	@echo
	@echo 'PYTHON=/path/to/python says which Python to build $(VENV) with.'

demo: $(RUN)
	$(VENV)/bin/python $(DEMO)

setup: $(DEV)

test: $(DEV)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy src
	$(VENV)/bin/pytest -n auto --dist loadfile

docs: $(DEV)
	$(VENV)/bin/python -m tools.reference
	$(VENV)/bin/python -m tools.components
	$(VENV)/bin/python -m benchmarks.paper.readme --write
	$(VENV)/bin/python -m benchmarks.paper.run --table --figures
	$(VENV)/bin/python -m benchmarks.paper.search --table
	$(VENV)/bin/python -m benchmarks.paper.cases --table
	$(VENV)/bin/python -m benchmarks.speed.train --table
	$(VENV)/bin/python -m benchmarks.speed.growth --draw
	$(VENV)/bin/python -m benchmarks.speed.devices --table
	$(VENV)/bin/python -m benchmarks.studies.explorers --docs
	$(VENV)/bin/python -m benchmarks.studies.phases --docs
	$(VENV)/bin/python -m benchmarks.studies.bottleneck --table
	$(VENV)/bin/python -m benchmarks.speed.roofline --table
	$(VENV)/bin/python -m benchmarks.speed.scaling --table
	$(VENV)/bin/python -m benchmarks.speed.xland_baseline --table
	$(VENV)/bin/python -m benchmarks.speed.accelerator --table

$(VENV)/bin/pip:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'dreamrl needs Python 3.11 or newer, and $(or $(PYTHON),python3) is not.' >&2; \
		echo 'Install one, or say where it is: make setup PYTHON=/path/to/python3.11' >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUN): requirements/run.txt pyproject.toml | $(VENV)/bin/pip
	@echo 'Installing what dreamrl needs into $(VENV); about a minute.'
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@echo 'Installing the tools that check it.'
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# The locks hold for every machine: this one's own package sources are left out of them.
COMPILE := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND='make lock' $(VENV)/bin/pip-compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host $(LOCKFLAGS)

lock: $(DEV)
	@$(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo 'The locks are made with Python 3.11: make clean, then make lock PYTHON=python3.11' >&2; \
		exit 1; }
	$(COMPILE) --build-deps-for editable --output-file requirements/run.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements/run.txt \
		--output-file requirements/dev.txt pyproject.toml

clean:
	rm -rf $(VENV) .cache build dist src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
