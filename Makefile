# Two commands on a fresh machine: `make demo` and `make test`. Both set up .venv from the hash-pinned locks.

PYTHON ?= python3
BIN := .venv/bin
HOME_FOLDER ?= $(or $(VERMILION_HOME),demo-data)
PORT ?=
SERVE ?= 1
PYTEST := $(BIN)/python -m pytest
# Tests of one file stay together; more than four at once only fight for the disk.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); if [ $$n -gt 4 ]; then echo 4; else echo $$n; fi)

.PHONY: demo run test test-slow faults kill-loop test-deep test-browser test-wheel coverage-contract snippets check format vectors artifacts openapi lock gas gallery measure clean

demo: .venv/.run
	@$(BIN)/vermilion demo --home "$(HOME_FOLDER)" $(if $(PORT),--port $(PORT)) $(if $(filter 0,$(SERVE)),--no-serve)

run: .venv/.run
	@$(BIN)/vermilion serve --home "$(HOME_FOLDER)" $(if $(PORT),--port $(PORT))

test: .venv/.dev
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "not slow and not faults and not deep and not browser and not wheel"

# What takes ten seconds and more each: left out of `make test`, never out of CI.
test-slow: .venv/.dev
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "slow and not deep"

# Every fault of docs/reliability.md and pairs of them; first the harness against itself. About three minutes.
faults: .venv/.dev
	$(PYTEST) -m faults -q
	$(BIN)/python -m tests.faults.harness.matrix

# kill -9 at named and random instants, ROUNDS times.
ROUNDS ?= 60
kill-loop: .venv/.dev
	@$(BIN)/python -m tests.faults.harness.kill_loop --rounds $(ROUNDS)

test-deep: .venv/.dev
	HYPOTHESIS_PROFILE=deep $(PYTEST) -n $(WORKERS) --dist loadfile -m "not browser and not wheel"

# Every statement and branch of the Vyper sources, on both artefacts; fails under 100 %.
coverage-contract: .venv/.dev
	$(BIN)/python -m tests.contract.vyper_coverage

test-wheel: .venv/.dev
	$(PYTEST) -m wheel

test-browser: .venv/.browser
	@if [ ! -x /usr/bin/chromium ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-noto-cjk; \
	  else echo "test-browser needs Debian's packages chromium and fonts-noto-cjk; install them first" >&2; exit 1; fi; fi
	$(PYTEST) -m browser

# Runs the README's commands on a fresh demonstration.
snippets: .venv/.run
	$(BIN)/python tests/documents/snippets.py README.md README.zh-CN.md

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.vectors.generate --check
	$(BIN)/python -m contracts.build --check
	$(BIN)/python -m api.openapi --check

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

vectors: .venv/.dev
	$(BIN)/python -m tests.vectors.generate

artifacts: .venv/.dev
	$(BIN)/python -m contracts.build

openapi: .venv/.dev
	$(BIN)/python -m api.openapi

measure: .venv/.dev
	$(BIN)/python -m benchmarks.issue --sizes 10000 --json
	$(BIN)/python -m benchmarks.verify --sizes 10000 --json
	$(BIN)/python -m benchmarks.pdf --json
	$(BIN)/python -m benchmarks.lookup_timing --sizes 2000 --json
	$(MAKE) gas

# Pictures of pages and certificates for docs/gallery/.
gallery: .venv/.browser
	$(BIN)/python -m tests.browser.gallery

gas: .venv/.dev
	$(BIN)/python -m tests.contract.gas_figures

# Needs uv (pip install uv), which writes no addresses unless it is asked to.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header
lock:
	$(LOCK) pyproject.toml --extra dev --extra browser -o requirements/browser.txt
	$(LOCK) pyproject.toml --extra dev -c requirements/browser.txt -o requirements/dev.txt
	$(LOCK) pyproject.toml requirements/build.in -c requirements/browser.txt -o requirements/run.txt

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Vermilion needs Python 3.11 or later; name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "this Python lacks venv or ensurepip (Debian: apt-get install python3-venv)" >&2; exit 1; }

# Each stamp holds what its lock held; the larger ones contain the smaller.
.venv/.run: requirements/run.txt pyproject.toml | .venv/bin/python
	$(call install,requirements/run.txt)
.venv/.dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	$(call install,requirements/dev.txt)
	@touch .venv/.run
.venv/.browser: requirements/browser.txt pyproject.toml | .venv/bin/python
	$(call install,requirements/browser.txt)
	@touch .venv/.run .venv/.dev

define install
	@echo "Setting up .venv from $(1) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@
endef
