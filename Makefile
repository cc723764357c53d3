# Everything a person does here is one word after `make`; `make` alone lists the words.
# What each word needs is set up first, into .venv, node_modules and .local, and nowhere else.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-reset run test smoke lint format bench chaos audit lock clean

PYTHON ?= $(shell for name in python3.12 python3.11 python3 python3.13; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$name && break; done)
RUN := .venv/bin/python
TESTS ?=
CHAOS ?=

help: ## This list
	@echo "Regulars - the words after make:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

python:
	@test -n "$(PYTHON)" || { echo "  Regulars needs Python 3.11 or 3.12, and found neither." \
	"Install one, or name it: make PYTHON=/path/to/python3.12 demo" >&2; exit 1; }

.PHONY: python ready ready-to-test
ready: python
	@$(PYTHON) -m local.setup run
ready-to-test: python
	@$(PYTHON) -m local.setup test

setup: ready-to-test ## Install everything, and do nothing else
	@echo "  Ready."

demo: ready ## The whole system against a simulated store; prints the address to open (PORT=8000)
	@$(RUN) -m local.demo

demo-reset: ready ## Forget the demo's store, shoppers and messages
	@$(RUN) -m local.demo --reset

run: ready ## Web, workers and clock for a real store (settings: README; a .env file is read)
	@$(RUN) -m local.run

test: lint ## Every test, the linter and the type checker first (TESTS=tests/inbox runs a part)
	@$(RUN) -m pytest -n 2 --dist worksteal $(TESTS)

smoke: ready ## The demo without a screen, a throw-away copy; fails when a journey does not reach its shopper
	@$(RUN) -m local.demo --smoke

lint: ready-to-test ## The linter, the formatter's opinion and the type checker
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

format: ready-to-test ## Put every file into the house format
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: ready-to-test ## The benchmarks; takes minutes
	@$(RUN) -m bench

chaos: ready-to-test ## Break everything while messages go out; takes half an hour (CHAOS=list: its parts)
	@$(RUN) -m tests.chaos.run $(CHAOS)

audit: ready-to-test ## Ask the registries' advisories about every pinned package (needs their network)
	@$(RUN) -m pip_audit --strict --disable-pip --require-hashes -r requirements.txt -r requirements-local.txt
	@$(RUN) -m pip_audit --strict --disable-pip --require-hashes -r requirements-dev.txt
	@$(RUN) -c "from local.node import environment, npm; import os; os.execve(npm()[0], [*npm(), 'audit'], environment())"

lock: ready-to-test ## Choose newer packages and pin them again by hash
	@for name in requirements requirements-local requirements-dev; do $(RUN) -m uv pip compile --quiet --no-config \
	--upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; done

clean: ## Remove what was installed, and the demo; the data of `make run` stays
	@if [ -x $(RUN) ]; then $(RUN) -m local.demo --reset; fi
	rm -rf .venv node_modules .local/chromium .mypy_cache .pytest_cache .ruff_cache .hypothesis
