# Every target has a help text after `##`; `make` alone prints them.

# Outside the clone, so that clones share it.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lakewire/target

cargo := scripts/cargo
# The short crash test; `make crash` runs the long one.
crash_rounds := 8
# Those of a test run: a few minutes.
simulate_seeds := 0..300

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup build dev test unit tidy conformance components browser crash storage infra prices e2e-short e2e-aws simulate simulate-sabotage lint fmt deny bench bench-runtime bench-storage bench-search bench-aws clean

help: ## Print this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

setup: ## Install what is missing: Rust components, node packages, test runner, browser, Python tools
	@scripts/setup

build: ## Build the release binary, target/release/lakewire
	@scripts/setup build
	$(cargo) build --release --locked -p lakewire
	@mkdir -p target/release
	@[ target/release -ef "$(CARGO_TARGET_DIR)/release" ] || ln -sf "$(CARGO_TARGET_DIR)/release/lakewire" target/release/lakewire

dev: build ## Run the example chat on a local deployment; ctrl-C stops it
	@scripts/dev

test: setup ## Everything that must pass before a change lands
	@$(MAKE) --no-print-directory lint tidy unit conformance components browser storage e2e-short
	@$(MAKE) --no-print-directory simulate SEEDS=$(simulate_seeds)
	@$(MAKE) --no-print-directory crash LAKEWIRE_CRASH_ROUNDS=$(crash_rounds)

tidy: ## House rules: file sizes, layers, words
	$(cargo) nextest run --locked -p lakewire-tidy --no-fail-fast

unit: ## Tests in Rust
	$(cargo) nextest run --locked --workspace --exclude lakewire-tidy --profile $(if $(CI),ci,default)

# These run the release build, whatever else was built since.
conformance components browser crash storage e2e-short e2e-aws: export LAKEWIRE_BIN ?= $(CARGO_TARGET_DIR)/release/lakewire

conformance: build ## The official client and CLI against the server
	npm run --silent --prefix tests conformance

components: build ## Official components from npm in an app of our own
	$(cargo) build --locked --workspace --bin lakewire-emulator
	npm run --silent --prefix tests components

browser: build ## The examples in a headless browser
	npm run --silent --prefix tests browser

crash: export LAKEWIRE_CRASH_ROUNDS ?= 50
crash: build ## kill -9 under load, 50 times; LAKEWIRE_CRASH_ROUNDS=n for n times
	npm run --silent --prefix tests crash

storage: build ## Local storage and emulated AWS: promote, branches, restore, kill -9, two servers, conformance
	$(cargo) build --locked --workspace --bin lakewire-emulator
	npm run --silent --prefix tests storage

e2e-short: build ## The short form of `make e2e-aws`: no stack, few kills, no conformance
	$(cargo) build --locked --workspace --bin lakewire-emulator
	npm run --silent --prefix tests e2e:short

e2e-aws: build ## A deployment of functions, table, bucket and relays on emulated AWS: CLI, clients, faults, kills, conformance
	$(cargo) build --locked --workspace --bin lakewire-emulator
	@scripts/setup infra
	npm run --silent --prefix tests e2e
	npm run --silent --prefix tests conformance:serverless

infra: ## The stacks of AWS: types, templates, Terraform, and a deployment to emulated AWS where every role is tried
	@scripts/setup infra
	npm test --silent --prefix infra/cdk
	npm run --silent --prefix tests infra
	npm run --silent --prefix tests prices -- --check

prices: ## Compute docs/prices.md from the stack's own numbers
	@scripts/setup infra
	npm run --silent --prefix tests prices

SEEDS ?= 0..400
simulate: ## Everything that keeps data, in a simulated world where all goes wrong; SEEDS=a..b
	$(cargo) run --release --locked -p lakewire-simulate -- --seeds $(SEEDS) --jobs $$(nproc)

simulate-sabotage: ## Breaks rules of the code, and sees that the simulation notices
	$(cargo) run --release --locked -p lakewire-simulate --features sabotage -- sabotage

lint: ## Formatting and clippy, warnings as errors
	$(cargo) fmt --all --check
	$(cargo) clippy --locked --workspace --all-targets -- -D warnings

fmt: ## Format all Rust code
	$(cargo) fmt --all

deny: ## Licences and advisories of the dependencies (needs cargo-deny)
	$(cargo) deny check

bench: build ## Measure a server, results go to benches/results; ARGS="--only NAME --seconds N"
	$(cargo) build --release --locked -p lakewire-bench
	node tests/bench/run.mjs $(ARGS)

bench-runtime: build ## Measure what running functions costs
	$(cargo) build --release --locked -p lakewire-functions --example bench_runtime
	node tests/bench/runtime.mjs

bench-storage: ## Measure the storage layer with the latencies of a cloud; ARGS="--only NAME --documents N --seconds N"
	$(cargo) build --release --locked -p lakewire-bench-storage
	node tests/bench-storage/run.mjs $(ARGS)

bench-search: ## Measure searching, beside tantivy, faiss and hnswlib; ARGS="--only text|vector --documents N --vectors N"
	@scripts/setup bench
	$(cargo) build --release --locked -p lakewire-bench-search
	node tests/bench-search/run.mjs $(ARGS)

bench-aws: export LAKEWIRE_BIN ?= $(CARGO_TARGET_DIR)/release/lakewire
bench-aws: build ## Measure a deployment on emulated AWS with the latencies of AWS; ARGS="--only NAME --usage"
	$(cargo) build --release --locked -p lakewire-bench
	$(cargo) build --locked --workspace --bin lakewire-emulator
	@scripts/setup infra
	node tests/bench-aws/run.mjs $(ARGS)

clean: ## Remove what was built, and the data of `make dev`
	$(cargo) clean
	rm -rf .lakewire target examples/*/dist
