# Every target builds .venv when it is missing or when a lock file changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STAGE ?= dev

.DEFAULT_GOAL := help
.PHONY: help install run demo test test-stack test-docs rights package deploy destroy verify-aws check bench openapi lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## build .venv from the locked requirements

$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Polything needs Python 3.11 or later; set PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked requirements into $(VENV) (about a minute the first time)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt >&2
	@touch $(STAMP)

run: $(STAMP) ## start the local cloud with the demo tenant (ARGS="--help" shows its options)
	@$(BIN)/python -m infra.local $(ARGS)

demo: $(STAMP) ## tell the main story, step by step, against a running or its own local cloud
	@$(BIN)/python -m infra.local.demo $(ARGS)

test: $(STAMP) ## run the tests, in parallel (ARGS="tests/unit -k token" narrows it)
	@$(BIN)/python -m pytest $(ARGS)

test-stack: $(STAMP) ## deploy the packaged application to an emulated account and use it there
	@$(BIN)/python -m pytest -n 0 -m stack --timeout 900 --durations 5 tests/stack $(ARGS)

test-docs: $(STAMP) ## look at /docs with a headless Chromium, installed from Debian's packages where there is none
	@$(BIN)/python -m pytest -n 0 -m browser --timeout 600 -rs tests/browser $(ARGS)

rights: $(STAMP) ## look again whether the calls of the last whole test run are the functions' rights
	@$(BIN)/python -m tests.rights

package: $(STAMP) ## write dist/template.yaml and dist/deployment.zip of STAGE for a pipeline
	@$(BIN)/python -m infra.deploy package --stage $(STAGE) $(ARGS)

deploy: $(STAMP) ## put STAGE (dev or prod) into the AWS account that the environment names
	@$(BIN)/python -m infra.deploy deploy --stage $(STAGE) $(ARGS)

destroy: $(STAMP) ## take STAGE's functions and edge away (ARGS="--yes dev"); data stays
	@$(BIN)/python -m infra.deploy destroy --stage $(STAGE) $(ARGS)

verify-aws: $(STAMP) ## prove on deployed STAGE what docs/unverified.md lists (ARGS="--help")
	@$(BIN)/python -m infra.verify --stage $(STAGE) $(ARGS)

check: $(STAMP) ## lint, format check, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP) ## print costs as ratios to floors measured in the same run
	@$(BIN)/python -m tests.bench $(ARGS)

openapi: $(STAMP) ## print the OpenAPI document and nothing else
	@$(BIN)/python -m infra.openapi

lock: $(STAMP) ## rewrite both requirements files with hashes
	@$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe -o requirements.txt requirements.in
	@$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe -o requirements-dev.txt requirements-dev.in

clean: ## remove .venv, the local cloud's state and caches
	@rm -rf $(VENV) .local .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
