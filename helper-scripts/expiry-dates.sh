#!/usr/bin/env bash
# Until when the certificates that the published ports serve are valid. Arguments go to `acme-companion expiry-dates`
# (--json, --host HOST). Works in a checkout with the package installed, and against the running container.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

for folder in . .. "$here"; do
    for file in mailcow.conf mail.conf; do
        if [[ -f $folder/$file ]]; then
            env_file=$(cd "$folder" && pwd)/$file
            break 2
        fi
    done
done

for python in "$here/.venv/bin/python" python3; do
    if PYTHONPATH=$here "$python" -c 'import acme_companion.cli, dns, aiohttp, cryptography' 2>/dev/null; then
        PYTHONPATH=$here exec "$python" -m acme_companion ${env_file:+--env-file "$env_file"} expiry-dates "$@"
    fi
done

for service in acme-companion acme-mailcow; do
    container=$(docker ps --quiet --filter "label=com.docker.compose.service=$service" 2>/dev/null | head -n 1 || true)
    if [[ -n $container ]]; then
        exec docker exec "$container" acme-companion expiry-dates "$@"
    fi
done

echo "expiry-dates.sh: neither the Python package nor a running container acme-companion (or acme-mailcow) was found" >&2
echo "start the container, or run: python3 -m venv .venv && .venv/bin/pip install $here" >&2
exit 1
