# The commands of this repository. Each brings what it needs up to date by itself.
.DEFAULT_GOAL := help
VENV ?= .venv
export VENV
python := $(VENV)/bin/python

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: dev
dev: ## Run a server for development on this machine
	@scripts/venv.sh run
	@exec $(VENV)/bin/relaypost dev $(ARGS)

.PHONY: test
test: ## Run all tests and check the table of conformance
	@scripts/venv.sh dev
	@scripts/node.sh
	@scripts/test.sh
	@$(python) -m scripts.conformance --check

.PHONY: lint
lint: ## Check style, format, types and imports
	@scripts/venv.sh dev
	@scripts/lint.sh

.PHONY: format
format: ## Format the code and mend what can be mended by itself
	@scripts/venv.sh dev
	@$(python) -m ruff check --fix .
	@$(python) -m ruff format .

.PHONY: coverage
coverage: ## Show which lines and branches of the pure parts no test reaches
	@scripts/venv.sh dev
	@$(python) -m pytest -q -n auto --cov=relaypost.domain --cov=relaypost.wire --cov-branch --cov-report=term \
	    --ignore=tests/sdk --ignore=tests/e2e --ignore=tests/examples --ignore=tests/chaos tests

.PHONY: bench
bench: ## Measure throughput and latency on this machine
	@scripts/venv.sh dev
	@$(python) -m benchmarks $(ARGS)

.PHONY: conformance
conformance: ## Write docs/compatibility.md anew from the marks of the tests
	@scripts/venv.sh dev
	@$(python) -m scripts.conformance

.PHONY: lock
lock: ## Resolve dependencies into the lock files (UPGRADE=1 takes the newest)
	@scripts/lock.sh

.PHONY: clean
clean: ## Remove environments and caches, nothing else
	rm -rf $(VENV) .cache .pytest_cache tests/sdk/js/node_modules tests/sdk/frameworks/node_modules \
	    examples/*/.venv examples/*/node_modules examples/*/.next
