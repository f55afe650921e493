#!/bin/sh
# Bring .venv up to date with the locks: `venv.sh run` for what the server needs, `venv.sh dev` for all tools.
# Does nothing, fast, when nothing has changed since the last time.
set -eu
cd "$(dirname "$0")/.."

kind=${1:-dev}
venv=${VENV:-.venv}
case $kind in
    run) locks="requirements.lock requirements-build.lock" ;;
    dev) locks="requirements-dev.lock" ;;
    *) echo "usage: venv.sh run|dev" >&2; exit 2 ;;
esac

# What an installation depends on: the locks, the package's metadata, and where it all lies.
fingerprint() {
    pwd
    cksum $locks
    sed '/^# --- tests/,$d' pyproject.toml | cksum
}

is_current() {
    [ -x "$venv/bin/python" ] && [ -f "$1" ] && [ "$(cat "$1")" = "$(fingerprint)" ]
}

is_usable() {
    "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 &&
        "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

create() {
    python=$(scripts/find_python.sh)
    echo "relaypost: creating $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
}

install() {
    echo "relaypost: installing the locked packages ($kind)"
    set --
    for lock in $locks; do set -- "$@" --requirement "$lock"; done
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install --quiet --require-hashes "$@"
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable .
}

stamp="$venv/.installed-$kind"
# The tools include all that the server needs.
if is_current "$stamp"; then exit 0; fi
is_usable || create
rm -f "$stamp"
install
fingerprint >"$stamp"
