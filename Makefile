# The two commands to know: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: demo test test-slow test-long lint types docs notebook bench

demo: $(VENV)/.installed ## train on procedural digits, about three minutes; ends with the picture to look at
	@rm -rf $(DEMO)
	@$(BIN)/gcn-tf train --dataset glyphs --run-dir $(DEMO)

test: $(VENV)/.installed-dev ## the default tests, about 5 minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: $(VENV)/.installed-dev ## real digits, processes that are stopped, every way to install
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/.installed-dev ## the longest and the rarest: before a release
	$(BIN)/python -m pytest -m long -n 2 --dist worksteal

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

docs: $(VENV)/.installed-dev ## the API page in build/api; a warning is an error
	$(BIN)/python docs/api/build.py

notebook: $(VENV)/.installed-dev ## execute the notebooks of docs/ again, and store their outputs
	$(BIN)/python docs/run_notebook.py

bench: $(VENV)/.installed-dev ## step, pipeline and peak, side by side
	$(BIN)/python benchmarks/training_step.py

$(VENV)/.installed: pyproject.toml setup.cfg
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing gcn-tf into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
