#!/usr/bin/env bash
# Until when the certificates that the published ports serve are valid. Arguments go to `acme-companion expiry-dates`
# (--json, --host HOST). Works in a checkout with the package's libraries, and against the running container.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
    printf 'expiry-dates.sh: %s\n' "$@" >&2
    exit 1
}

env_file=
for folder in . .. "$here"; do
    for file in mailcow.conf mail.conf; do
        if [[ -f $folder/$file ]]; then
            env_file=$(cd "$folder" && pwd)/$file
            break 2
        fi
    done
done

# What the env file says, the last line if several do; it is never run as a script.
setting() {
    [[ -z $env_file ]] || sed -n "s/^$1=[\"']\{0,1\}\([^\"'#[:space:]]*\).*/\1/p" "$env_file" | tail -n 1
}

for python in "$here/.venv/bin/python" python3; do
    if PYTHONPATH=$here "$python" -c 'import acme_companion.cli.expiry_dates' 2>/dev/null; then
        PYTHONPATH=$here exec "$python" -m acme_companion ${env_file:+--env-file "$env_file"} expiry-dates "$@"
    fi
done

command -v docker >/dev/null || fail \
    "this Python lacks the package's libraries, and there is no docker command to ask the container with" \
    "for the libraries: python3 -m venv $here/.venv && $here/.venv/bin/pip install $here"

containers=() # lines "ID PROJECT"
for service in acme-companion acme-mailcow; do
    found=$(docker ps --filter "label=com.docker.compose.service=$service" \
        --format '{{.ID}} {{.Label "com.docker.compose.project"}}') || fail "docker could not be asked (see above)"
    [[ -z $found ]] || mapfile -t -O "${#containers[@]}" containers <<<"$found"
done

only() { # keep the containers of one project
    mapfile -t containers < <(printf '%s\n' "${containers[@]}" | awk -v project="$1" '$2 == project')
}

# In mailcow the companion is in the project of the env file; beside another stack it may be in one of its own.
if [[ -n ${COMPOSE_PROJECT_NAME:-} ]]; then
    only "$COMPOSE_PROJECT_NAME"
elif printf '%s\n' "${containers[@]#* }" | grep -qxF -- "$(setting COMPOSE_PROJECT_NAME)"; then
    only "$(setting COMPOSE_PROJECT_NAME)"
fi
projects=$(printf '%s\n' "${containers[@]#* }" | sort -u)
[[ -n $projects ]] || fail \
    "no running container acme-companion (or acme-mailcow)${COMPOSE_PROJECT_NAME:+ of the project $COMPOSE_PROJECT_NAME} was found" \
    "start it, or for a look without it: python3 -m venv $here/.venv && $here/.venv/bin/pip install $here"
[[ $projects != *$'\n'* ]] || fail \
    "several projects have such a container: ${projects//$'\n'/, }" "choose one: COMPOSE_PROJECT_NAME=... $0"

# mailcow gives its acme container no ports, so those of the env file go with the command.
ports=()
for name in HTTPS SMTP SMTPS SUBMISSION IMAP IMAPS POP POPS SIEVE; do
    value=$(setting "${name}_PORT")
    [[ -z $value ]] || ports+=(--env "${name}_PORT=$value")
done
exec docker exec "${ports[@]}" "${containers[0]%% *}" acme-companion expiry-dates "$@"
