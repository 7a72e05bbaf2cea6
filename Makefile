# `make demo` shows the main job, `make test` checks everything; both install what they need.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: demo test check unit bench lock clean

demo: $(VENV)/.ready
	@$(PYTHON) scripts/fetch_debian.py pebble
	@$(PY) -m demo

test: $(VENV)/.ready
	scripts/install-testbed.sh
	scripts/test.sh

check: $(VENV)/.ready
	scripts/check.sh

unit: $(VENV)/.ready
	$(PYTHON) scripts/fetch_debian.py pebble
	$(PY) -m pytest -q -m "not docker"

bench: $(VENV)/.ready
	$(PYTHON) scripts/fetch_debian.py pebble
	$(PY) -m benchmarks

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra dns pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra dev --extra dns pyproject.toml -o requirements-dev.lock
	echo 'setuptools>=77' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q - -o requirements-build.lock

$(VENV)/.ready: requirements-dev.lock
	scripts/venv.sh $(PYTHON) $(VENV) requirements-dev.lock
	touch $@

clean:
	rm -rf $(VENV) .testbed
