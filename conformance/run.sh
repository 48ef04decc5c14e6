#!/bin/sh
# Runs the conformance suites with real clients against the binary; arguments go to pytest.
#
#   conformance/run.sh                      everything
#   conformance/run.sh test_crash.py -x     one suite
#   conformance/run.sh --soak 30            mixed load for so many minutes, see soak.py
#
# LAMBENT_BIN      the binary (target/release/lambent)
# LAMBENT_CLIENTS  where the clients are installed, once (~/.cache/lambent/clients)
# LAMBENT_PYTHON   the interpreter to make their environment with (python3)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
clients=${LAMBENT_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/lambent/clients}
LAMBENT_BIN=$(realpath "${LAMBENT_BIN:-$here/../target/release/lambent}")
mkdir -p "$clients"

python=$clients/python-$(cksum < "$here/requirements.txt" | cut -d ' ' -f 1)
if [ ! -e "$python/installed" ]; then
    rm -rf "$python"
    "${LAMBENT_PYTHON:-python3}" -m venv "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    touch "$python/installed"
fi

node=$clients/javascript-$(cksum < "$here/js/package.json" | cut -d ' ' -f 1)
if [ ! -e "$node/installed" ]; then
    rm -rf "$node"
    mkdir "$node"
    cp "$here/js/package.json" "$node"
    (cd "$node" && npm install --no-audit --no-fund --no-package-lock --silent)
    touch "$node/installed"
fi

export LAMBENT_BIN LAMBENT_NODE_CLIENTS="$node"
cd "$here"
if [ "${1:-}" = --soak ]; then
    exec "$python/bin/python" -B soak.py "${2:-30}"
fi
exec "$python/bin/python" -B -m pytest "$@"
