#!/bin/sh
# Bring the Node packages that the SDK tests drive up to date with their lock file.
# Node itself is installed only where that needs no question: as root on a Debian system.
set -eu
cd "$(dirname "$0")/.."

project=tests/sdk/js
stamp=$project/node_modules/.installed

has_node() {
    command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' >/dev/null 2>&1
}

install_node() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "relaypost: the SDK tests need Node.js 18 or newer with npm, and none was found; install them and try again." >&2
        exit 1
    fi
    echo "relaypost: installing Node.js and npm with apt-get"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
}

fingerprint() {
    cksum $project/package.json $project/package-lock.json
}

has_node || install_node
if [ -f $stamp ] && [ "$(cat $stamp)" = "$(fingerprint)" ]; then exit 0; fi
echo "relaypost: installing the locked Node packages"
npm ci --prefix $project --loglevel error >/dev/null
fingerprint >$stamp
