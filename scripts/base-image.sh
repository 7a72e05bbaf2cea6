#!/bin/sh
# Build the image that the tests' images start from, for machines that cannot pull one: Debian trixie with Python.
# It knows the machine's mirror, certificate authorities and pip settings, so that builds can download with
# --network host; they are read here, at this moment, and are in no file of the project. Skipped when it is there.
set -eu
image=acme-companion-base:trixie
here=$(cd "$(dirname "$0")" && pwd)
testbed="$here/../.testbed"
mkdir -p "$testbed"
exec 9>"$testbed/.base-image.lock"
flock -w 300 9

if docker image inspect "$image" >/dev/null 2>&1; then
    echo "$image: already there"
    exit 0
fi

# shellcheck disable=SC2016  # apt expands it
archives() { apt-get indextargets --format '$(REPO_URI)' | grep '/debian/*$' | sort -u; }
[ -n "$(archives)" ] || apt-get -qq update
mirror=$(archives | head -n 1)
if [ -z "$mirror" ]; then
    echo "base-image: apt on this machine knows no Debian archive" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/authorities"
cp -L /usr/local/share/ca-certificates/*.crt "$work/authorities/" 2>/dev/null || true
# How this machine's apt must be told to reach the mirror (a proxy, a clock that is off).
apt-config dump --format '%f "%v";%n' Acquire::http::Proxy Acquire::https::Proxy \
    Acquire::Check-Valid-Until Acquire::Check-Date | grep -v ' "";$' >"$work/apt.conf" || true
# Only an index over the network: a folder of this machine is not there in a build.
index=$(python3 -m pip config get global.index-url 2>/dev/null | grep '^http' || true)
{
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\ndisable-pip-version-check = true\n'
    [ -z "$index" ] || printf 'index-url = %s\n' "$index"
} >"$work/pip.conf"

echo "$image: building"
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="copy-in '$work/authorities' /usr/local/share/ca-certificates" \
    --customize-hook='chroot "$1" update-ca-certificates' \
    --customize-hook="upload /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt" \
    --customize-hook="upload '$work/apt.conf' /etc/apt/apt.conf.d/99machine" \
    --customize-hook="upload '$work/pip.conf' /etc/pip.conf" \
    trixie "$work/root.tar" "$mirror"
docker import --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' "$work/root.tar" "$image" >/dev/null
echo "$image: ready"
