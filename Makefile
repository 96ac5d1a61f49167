.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8080
DATA_DIR ?= .data
export PORT DATA_DIR

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: setup ## Serve wavemill on http://127.0.0.1:8080 (PORT=, DATA_DIR=)
	@exec $(BIN)/wavemill up

# Many tests wait more than they compute, so two go on at once. What measures has the machine to itself.
WORKERS ?= 2
.PHONY: test
test: setup-dev ## Run all tests that can run on this machine (WORKERS=)
	@tools/browser.sh
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: docker-test
docker-test: setup-dev ## Build the images and test them, with an engine of its own where it may
	@tools/docker_engine.sh $(BIN)/python -m pytest tests/docker -p no:cacheprovider

.PHONY: test-aws
test-aws: setup-dev ## Run the end-to-end tests on S3 and DynamoDB (moto's server)
	@tools/browser.sh
	@$(BIN)/python -m pytest --stores aws tests/e2e

.PHONY: staging-test
staging-test: setup-dev ## Test against AWS itself, with the credentials that are there (AWS_REGION=)
	@$(BIN)/python -m pytest tests/aws -m aws

.PHONY: test-large
test-large: setup-dev ## Send large files, whole and cut at 60 %, to disk and to S3; measure memory (minutes)
	@tools/browser.sh
	@$(BIN)/python -m pytest tests/e2e/test_large_upload.py tests/e2e/test_tus_large.py \
	  tests/e2e/test_page_cut.py tests/e2e/test_direct_cut.py -m slow -s

.PHONY: test-slow
test-slow: setup-dev ## Run what takes minutes: loudness, copies, thousands of bad inputs
	@$(BIN)/python -m pytest tests/integration tests/security -m slow

.PHONY: security
security: setup-dev ## Prove the table of threats: what holds against each, by which tests
	@tools/browser.sh
	@$(BIN)/python -m pytest $$(PYTHONPATH=tests $(BIN)/python -m security.threat_table)

JOBS ?= 200
SEEDS ?= 1
SCALE ?= 0.1
STORES ?= embedded
.PHONY: chaos
chaos: setup-dev ## Kill everything while jobs run; judge what is left (JOBS=, SEEDS=, SCALE=, STORES=aws)
	@PYTHONPATH=tests $(BIN)/python -m chaos storm --jobs $(JOBS) --seeds $(SEEDS) --scale $(SCALE) --stores $(STORES)

.PHONY: chaos-mutants
chaos-mutants: setup-dev ## Take out one part of the protocol after the other: each must be missed
	@PYTHONPATH=tests $(BIN)/python -m chaos mutants

.PHONY: bench bench-full bench-page
bench: setup-peers ## Measure beside bare ffmpeg, Redis, aiohttp and peers: a table (ONLY=, PAIRS=)
	@PYTHONPATH=tests $(BIN)/python -m bench $(BENCH_ARGUMENTS) --out .bench
bench-full: setup-peers ## The same at full sizes, kept and told in docs/performance.md (hours)
	@PYTHONPATH=tests $(BIN)/python -m bench $(BENCH_ARGUMENTS) --full --out tests/bench/results
	@PYTHONPATH=tests $(BIN)/python -m bench.life --out tests/bench/results/life.json
	@$(MAKE) bench-page
bench-page: setup-dev ## Write docs/performance.md and its pictures from the results that are kept
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@PYTHONPATH=tests $(BIN)/python -m bench.told
BENCH_ARGUMENTS = $(if $(ONLY),--only $(ONLY)) $(if $(PAIRS),--pairs $(PAIRS))

.PHONY: simulate
simulate: setup-dev ## Simulate the queue: who waits how long; write docs/scaling.md (a minute)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@PYTHONPATH=tests $(BIN)/python -m bench.simulation

.PHONY: costs
costs: setup-dev ## Count what a job costs on S3, DynamoDB and Redis; write docs/scaling.md (minutes)
	@PYTHONPATH=tests $(BIN)/python -m bench.costs

.PHONY: check
check: setup-dev ## Lint, types, import rules, lock files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/locks.py
	@! grep -nE '://' requirements/*.txt || (echo 'lock files must name no host' >&2; false)

.PHONY: format
format: setup-dev ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: setup-dev ## Write the pages that are made from the code
	$(BIN)/python tools/configuration.py
	$(BIN)/python tools/formats_page.py
	$(BIN)/python tools/licences_page.py
	$(BIN)/python tools/dashboard.py
	$(BIN)/python tools/metrics_table.py

.PHONY: fidelity
fidelity: setup-dev ## Prove that what comes out is right, all of it; write docs/fidelity.md (long)
	FIDELITY_PAGE=docs/fidelity.md $(BIN)/python -m pytest tests/fidelity -m "slow or not slow"

.PHONY: pictures
pictures: setup-dev ## Take the pictures of docs/ from the real page
	PYTHONPATH=tests $(BIN)/python tools/screenshot.py
	PYTHONPATH=tests $(BIN)/python tools/top_picture.py

.PHONY: faults
faults: setup-dev ## Play every named fault and write the table of docs/reliability.md
	$(BIN)/python tools/named_faults.py

.PHONY: sbom
sbom: setup-dev ## Write dist/wavemill.cdx.json: a bill of materials (CycloneDX)
	$(BIN)/python tools/sbom.py

.PHONY: audit
audit: setup-dev ## Ask for known vulnerabilities in what is pinned
	@$(BIN)/python tools/audit.py

.PHONY: lock
lock: setup-dev ## Resolve all requirements anew
	tools/lock.sh

.PHONY: setup setup-dev
setup:
	@$(PYTHON) tools/bootstrap.py run
setup-dev:
	@$(PYTHON) tools/bootstrap.py dev

.PHONY: setup-peers
setup-peers: setup-dev .venv-bench/made .venv-bench/tus/made
.venv-bench/made: requirements/peers.txt
	@echo 'Setting up the peers of the benches in .venv-bench (once)…'
	@$(PYTHON) -m venv --clear .venv-bench
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@
# Without npm's registry the row against tus is left out, and the others are measured.
.venv-bench/tus/made: .venv-bench/made $(wildcard tests/bench/peers/tus/*)
	@rm -rf $(@D) && cp -r tests/bench/peers/tus $(@D)
	@PATH=$(CURDIR)/.venv-bench/bin:$$PATH npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund \
	  --omit=optional --silent && touch $@ || echo 'npm could not fetch @tus/server' >&2
