# `make demo` and `make test` do everything on a fresh Debian with git, make and python3-venv (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch's own index of CPU builds, used where the configured index would bring gigabytes of CUDA libraries.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: install demo test test-all lint types check clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) "setuptools>=77" wheel
	if $(BIN)/pip install --dry-run --disable-pip-version-check -c constraints.txt torch 2>&1 | grep -qi nvidia; \
	  then $(PIP) --index-url $(TORCH_INDEX) torch; else $(PIP) torch; fi
	$(PIP) -e ".[dev]"
	touch $@

demo: install
	$(BIN)/deixis setup
	$(BIN)/python -m deixis.benchmarks.django_admin

test: install
	$(BIN)/deixis setup
	$(BIN)/python -m pytest -q -m "not slow"

# Longer suites; a second start goes on after the last test that passed.
test-all: install
	$(BIN)/deixis setup
	$(BIN)/python -m pytest -q --stepwise

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	mkdir -p build/types/deixis
	for part in agent browser vlm benchmarks; do ln -sfn ../../../$$part build/types/deixis/$$part; done
	$(BIN)/mypy -p deixis.agent -p deixis.browser -p deixis.vlm -p deixis.benchmarks

check: lint types

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
