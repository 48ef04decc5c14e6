#!/usr/bin/env bash
# Starts the platform, deploys the two hello functions, calls each cold and warm, deploys the photo application, shows
# photos on their way through it, and keeps serving until Ctrl-C.
set -euo pipefail
lambent=${1:-lambent}
here=$(dirname "$0")
ready=$(mktemp -u)
mkfifo "$ready"
"$lambent" up > >(trap '' INT; exec tee "$ready") &
platform=$!
trap 'kill -TERM $platform 2>/dev/null || true; wait $platform || true; rm -f "$ready"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The first line of the platform's screen names its endpoint; the rest is drained so that it never blocks.
exec 3<"$ready"
if ! read -r banner <&3; then
    echo "the platform did not start" >&2
    exit 1
fi
export AWS_ENDPOINT_URL=${banner##* }
cat <&3 >/dev/null &

call() {
    "$lambent" invoke "$1" --data '{"name":"Lambent"}' --json |
        python3 -c 'import json,sys; a=json.load(sys.stdin); print("%-5s %7.1f ms   %s" % (sys.argv[1], a["ms"], json.dumps(a["payload"])))' "$2"
}

for name in hello-python hello-node; do
    echo
    "$lambent" deploy "$here/$name"
    call "$name" cold
    call "$name" warm
    call "$name" warm
done
echo
echo "A photo: S3 → resize → DynamoDB → stream → notify → SNS → SQS (examples/photos)"
bash "$here/photos/run.sh" "$lambent" ||
    echo "the photo application could not be shown; the platform runs without it" >&2
echo
echo "Serving at $AWS_ENDPOINT_URL until Ctrl-C; in another terminal: eval \"\$($lambent env --endpoint $AWS_ENDPOINT_URL)\""
wait $platform
