#!/usr/bin/env bash
# What the tests need besides Rust, or of it only what is named, installed with Debian's package manager where it is
# missing and we may.
set -euo pipefail

declare -A package=(
    [python3]=python3 [node]=nodejs [npm]=npm [mkfs.ext4]=e2fsprogs [ip]=iproute2
    [javac]=default-jdk-headless [mvn]=maven [go]=golang-go [ruby]=ruby [make]=make
    [cmake]=cmake [g++]=g++ [autoconf]=autoconf [automake]=automake [libtoolize]=libtool
)
[ $# -gt 0 ] || set -- "${!package[@]}"
missing=()
for tool in "$@"; do
    command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
done
# venv is a module of Python's, without a program of its own.
/usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "the tests need these packages: ${missing[*]}" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
fi
