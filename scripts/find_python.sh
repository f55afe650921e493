#!/bin/sh
# Print the Python to build .venv with: the newest of 3.13, 3.12, 3.11 that can make one.
# PYTHON=/path/to/python overrides the search.
set -eu

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

can_make_venv() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

without_venv=""
for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    is_new_enough "$candidate" || continue
    if can_make_venv "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
    without_venv=${without_venv:-$candidate}
done

if [ -n "$without_venv" ]; then
    echo "relaypost: $without_venv has no venv module; install it (on Debian or Ubuntu: apt-get install python3-venv) and try again." >&2
elif [ -n "${PYTHON:-}" ]; then
    echo "relaypost: PYTHON=$PYTHON is not a working Python 3.11 or newer." >&2
else
    echo "relaypost: Python 3.11 or newer is needed and none was found; install one, or name it with PYTHON=/path/to/python." >&2
fi
exit 1
