# Everything runs in an environment of its own; only Python 3.11 or newer with venv is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-long check bench clean

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,dev]'
	touch $@

demo: $(READY)
	$(BIN)/jpegai demo -o demo

test: $(READY)
	$(BIN)/python -m pytest -m 'not long' -n 2 --dist loadfile $(ARGS)

test-long: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/python tests/typecheck.py

docs/syntax.md: $(READY) FORCE
	$(BIN)/jpegai syntax --format markdown > $@

docs/exact-formats.md: $(READY) FORCE
	$(BIN)/jpegai models prove --formats > $@

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

FORCE:

clean:
	rm -rf $(VENV) .bench-venv build dist demo *.egg-info
