# What there is to run. Each target does its own set-up; `make` alone prints this list.

CARGO_DENY_VERSION := 0.20.2
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR

# cargo-deny from the path, else our own, built once for this target folder.
CARGO_DENY := $(or $(shell command -v cargo-deny),$(CARGO_TARGET_DIR)/tools/bin/cargo-deny)

# Arguments for the command behind a target: make bench ARGS="drain --json"
ARGS ?=

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: test
test: setup setup-test ## the tests, with real servers
	cargo test --workspace $(ARGS)

.PHONY: check
check: setup-build $(CARGO_DENY) ## format, lints, licences and sources, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	$(CARGO_DENY) check bans licenses sources
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

.PHONY: demo
demo: setup ## see the promise kept: writers, a relay that is killed, and the proof
	cargo run --package postrider -- demo $(ARGS)

.PHONY: chaos
chaos: setup ## kill everything at random for a while, and prove that nothing was lost or doubled
	cargo test --workspace --test suites -- --ignored --nocapture --test-threads 1 chaos::chaos

.PHONY: long
long: setup setup-test ## the tests that take minutes each, without chaos: an hour in all
	cargo test --workspace --test suites -- --ignored --nocapture --test-threads 1 --skip chaos:: $(ARGS)

.PHONY: bench
bench: setup ## measure on this machine: ARGS="drain --repeat 3"
	cargo run --release --package postrider -- bench $(ARGS)

.PHONY: setup
setup: ## look for what the other targets need, and install it where that is possible
	@scripts/setup build servers

.PHONY: setup-test
setup-test:
	@scripts/setup versions recipes pooler

.PHONY: setup-build
setup-build:
	@scripts/setup build

$(CARGO_TARGET_DIR)/tools/bin/cargo-deny:
	cargo install cargo-deny --locked --version $(CARGO_DENY_VERSION) --root $(CARGO_TARGET_DIR)/tools
