#!/bin/sh
# Install what the tests run on: a Debian machine's own packages, and three newer ones below .testbed/.
# For a fresh Debian 12 as root; run again it does nothing and is quick. No service is started.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

packages="docker.io mariadb-server nginx-light postfix dovecot-imapd dovecot-pop3d dovecot-managesieved
    haproxy redis-server bind9 unbound pdns-server pdns-backend-sqlite3 acme-tiny mmdebstrap openssl ca-certificates debian-archive-keyring"
# Debian's own python has its venv module in a package of its own; a python from elsewhere brings it along.
python3 -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"

missing=""
for package in $packages; do
    state=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done

policy=/usr/sbin/policy-rc.d
kept=""
put_back() {
    if [ -n "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}

if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "install-testbed: run as root to install:$missing" >&2
        exit 1
    fi
    echo "installing:$missing"
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        kept="$policy.kept.$$"
        mv "$policy" "$kept"
    fi
    trap put_back EXIT
    trap 'exit 1' HUP INT TERM
    # 101 = "not allowed": the tests start their own servers, on their own ports.
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    # shellcheck disable=SC2086  # the list is words
    apt-get -qq install -o DPkg::Lock::Timeout=300 --yes --no-install-recommends -o Dpkg::Use-Pty=0 $missing >/dev/null
    put_back
    trap - EXIT HUP INT TERM
fi
echo "Debian packages: all installed"
python3 "$here/fetch_debian.py" pebble docker-compose docker-buildx
