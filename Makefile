# The commands of the README. Each makes the virtual environment in .venv first; only Python and make are needed.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: tune test lint docs format clean

# Steps of a training, unless ARGS names another task or -n: the zoo's 50,000, or fewer on cores that are so slow that
# twenty minutes are worth too few of them (benchmarks/README.md, repeat_tune.py). By trials, not by time: 20,000.
NAMES_TASK = $(filter --algo --algo=% --env --env=% -conf --conf-file --conf-file=%,$(ARGS))
COUNTS_TRIALS = $(filter --n-trials --n-trials=% --max-total-trials --max-total-trials=%,$(ARGS))
LENGTH = $(if $(NAMES_TASK),,$(if $(COUNTS_TRIALS),-n 20000,--shorten))

tune: .venv/package
	$(BIN)/sb3-hpo tune $(strip $(LENGTH) $(ARGS))

test: .venv/dev
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site of the documentation, in build/site; a warning is an error.
docs: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist *.egg-info

.venv/package: pyproject.toml constraints.txt
	@echo "Setting up .venv: about a minute, once."
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable .
	@touch $@

# One installation, not two: what `make tune` needs is part of it. To compile all modules takes as long as all the rest;
# those that are imported are compiled then.
.venv/dev: pyproject.toml constraints.txt
	@echo "Setting up .venv for tests and documentation: some minutes, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --no-compile --editable ".[dev]"
	@touch .venv/package $@
