#!/usr/bin/env bash
# Deploys the photo application to the platform that AWS_ENDPOINT_URL names, and shows a photo on its way, twice.
# What it needs of PyPI (boto3, Pillow) is fetched once, below target/.
set -euo pipefail
lambent=$1
here=$(dirname "$0")
work=${2:-target/examples}
python=$work/clients
if [ ! -e "$python/installed" ]; then
    echo "fetching boto3 and Pillow, once"
    rm -rf "$python"
    python3 -m venv "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check boto3 Pillow
    touch "$python/installed"
fi
if "$lambent" doctor | grep -q "functions have to bring boto3"; then
    "$lambent" runtimes install boto3
fi
make -s -C "$here/../pillow-layer" PYTHON="$(realpath "$python")/bin/python" OUT="$(realpath "$work")/pillow-layer"
eval "$("$lambent" env --endpoint "$AWS_ENDPOINT_URL")"
"$python/bin/python" "$here/photos.py" deploy "$work/pillow-layer/pillow-layer.zip"
for _ in 1 2; do
    "$python/bin/python" "$here/photos.py" show
done
