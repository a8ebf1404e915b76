# fewray: `make study` runs the main job, `make test` checks everything. Each sets up .venv on first use.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test lint types docs long bench clean

study: .venv/ready
	$(BIN)/fewray study --data phantom --preset quick --out runs/quick

# One thread a process: the tests run side by side on the cores.
test: export OMP_NUM_THREADS := 1
test: lint types
	$(BIN)/python -m pytest -n auto --dist loadfile
	$(BIN)/python docs/generate.py --check

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/basedpyright

# The tests that take minutes.
long: .venv/ready
	$(BIN)/python -m pytest -m long

# Speed against plain references and the machine's ceiling; nothing else should run meanwhile.
bench: .venv/ready
	$(BIN)/python -m benchmarks --out benchmarks

# docs/cli.md and docs/results.md from the command tree and the committed results.
docs: .venv/ready
	$(BIN)/python docs/generate.py

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist src/*.egg-info
