#!/bin/sh
# Run the whole test suite: the fast part on all cores, then, one at a time, what starts real processes.
set -eu
cd "$(dirname "$0")/.."

python=${VENV:-.venv}/bin/python
slow="tests/sdk tests/e2e tests/examples tests/chaos"

ignored=""
present=""
for folder in $slow; do
    ignored="$ignored --ignore=$folder"
    if [ -n "$(find $folder -name 'test_*.py' 2>/dev/null | head -n 1)" ]; then
        present="$present $folder"
    fi
done

echo "relaypost: fast tests"
"$python" -m pytest -n auto -q $ignored tests
if [ -n "$present" ]; then
    echo "relaypost: tests with real processes ($present )"
    "$python" -m pytest -q $present
fi
