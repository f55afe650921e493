#!/bin/sh
# Resolve the dependencies of pyproject.toml into the lock files, for every supported Python at once.
# Versions already locked are kept where they still fit; UPGRADE=1 takes the newest.
set -eu
cd "$(dirname "$0")/.."

tools=.cache/lock-tools
if [ ! -x $tools/bin/uv ]; then
    "$(scripts/find_python.sh)" -m venv $tools
    $tools/bin/python -m pip install --quiet uv
fi

compile() {
    output=$1
    shift
    $tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        ${UPGRADE:+--upgrade} --output-file "$output" "$@"
}

compile requirements.lock pyproject.toml
compile requirements-build.lock --group build
compile requirements-dev.lock pyproject.toml --extra dev --group build \
    --constraint requirements.lock --constraint requirements-build.lock
for example in examples/*/requirements.txt; do
    compile "${example%.txt}.lock" "$example" --constraint requirements-dev.lock
done
