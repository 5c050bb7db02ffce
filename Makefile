# Each target does its own set-up on a bare Python 3.11+ with pip; see dev.py.
PYTHON ?= python3

.PHONY: help demo test test-full check format lock setup

help:
	@echo "make demo       review a simulated week of tasks; no key, no network"
	@echo "make test       the tests (under 90 s on two cores)"
	@echo "make test-full  also the long ones"
	@echo "make check      format, lint, types, floors"
	@echo "make format     mend what the first two of these can"
	@echo "make lock       write the lock files anew from pyproject.toml (needs uv)"

demo test test-full check format lock setup:
	@command -v $(PYTHON) >/dev/null || { echo "error: no '$(PYTHON)' here. Install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) dev.py $@
