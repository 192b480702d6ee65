# One command for each thing that one does here; `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-qci bench-pages bench-adopt bench-lambda screenshots build clean setup \
	postgres sam check test-rust test-sdk test-template test-lambda test-cloud test-judge lint-rust lint-template

# What a command passes on: make demo ARGS='--calls 200'
ARGS :=
# What `make build` builds for: x86_64 or arm64, and this machine's own unless told.
ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

# `sam build` asks cargo lambda to build.
# Most of what a test does is wait: for a database, a timeout, a browser.
export RUST_TEST_THREADS ?= $(shell expr 2 '*' "$$(getconf _NPROCESSORS_ONLN)")

SAM := PATH="$(CURDIR)/.tools/venv-lambda/bin:$$PATH" SAM_CLI_TELEMETRY=0 .tools/venv-sam/bin/sam
LAMBDA := PATH="$(CURDIR)/.tools/venv-lambda/bin:$$PATH" cargo lambda

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: postgres ## see it work: a simulated Vapi, a throw-away PostgreSQL, a sync (ARGS='--calls 200')
	@setup/build.sh
	@cargo run --quiet --package callmark -- demo $(ARGS)

# Cargo knows what changed: once everything is built, this takes less than a minute.
check: ## the inner loop: format, lints and unit tests of what changed
	@setup/rust.sh
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	cargo test --quiet --workspace --lib --bins

test: test-rust ## run every test (ARGS='name of a test')
	@$(MAKE) --no-print-directory test-sdk
	@if command -v python3 >/dev/null; then $(MAKE) --no-print-directory test-template test-lambda test-cloud; \
	else echo 'no python3: neither was the template tested, nor the functions under Lambda'"'"'s protocol'; fi

test-rust: postgres # the part of it that is Rust
	@setup/pgbouncer.sh
	@setup/postgres_versions.sh
	@setup/browser.sh
	cargo test --workspace $(ARGS)

test-sdk: postgres # hold the simulator against Vapi's own client libraries
	@setup/sdk.sh
	@tests/sdk/check

test-template: # hold the AWS template to what it should be, and play events on its bus
	@setup/venv.sh template tests/template/requirements.txt
	@.tools/venv-template/bin/python tests/template/run

# With the tests, so that dependencies have the features that `cargo test` built them with, and are not built again.
test-lambda: postgres # run the functions' binaries under Lambda's runtime protocol
	@setup/venv.sh lambda setup/requirements-lambda.txt
	@setup/venv.sh lambda-test tests/lambda/requirements.txt
	cargo build --quiet --workspace --bins --tests
	@.tools/venv-lambda-test/bin/python tests/lambda/run

# Lambda's emulator is for Linux, like the binaries, which are those that `sam deploy` would take.
test-cloud: postgres build # run the whole stack: release binaries, and the template's rules and roles
	@setup/venv.sh template tests/template/requirements.txt
	cargo build --quiet --workspace --bins --tests
	@if [ "$$(uname -s)" = Linux ]; then .tools/venv-template/bin/python tests/cloud/run; \
	else echo 'not Linux: the release binaries were built, and not run'; fi

test-judge: postgres ## score calls by a small real model: opt-in, compiles its server for ten minutes
	@setup/venv.sh judge tests/judge/requirements.txt
	cargo build --quiet --package callmark
	@.tools/venv-judge/bin/python tests/judge/run

lint: lint-rust lint-template ## check format, lints and the AWS template

lint-rust: # the part of it that is about Rust
	@setup/rust.sh
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# Each of the three finds what the others let through.
lint-template: ## check the AWS template, without an account
	@setup/venv.sh sam setup/requirements-sam.txt
	@setup/venv.sh cfn setup/requirements-cfn.txt
	$(SAM) validate --region eu-west-1
	$(SAM) validate --region eu-west-1 --lint
	.tools/venv-cfn/bin/python setup/lint_template.py template.yaml

bench: postgres ## time a sync of 10,000 and of 100,000 calls (ARGS='--calls 10000'), then scoring, the pages, the functions' start
	cargo bench --package tests --bench sync -- $(ARGS)
	@$(MAKE) --no-print-directory bench-qci ARGS=
	@$(MAKE) --no-print-directory bench-pages ARGS=
	@$(MAKE) --no-print-directory bench-lambda ARGS=

bench-qci: postgres ## time scoring alone (ARGS='--rounds 5')
	cargo bench --package tests --bench qci -- $(ARGS)

bench-pages: postgres ## time the pages at 1,000,000 calls (ARGS='--calls 100000')
	cargo bench --package tests --bench pages -- $(ARGS)

# Ten minutes, and not part of `make bench`.
bench-adopt: postgres ## adopt 1,000,000 calls of the earlier system (ARGS='--calls 100000')
	cargo bench --package tests --bench adopt -- $(ARGS)

bench-lambda: build ## weigh the functions, and time their cold start (ARGS='--starts 100')
	@setup/venv.sh template tests/template/requirements.txt
	@.tools/venv-template/bin/python tests/cloud/bench $(ARGS)

screenshots: postgres ## take the pictures of the pages that docs/ shows (ARGS='--all FOLDER')
	@setup/browser.sh
	cargo run --quiet --package tests --bin screenshots -- $(ARGS)

# All at once, so that two are linked at a time: sam has them built one after the other. It then finds them built.
build: sam ## build the functions as `sam deploy` takes them (ARCH=arm64 for Graviton)
	@setup/rust.sh
	$(LAMBDA) build --release $(if $(filter arm64,$(ARCH)),--arm64)
	$(SAM) build --parameter-overrides Architecture=$(ARCH)

sam: # what builds for AWS
	@setup/venv.sh sam setup/requirements-sam.txt
	@setup/venv.sh lambda setup/requirements-lambda.txt

setup: postgres sam ## install everything that the commands above install when they need it
	@setup/pgbouncer.sh
	@setup/postgres_versions.sh
	@setup/browser.sh
	@setup/sdk.sh
	@setup/venv.sh cfn setup/requirements-cfn.txt
	@setup/venv.sh lambda-test tests/lambda/requirements.txt
	@setup/venv.sh template tests/template/requirements.txt

postgres: # Rust and PostgreSQL: all that the demo needs
	@setup/rust.sh
	@setup/postgres.sh

clean: ## remove what was built and what was installed here
	cargo clean
	rm -rf .tools .aws-sam tests/sdk/node_modules
