# Two commands do everything: `make demo` for a first look, `make test` before a commit.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Three tests at a time on CI's two cores, as most of them wait for other processes; but those that need the machine
# for themselves.
TOGETHER := -n 3 --dist worksteal -m 'not alone'

.PHONY: help install demo test lint unit integration benchmark clean

help:
	@echo "make install      install loadlab into .venv, at .venv/bin/loadlab"
	@echo "make demo         install loadlab into .venv and run profiles/select-vs-epoll.yaml (about three minutes)"
	@echo "make test         install what the tests need, then lint, types and all tests"
	@echo "make lint         ruff, mypy, import-linter"
	@echo "make unit         the fast tests only"
	@echo "make integration  the tests with real processes and sockets"
	@echo "make benchmark    loadlab and wrk side by side (benchmarks/vs_wrk.py)"
	@echo "make clean        remove .venv and caches"

install: $(VENV)/run.installed
	@echo "installed: $(BIN)/loadlab"

demo: $(VENV)/run.installed
	$(BIN)/loadlab run profiles/select-vs-epoll.yaml

# The tests start hundreds of interpreters. What these import is compiled once, also where the environment says that it
# is not to be kept, as in many container images: compiling takes 0.2 s of each run.
test unit integration: export PYTHONDONTWRITEBYTECODE :=

test: lint
	tests/install-tools
	$(BIN)/pytest $(TOGETHER)
	$(BIN)/pytest -m alone tests/integration

lint: $(VENV)/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --verbose

unit: $(VENV)/dev.installed
	$(BIN)/pytest $(TOGETHER) tests/unit

integration: $(VENV)/dev.installed
	tests/install-tools
	$(BIN)/pytest $(TOGETHER) tests/integration
	$(BIN)/pytest -m alone tests/integration

benchmark: $(VENV)/run.installed
	$(BIN)/python -m benchmarks.vs_wrk

clean:
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment is made anew when pyproject.toml changes; what runs from a checkout is the checkout itself.
$(VENV)/run.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "loadlab needs Python 3.11 or newer")'
	@# Debian's python3 comes without venv; root installs it.
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { [ "$$(id -u)" -eq 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } \
		|| { echo "Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev.installed: pyproject.toml $(VENV)/run.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
