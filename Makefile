# `make study` runs a demonstration, `make check` the fast tests, `make test` all tests. Each sets up .venv on first use.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study check static test lint types rules fast docs-check docs long bench clean

study: .venv/ready
	$(BIN)/fewray study --data phantom --preset quick --out runs/quick

# What to run before every commit: under 2 minutes on 2 cores.
check: static fast

static: .venv/ready
	$(MAKE) --no-print-directory -j2 --output-sync types lint rules docs-check

# Everything but the tests that take minutes: under 15 minutes on 2 cores.
test: check
	$(PYTEST) -m "slow and not long"

# One thread per process, because the tests run in parallel on all cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/basedpyright

# The layers of ARCHITECTURE.md and the terms that are no longer used.
rules: .venv/ready
	$(BIN)/python -m pytest tests/test_layers.py
	$(BIN)/python -m tests.wording

fast: .venv/ready
	$(PYTEST) -m "not slow and not long" --ignore tests/test_layers.py

docs-check: .venv/ready
	$(BIN)/python docs/generate.py --check

# The tests that take minutes.
long: .venv/ready
	$(BIN)/python -m pytest -m long

# Compare with plain references and with the machine's peak; run nothing else meanwhile.
bench: .venv/ready
	$(BIN)/python -m benchmarks --out benchmarks

# Generate pages of docs/ from the commands, the typed results and the committed results.
docs: .venv/ready
	$(BIN)/python docs/generate.py

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist src/*.egg-info
