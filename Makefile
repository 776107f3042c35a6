# Every target sets up .venv by itself (scripts/bootstrap.py) and may be run alone, twice, or
# after an interrupted run. nbgrader runs `alembic` by name, so .venv/bin goes first on PATH.

.DEFAULT_GOAL := help
.PHONY: help demo test build lab bench lint setup sandbox

PYTHON ?= $(shell command -v python3 || command -v python3.13 || command -v python3.12 || command -v python3.11)
RUN = @PATH="$(CURDIR)/.venv/bin:$$PATH"

help: ## show this list
	@echo "make demo    grade a sample class, all lessons, and show the results"
	@echo "make test    run every test"
	@echo "make build   build release/ (for students) and solutions/ from source/, where out of date"
	@echo "make lab     open JupyterLab on your own copy of the released lessons"
	@echo "make bench   time the grading of a class, and what it costs: a quarter of an hour"
	@echo "make lint    check formatting and style"
	@echo
	@echo "Each sets up what it needs first. Needed: Python 3.11 or later, make, git."

demo: setup sandbox
	$(RUN) skiplab demo

# One worker a core, a file of tests each, in the order that tests/conftest.py gives.
test: setup sandbox
	$(RUN) python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

build: setup
	$(RUN) skiplab build

lab: setup
	$(RUN) skiplab lab

bench: setup sandbox
	$(RUN) python benchmarks/grading.py

lint: setup
	$(RUN) sh -c 'ruff format --check . && ruff check .'

setup:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No python3 was found: install Python 3.11 or later (python.org, or your system's packages), then run make again." >&2; \
		exit 1; \
	fi
	@"$(PYTHON)" scripts/bootstrap.py

# After setup: a machine on which that fails needs no sandbox.
sandbox: setup
	@command -v bwrap >/dev/null || sh scripts/sandbox.sh
