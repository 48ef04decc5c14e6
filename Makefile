# The two commands of the README, and the steps they are made of.

LAMBENT ?= target/release/lambent

.PHONY: run test build tools

## Builds, starts the platform, deploys the examples, shows them working, and keeps serving.
run: build
	@bash conformance/tools.sh python3 node make
	@bash examples/run.sh $(LAMBENT)

## Everything CI runs.
test: tools
	cargo xtask ci

build:
	cargo build --release --package server

## What the tests need besides Rust: Python with venv, Node.js, and the tools that the official clients build with.
tools:
	@bash conformance/tools.sh
