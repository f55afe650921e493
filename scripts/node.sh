#!/bin/sh
# Bring the Node packages that the tests drive up to date with their lock files.
# Node itself is installed only where that needs no question: as root on a Debian system.
set -eu
cd "$(dirname "$0")/.."

projects="tests/sdk/js tests/sdk/frameworks examples/nextjs-ai-pipeline"

has_node() {
    command -v npm >/dev/null 2>&1 && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1);
    ' >/dev/null 2>&1
}

refuse() {
    echo "relaypost: the SDK tests need Node.js 20.19 or newer with npm, and $1; install them and try again." >&2
    exit 1
}

install_node() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then refuse "none was found"; fi
    echo "relaypost: installing Node.js and npm with apt-get"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
    has_node || refuse "this system's packages are older"
}

fingerprint() {
    cksum "$1/package.json" "$1/package-lock.json"
}

install_packages() {
    stamp=$1/node_modules/.installed
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$1")" ]; then return; fi
    echo "relaypost: installing the locked Node packages of $1"
    npm ci --prefix "$1" --loglevel error >/dev/null
    fingerprint "$1" >"$stamp"
}

has_node || install_node
for project in $projects; do install_packages "$project"; done
