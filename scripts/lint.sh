#!/bin/sh
# Every static check: style, format, types, and who may import whom.
set -eu
cd "$(dirname "$0")/.."

bin=${VENV:-.venv}/bin
run() {
    echo "relaypost: $*"
    "$@"
}

run "$bin/python" -m ruff check .
run "$bin/python" -m ruff format --check .
run "$bin/python" -m mypy
run "$bin/lint-imports" --no-logo
