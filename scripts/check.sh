#!/bin/sh
# What needs no test to run: lint, format, types, and who may import whom.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
echo "== ruff";       $bin/ruff check . && $bin/ruff format --check .
echo "== mypy";       $bin/mypy
echo "== imports";    $bin/lint-imports --no-logo 2>/dev/null || $bin/lint-imports
