#!/bin/sh
# Everything that CI checks, after scripts/install-testbed.sh: the rules first, then all tests. Those in Docker mostly wait
# for containers, so they run beside the others, and are told afterwards.
set -eu
cd "$(dirname "$0")/.."
scripts/check.sh
scripts/docker-engine.sh start
told=$(mktemp)
in_docker=""
finish() {
    [ -z "$in_docker" ] || kill "$in_docker" 2>/dev/null || true
    [ -z "$in_docker" ] || wait "$in_docker" || true
    rm -f "$told"
    scripts/docker-engine.sh stop
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
scripts/base-image.sh

.venv/bin/python -m pytest -q -m docker >"$told" 2>&1 &
in_docker=$!
code=0
.venv/bin/python -m pytest -q -m "not docker" || code=$?
echo "== in Docker"
wait "$in_docker" || code=$?
in_docker=""
cat "$told"
exit "$code"
