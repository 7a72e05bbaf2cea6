#!/bin/sh
# A virtual environment with exactly what a lock file names: venv.sh PYTHON FOLDER LOCK
set -eu
python=$1 folder=$2 lock=$3
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "venv: this Python has no venv module; installing Debian's python3-venv"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes python3-venv >/dev/null
fi
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
echo "venv: installing $lock"
"$folder/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes --requirement "$lock"
