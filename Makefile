# The daily commands. Each sets up what it needs in .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# A folder of your own, and a question about it; without, the demo's.
DOCS ?=
Q    ?=
SHOWN := $(or $(DOCS),demo/workshop)
DEMO  := $(VENV)/demo/$(notdir $(abspath $(SHOWN)))

CHUNKS ?= 100000
PEERS  := .benchmarks/peers
TOOLS  := $(VENV)/tools

CLIENTS := .clients

.PHONY: setup demo serve test test-all package-test browser clients lint format typecheck lock audit bench \
	bench-quality bench-recall load clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time takes a few minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# The first time, the model is exported too, a few seconds' work. A large folder takes longer, and a bar shows how far it
# is; after Ctrl-C (make then ends with an error of its own) the next run goes on from there.
demo: $(READY)
	$(BIN)/ingest sync "$(SHOWN)" --index "$(DEMO)" || test $$? -eq 1  # 1: some files could not be read
	@echo
ifneq ($(Q),)
	$(BIN)/retrieve search "$(Q)" -k 3 --index "$(DEMO)"
else ifneq ($(DOCS),)
	@echo 'Now ask it something: make demo DOCS="$(DOCS)" Q="..."'
else
	$(BIN)/retrieve search "How long is a repair guaranteed?" -k 1 --index "$(DEMO)"
	$(BIN)/retrieve search "Why did the brake of the cargo bike squeal?" -k 1 --index "$(DEMO)"
	$(BIN)/retrieve search "Wie oft soll ich die Kette ölen?" -k 1 --index "$(DEMO)"
endif

# A page to search the demo's index with, at http://127.0.0.1:8080.
serve: $(READY)
	$(BIN)/ingest sync "$(SHOWN)" --index "$(DEMO)" || test $$? -eq 1
	$(BIN)/retrieve serve --index "$(DEMO)"

# Compiled modules are kept, whatever the environment says: many tests start a process, and each would compile anew.
test test-all: export PYTHONDONTWRITEBYTECODE :=

test: $(READY)
	$(BIN)/python -m pytest

test-all: $(READY)
	$(BIN)/python -m pytest -m "slow or not slow"

# Builds sdist and wheel, installs the wheel in a fresh environment, without and with extras, and does the main job there.
package-test: $(READY)
	$(BIN)/python -m tests.package_check

# The browser that the page is tested in, from Debian; as root. Without it those tests are skipped.
browser:
	apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium chromium-driver

# What makes clients from the service's description, and what they need; node and npm must be there. Without it, the tests
# of generated clients are skipped.
clients: $(CLIENTS)/.ready

$(CLIENTS)/.ready: tests/clients/requirements.txt tests/clients/package-lock.json
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)
	@npm ci --prefix $(CLIENTS) --no-audit --no-fund
	@touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(READY)
	$(BIN)/mypy

# What the image installs, with the hashes of all files: deploy/*.lock, from constraints.txt. Asks the package index.
lock: $(TOOLS)/.ready
	$(TOOLS)/bin/python -m deploy.lock

# Licences of all that is installed here, without the network; then known vulnerabilities of what the image installs.
audit: $(READY) $(TOOLS)/.ready
	$(BIN)/python -m deploy.licences
	$(TOOLS)/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		--requirement deploy/requirements.lock --requirement deploy/torch.lock \
		|| { echo "There is a vulnerability, or PyPI's database of them could not be asked: the lines above say which." >&2; \
		exit 1; }

$(TOOLS)/.ready: deploy/tools.txt
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# How fast all is next to what people use, on COLLECTIONS="path ..." or DOCS=FOLDER; about an hour. A quarter of it goes
# to an index of a million chunks, which SIZES=1000,10000,100000 leaves out.
bench: $(READY) $(PEERS)/.ready
	$(BIN)/python -m benchmarks.speed --peers $(PEERS)/bin/python --json .benchmarks/speed.json \
		--plot .benchmarks/speed.png $(if $(SIZES),--sizes $(SIZES)) $(or $(COLLECTIONS),"$(or $(DOCS),.)")

# Our search next to LangChain's, LlamaIndex's and txtai's, on collections in BEIR's format: COLLECTIONS="path ..."
bench-quality: $(READY) $(if $(COLLECTIONS),$(PEERS)/.ready)
	$(BIN)/python -m benchmarks.quality --peers $(PEERS)/bin/python $(COLLECTIONS)

$(PEERS)/.ready: benchmarks/quality/peers.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "Installing the peers into $(PEERS); the first time takes a few minutes and 1.6 GB."
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# What Chroma's own queries find of the nearest chunks; DOCS=FOLDER takes its passages, if they are enough.
bench-recall: $(READY)
	$(BIN)/python -m benchmarks.recall "$(or $(DOCS),.)" --chunks $(CHUNKS)

# How the service answers 16 clients for a minute while a folder is synced; CHUNKS=100000.
load: $(READY)
	$(BIN)/python -m benchmarks.load --chunks $(CHUNKS) --keep .benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
