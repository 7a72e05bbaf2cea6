#!/bin/sh
# Everything that CI checks, after scripts/install-testbed.sh: the rules first, then all tests, in one report.
set -eu
cd "$(dirname "$0")/.."
scripts/check.sh
scripts/docker-engine.sh start
trap 'scripts/docker-engine.sh stop' EXIT
trap 'exit 1' HUP INT TERM
scripts/base-image.sh
.venv/bin/python -m pytest -q "$@"
