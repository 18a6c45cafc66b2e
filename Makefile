# `make demo` and `make test` need only Python 3.11 and make; everything lands in .venv.
PYTHON ?= python3
BIN := .venv/bin
WEAVIATE := $(shell cat weaviate.version)

.PHONY: demo test weaviate lint fix docs bench lock clean

demo: .venv/installed  ## draw, search, generate and store back, and write demo/index.html
	$(BIN)/phosphene demo

test: lint  ## run all tests and print their coverage; a test is skipped if it needs a part that is not here, and says how to get it
	$(BIN)/python -m pytest -q -n auto --cov --cov-report=term

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

docs: .venv/installed  ## write the `--help` texts and the figures into the docs
	$(BIN)/cog -r -I bench docs/commands.md docs/generating.md docs/models.md docs/plugins.md docs/benchmarks.md \
	  plugin/phosphene/landscape/weights/clip/README.md plugin/phosphene/landscape/weights/diffusion/README.md

bench: demo  ## measure every figure of docs/benchmarks.md again; hours. Small settings: see each script's --help
	for name in quality negative add stores kills; do $(BIN)/python bench/$$name.py --json runs/$$name.json || exit 1; done
	$(BIN)/python bench/stores.py --size 1000000 --json runs/stores_large.json
	$(BIN)/python bench/peers.py --install --json runs/peers.json
	$(BIN)/python bench/families.py sd15 sdxl --json runs/families.json
	$(BIN)/python bench/inference.py --quick --json runs/inference.json
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
	rm -rf .venv .venv-lock demo
	find runs -mindepth 1 -maxdepth 1 ! -name '*.json' -exec rm -rf {} +  # the figures are committed
