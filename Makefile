# The workbench: make run, make test, make lab. Needs python3 (3.11 or later) and make; everything else is fetched.

SHELL := /bin/bash
.DEFAULT_GOAL := help
OUT ?= out
# One more than two cores: tests with real programs wait a good deal.
JOBS ?= 3

VENV := .venv
BIN := $(VENV)/bin
# Byte code is kept, whatever the surroundings say: the tests start `workbench` hundreds of times.
unexport PYTHONDONTWRITEBYTECODE
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet --no-input
PACKAGES := tests/apt.txt
POLICY := /usr/sbin/policy-rc.d
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-config

# The first interpreter that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)

.PHONY: help run test test-long lint lab wheel lock system clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/core ## Run every scenario on the virtual network; captures and one HTML report in out/
	@$(BIN)/workbench run --all --out $(OUT) --html $(OUT)/report.html
	@echo "Open $(OUT)/report.html in a browser, $(OUT)/*.pcapng in Wireshark."

test: $(VENV)/test system tests/nodes/__pycache__ ## Lint, types and every test but the long ones
	@echo "== pytest (-n $(JOBS)); ruff and mypy beside it, and what they say at the end"
	@$(MAKE) --no-print-directory lint >$(VENV)/lint.log 2>&1 & linting=$$!; \
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not long"; tested=$$?; \
	wait $$linting; linted=$$?; cat $(VENV)/lint.log; \
	test $$tested -eq 0 && test $$linted -eq 0

# On a fresh clone, once and in two halves, what each of the runners would do by itself: the tests' byte code.
tests/nodes/__pycache__: | $(VENV)/test
	@$(BIN)/python -m pytest --collect-only -qq tests/[a-m]* >/dev/null 2>&1 & \
	$(BIN)/python -m pytest --collect-only -qq tests/[n-z]* >/dev/null 2>&1; wait

test-long: $(VENV)/test system ## The tests that take minutes
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m long

lint: $(VENV)/test ## ruff and mypy
	@echo "== ruff"
	@$(BIN)/ruff check .
	@echo "== mypy --strict"
	@$(BIN)/mypy

lab: $(VENV)/test ## JupyterLab on notebooks/
	@$(BIN)/workbench lab

wheel: $(VENV)/test ## A wheel in dist/; COMPILED=1: with the hot modules compiled by mypyc (needs a C compiler here, none there)
	@HATCH_BUILD_HOOK_ENABLE_CUSTOM=$(if $(COMPILED),true,false) $(PIP) wheel --no-deps --wheel-dir dist .
	@ls dist/*.whl

lock: ## Pin the dependencies anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 2; }
	@$(LOCK) --extra build --extra analysis --extra cluster --extra notebook --extra test --output-file requirements-test.lock >/dev/null
	@$(LOCK) --extra build --constraint requirements-test.lock --output-file requirements.lock >/dev/null
	@cp requirements-test.lock binder/requirements.txt
	@echo "requirements.lock, requirements-test.lock and binder/requirements.txt are new; run make test"

clean: ## Remove the environment and what runs wrote
	rm -rf $(VENV) $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Environments. A stamp is newer than its lock while nothing is to be done, so pip is not called again.

$(VENV)/bin/python:
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "The workbench needs Python 3.11 or later; $(or $(PYTHON),python3) is $$($(or $(PYTHON),python3) --version 2>&1 || true)."; \
		echo "Install one (Debian 12: apt-get install python3) or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "== python3-venv is missing: apt-get installs it"; \
			export DEBIAN_FRONTEND=noninteractive; \
			{ apt-get install -qq -y python3-venv || { apt-get update -qq && apt-get install -qq -y python3-venv; }; } >/dev/null; \
		else \
			echo "$(PYTHON) can't make a virtual environment; run once: sudo apt-get install python3-venv"; exit 2; fi; fi
	@echo "== environment in $(VENV) ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv $(VENV)

# The package is installed where it stands, by the build backend that the lock pins: no look at the network.
define install
	@echo "== $(1): dependencies, checked against their hashes"
	@$(PIP) install --require-hashes --requirement $(1)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
endef

$(VENV)/core: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)

$(VENV)/test: requirements-test.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-test.lock)
	@touch $(VENV)/core

# Programs that tests compare with. Missing ones are installed where that is allowed, else named; their tests skip.
# Some come as services: Debian's policy file says that nothing is to be started while they are installed.
system:
	@if command -v dpkg-query >/dev/null; then \
		missing=$$(for package in $$(cat $(PACKAGES)); do \
			dpkg-query -W -f '$${db:Status-Status}\n' "$$package" 2>/dev/null | grep -qx installed || echo "$$package"; done | xargs); \
		if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
			echo "== system packages: $$missing"; \
			export DEBIAN_FRONTEND=noninteractive; \
			if [ ! -e $(POLICY) ]; then \
				trap 'rm -f $(POLICY)' EXIT; \
				printf '#!/bin/sh\nexit 101\n' > $(POLICY); chmod 755 $(POLICY); fi; \
			{ apt-get install -qq -y --no-install-recommends $$missing \
				|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing; }; } >/dev/null \
				&& missing=; fi; \
		if [ -n "$$missing" ]; then \
			echo "Not here: $$missing"; \
			echo "Tests that need them are skipped. To have them: sudo apt-get install $$missing"; \
			if [ "$$CI" = true ]; then exit 1; fi; fi; \
	else \
		echo "No apt-get here; tests look for the programs of these Debian packages: $$(xargs < $(PACKAGES))"; fi
