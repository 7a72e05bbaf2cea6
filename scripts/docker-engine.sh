#!/bin/sh
# A Docker Engine for the tests.
#
#   scripts/docker-engine.sh start   use the engine that answers, else start one; have the compose and buildx plugins
#   scripts/docker-engine.sh env     print what to export so that `docker compose` finds the plugins (for eval)
#   scripts/docker-engine.sh stop    end the engine that `start` started, and no other
set -eu
here=$(cd "$(dirname "$0")" && pwd)
testbed="$here/../.testbed"
pid_file="$testbed/dockerd.pid"
log="$testbed/dockerd.log"
limit=60 # seconds for the engine to answer, or to end

answers() { docker info >/dev/null 2>&1; }

ours() { # the process id of our engine, when it runs
    [ -s "$pid_file" ] || return 1
    pid=$(cat "$pid_file")
    # The number may long belong to someone else.
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && echo "$pid"
}

wait_for() { # what it means, then a command that shall succeed
    meaning=$1
    shift
    end=$(($(date +%s) + limit))
    until "$@"; do
        if [ "$(date +%s)" -ge "$end" ]; then
            echo "docker-engine: $meaning: not within $limit seconds" >&2
            return 1
        fi
        sleep 0.2
    done
}

gone() { ! ours >/dev/null; }

settled() { answers || gone_early; }

gone_early() { [ -n "${child:-}" ] && ! kill -0 "$child" 2>/dev/null; }

has_plugins() { docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; }

# A client configuration of our own points to the unpacked plugins, so no system folder is written to.
plugins() {
    has_plugins && return
    python3 "$here/fetch_debian.py" docker-compose docker-buildx
    mkdir -p "$testbed/docker-config"
    root=$(cd "$testbed" && pwd)
    printf '{"cliPluginsExtraDirs": ["%s", "%s"]}\n' \
        "$root/docker-compose/usr/libexec/docker/cli-plugins" \
        "$root/docker-buildx/usr/libexec/docker/cli-plugins" >"$root/docker-config/config.json"
    if ! DOCKER_CONFIG="$root/docker-config" has_plugins; then
        echo "docker-engine: the docker command does not accept the compose and buildx plugins" >&2
        return 1
    fi
}

start() {
    mkdir -p "$testbed"
    exec 9>"$testbed/.docker.lock"
    flock -w 120 9 # two starts at once make one engine
    if answers; then
        echo "Docker Engine: answers already"
    else
        if ! command -v dockerd >/dev/null; then
            echo "docker-engine: no engine answers and no dockerd is here: scripts/install-testbed.sh" >&2
            return 1
        fi
        # 9>&-: the engine must not hold the lock for as long as it lives.
        setsid dockerd --pidfile "$pid_file" </dev/null >"$log" 2>&1 9>&- &
        child=$!
        if ! wait_for "an engine that answers" settled || ! answers; then
            tail -n 15 "$log" >&2
            return 1
        fi
        echo "Docker Engine: started (log: .testbed/dockerd.log)"
    fi
    plugins
    echo "docker compose and buildx: ready; in this shell: eval \"\$(scripts/docker-engine.sh env)\""
}

environment() {
    has_plugins && return
    root=$(cd "$testbed" && pwd)
    echo "export DOCKER_CONFIG='$root/docker-config'"
}

stop() {
    if ! pid=$(ours); then
        echo "Docker Engine: none of ours runs"
        return
    fi
    kill "$pid"
    wait_for "the end of the engine" gone
    echo "Docker Engine: stopped"
}

case "${1:-}" in
start) start ;;
stop) stop ;;
env) environment ;;
*)
    echo "usage: scripts/docker-engine.sh start|stop|env" >&2
    exit 2
    ;;
esac
