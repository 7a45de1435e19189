# `make demo` and `make test` do everything on a fresh Debian with git, make and python3-venv (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch's own index of CPU builds, used where the configured index would bring gigabytes of CUDA libraries.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: install demo test test-all eval train lint types check clean

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

# The validation sets (drawn once), then the table deixis-nano is judged by; a second start goes on. Pages come from npm,
# Python's documentation from the Debian package python3.11-doc where it is installed.
DATA ?= data
eval: install
	$(PIP) -e ".[bench]"
	$(BIN)/python -m deixis.vlm.packages --out $(DATA)/packages
	test -d $(DATA)/sets/report || $(BIN)/python -m deixis.benchmarks.validation --packages $(DATA)/packages --out $(DATA)/sets
	$(BIN)/python -m deixis.benchmarks.evaluate --sets $(DATA)/sets/report --out runs/eval

# deixis-nano from nothing, as its model card says: pages, words, reading, pointing, line reader, calibration. Every step resumes.
HOURS ?= 4
train: install
	$(PIP) -e ".[train]"
	$(BIN)/python -m deixis.vlm.packages --out $(DATA)/packages
	$(BIN)/python -m deixis.vlm.collect --packages $(DATA)/packages --out $(DATA)/screens --count 3000 --workers 2
	test -f $(DATA)/synonyms.json || $(BIN)/python -m deixis.vlm.synonyms --packages $(DATA)/packages --out $(DATA)/synonyms.json
	test -f checkpoints/read/nano.safetensors || $(BIN)/python -m deixis.vlm.train --screens $(DATA)/screens --fonts $(DATA)/packages/fontsource \
	  --tiles 0 --dense 6 --rate 1.5e-3 --minutes 45 --out checkpoints/read --resume
	$(BIN)/python -m deixis.vlm.train --screens $(DATA)/screens --fonts $(DATA)/packages/fontsource --synonyms $(DATA)/synonyms.json \
	  --start checkpoints/read/nano.safetensors --tiles 4 --dense 3 --rate 6e-4 --minutes $$(($(HOURS) * 50)) --out checkpoints/point --resume
	$(BIN)/python -m deixis.vlm.train --screens $(DATA)/screens --synonyms $(DATA)/synonyms.json --start checkpoints/point/nano.safetensors --tiles 4 --dense 0 \
	  --questions 26 --hold stem vit connector spell --rate 6e-4 --minutes $$(($(HOURS) * 10)) --out checkpoints/asked --resume
	test -f checkpoints/reader/reader.safetensors || $(BIN)/python -m deixis.vlm.train_reader --screens $(DATA)/screens --fonts $(DATA)/packages/fontsource \
	  --minutes 35 --out checkpoints/reader
	cp checkpoints/reader/reader.safetensors vlm/reader.safetensors
	$(BIN)/python -m deixis.vlm.collect --packages $(DATA)/packages --out $(DATA)/held-out --start 200000 --count 100
	$(BIN)/python -m deixis.vlm.judge --screens $(DATA)/screens --weights checkpoints/asked/nano.safetensors
	$(BIN)/python -m deixis.vlm.calibrate --screens $(DATA)/held-out --weights checkpoints/asked/nano.safetensors

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
