# The menu: cron, CI and people call the same targets. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
# Snapshots of the benchmarks and the environment of their peers; they are kept.
BENCH ?= build/bench
# Text that reaches a file or a pipe must not depend on the caller's locale.
export PYTHONUTF8 := 1

##@ Use
.PHONY: install run
install: .venv/.installed ## make .venv and install the locked dependencies

run: install ## embedded API, a month of simulated snapshots over HTTP, then a nightly run: a report
	$(BIN)/fleetledger --data-dir data/demo demo

##@ Develop
.PHONY: develop check test test-crash soak test-lowest bench bench-full focus-validate docs site gold sample screenshots lock
develop: .venv/.developed ## also install what tests and checks need

check: develop ## lint, format, types, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.generate --check

test: develop ## the whole suite, with branch coverage; T=path or T="-k words" for a part, without
	$(BIN)/python -m pytest $(if $(T),$(T),-n 2 --dist loadfile --cov)

test-lowest: ## the suite at the lowest versions that pyproject.toml allows (needs uv); T=path for a part
	uv venv --quiet --clear --python $(PYTHON) .venv-lowest
	uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
	  --editable '.[simulator,s3,notebook,mcp,dask]' --group dev
	.venv-lowest/bin/python -m pytest $(if $(T),$(T),-n 2 --dist loadfile)

test-crash: develop ## 10,000 kills and 10,000 flipped bits against the store (minutes)
	THOROUGH=1 $(BIN)/python -m pytest -q tests/store

soak: develop ## a month of hourly runs in real processes, with faults at random: docs/reliability.md (half an hour)
	$(BIN)/python -m benchmarks.soak --write

bench: $(BENCH)/peers/.installed develop ## compare with DuckDB, Polars and plain loops, and write docs/benchmarks.md (a quarter of an hour, and as long again for its data the first time)
	$(BIN)/python -m benchmarks.bench --data $(BENCH) --peer-python $(BENCH)/peers/bin/python

bench-full: $(BENCH)/peers/.installed develop ## the same with hourly snapshots of a year, nights of a million clusters (an hour or two; 20 GB of disk)
	$(BIN)/python -m benchmarks.bench --data $(BENCH) --peer-python $(BENCH)/peers/bin/python --full

$(BENCH)/peers/.installed: benchmarks/peers.lock
	$(PYTHON) -m venv $(BENCH)/peers
	$(BENCH)/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/peers.lock
	touch $@

focus-validate: develop ## the official FOCUS validator on our files; skipped without a Python 3.12, which it needs
	@if .ci/python312 >/dev/null; then \
	  $(MAKE) --no-print-directory .venv-focus/.installed && \
	  $(BIN)/python -m pytest -q -rP tests/focus/test_validator.py; \
	else echo 'focus-validate: skipped: no Python 3.12 here (PYTHON312, PATH, pyenv), the only one that focus-validator 2.2.1 runs on'; fi

docs: develop ## write the generated pages of docs/ again
	$(BIN)/python -m docs.generate

site: develop ## the pages of docs/ as a website in build/site; a warning is an error
	rm -rf build/site
	$(BIN)/python -m sphinx -q -n -W --keep-going -E -d build/doctrees docs build/site

gold: develop ## accept the present output as the gold files of tests/gold
	UPDATE_GOLD=1 $(BIN)/python -m pytest -q tests -k gold

sample: develop ## make data/sample again from its recipe
	$(BIN)/python -m docs.sample

screenshots: develop ## pictures of page, mail, print and terminal from the demo, in build/screenshots (needs Chromium)
	@test -f data/demo/reports/latest/report.html || $(MAKE) --no-print-directory run
	$(BIN)/python -m docs.screenshots

lock: ## renew the lock files (needs uv); they carry hashes and no index address
	uv pip compile --quiet --upgrade --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header \
	  --all-extras --group dev -o requirements-dev.lock pyproject.toml
	uv pip compile --quiet --upgrade --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra simulator --extra s3 --group build -c requirements-dev.lock -o requirements.lock pyproject.toml
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --group peers -o benchmarks/peers.lock
	uv pip compile --quiet --upgrade --python-version 3.12 --generate-hashes --no-header \
	  -o .ci/focus-validator.lock .ci/focus-validator.in
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  -o .ci/release.lock .ci/release.in

##@ Release
.PHONY: dist sbom audit
dist: develop .venv-release/.installed ## wheel and source archive in build/dist, checked
	rm -rf build/dist
	$(BIN)/python -m hatchling build --directory build/dist
	.venv-release/bin/twine check --strict build/dist/*

sbom: .venv-release/.installed ## what an installation holds, as CycloneDX, from requirements.lock: build/sbom.json
	mkdir -p build
	.venv-release/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file build/sbom.json requirements.lock

audit: .venv-release/.installed ## known vulnerabilities of what is locked (needs the network, so not in CI)
	.venv-release/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip
	.venv-release/bin/pip-audit --requirement requirements-dev.lock --require-hashes --disable-pip

##@ Clean
.PHONY: clean
clean: ## remove .venv, build and the demo's data; your own data/ stays
	rm -rf .venv .venv-lowest .venv-focus .venv-release build data/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

.venv/.developed: requirements-dev.lock .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

.venv-focus/.installed: .ci/focus-validator.lock
	$$(.ci/python312) -m venv .venv-focus
	.venv-focus/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

.venv-release/.installed: .ci/release.lock
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
