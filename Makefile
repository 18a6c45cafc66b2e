# `make demo` and `make test` need only Python 3.11 and make; everything lands in .venv.
PYTHON ?= python3
BIN := .venv/bin
WEAVIATE := $(shell cat weaviate.version)

.PHONY: demo test coverage weaviate lint fix docs bench lock clean

demo: .venv/installed  ## draw, search, generate and store back, and write demo/index.html
	$(BIN)/phosphene demo

test: lint  ## run all tests; a test that needs a part which is not on this machine is skipped, and says how to get it
	$(BIN)/python -m pytest -q -n auto $(COVERAGE)

coverage: COVERAGE := --cov --cov-report=term
coverage: test  ## the same, and measure branch coverage; fails below 90 %. On Python 3.11 this takes a quarter longer

weaviate:  ## the server that the tests start, built into Go's folder of programs; minutes, once
	go version -m "$$(go env GOPATH)/bin/weaviate-server" 2>/dev/null | grep -q 'weaviate/weaviate.v$(WEAVIATE)' || \
	  GOBIN="$$(go env GOPATH)/bin" CGO_ENABLED=0 go install github.com/weaviate/weaviate/cmd/weaviate-server@v$(WEAVIATE)

lint: .venv/installed
	$(BIN)/ruff check plugin tests bench examples
	$(BIN)/ruff format --check plugin tests bench examples
	$(BIN)/mypy

fix: .venv/installed
	$(BIN)/ruff check --fix plugin tests bench examples
	$(BIN)/ruff format plugin tests bench examples

docs: .venv/installed  ## write the `--help` texts and figures into the docs
	$(BIN)/cog -r docs/commands.md docs/plugins.md README.md

bench: demo  ## every figure that README and docs quote
	mkdir -p runs
	for name in quality negative add stores inference; do $(BIN)/python bench/$$name.py --json runs/$$name.json || exit 1; done
	for name in start generate; do $(BIN)/python bench/$$name.py -L demo/library --json runs/$$name.json || exit 1; done

lock:  ## the newest versions that fit together, as constraints.txt
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet '.[test,lint]'
	.venv-lock/bin/pip freeze --exclude phosphene > constraints.txt
	rm -rf .venv-lock

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "phosphene needs Python 3.11 or newer, this is " + sys.version'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	touch $@

clean:
	rm -rf .venv .venv-lock demo runs
