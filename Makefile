# Each target does its own set-up on a bare Python 3.11+ with pip; see dev.py.
PYTHON ?= python3

.PHONY: help demo test test-full test-mutants soak coverage check format benchmarks release lock setup

help:
	@echo "make demo       review a simulated week of tasks; no key, no network"
	@echo "make test       the tests (two to four minutes on two cores)"
	@echo "make test-full  also the long ones"
	@echo "make test-mutants  planted bugs, and a sample of mutants of the core (ten minutes)"
	@echo "make soak       simulated days of trouble, new ones each time (MINUTES=10)"
	@echo "make coverage   the branches of the core that no quick test takes"
	@echo "make check      format, lint, types, floors"
	@echo "make format     mend what the first two of these can"
	@echo "make benchmarks measure everything anew, into docs/benchmarks.md (long)"
	@echo "make release    what would be published, into dist/: wheel, source, bill of materials, licences"
	@echo "make lock       write the lock files anew from pyproject.toml (needs uv)"

demo test test-full test-mutants soak coverage check format benchmarks release lock setup:
	@command -v $(PYTHON) >/dev/null || { echo "error: no '$(PYTHON)' here. Install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) dev.py $@
