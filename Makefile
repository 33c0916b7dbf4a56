# The names that people and CI call. Everything happens in a virtual environment below the checkout.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := sh tools/pip.sh $(BIN)/python
# What is compiled: C, Cython, and the Python modules that have a .pxd beside them.
SOURCES := setup.py $(shell find csrc src -name '*.[ch]' -o -name '*.pyx' -o -name '*.px[di]')
SOURCES += $(wildcard $(patsubst %.pxd,%.py,$(filter %.pxd,$(SOURCES))))

.DEFAULT_GOAL := help
.PHONY: help toolchain git build demo test test-anywhere test-pipecat test-livekit test-interop test-lowest qemu prove bench bench-load bench-pipecat docs lint format fuzz sanitize coverage wheel wheels clean

help:  ## Say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

toolchain git:
	@sh tools/check_toolchain.sh $(PYTHON) $@

$(VENV)/.made: | toolchain
	@test -w . || { echo "voiceband: this folder cannot be written to; clone it into one of your own (git clone . ~/voiceband)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -U pip
	@$(PIP) install $$($(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	@touch $@

# Once in a checkout, for all environments of the same Python; then only what has changed, for setup.py keeps the objects.
$(VENV)/.compiled: $(SOURCES) | $(VENV)/.made
	@echo "compiling voiceband for $$($(BIN)/python -V): a minute the first time, then only what has changed"
	@$(BIN)/python setup.py -q build_ext --inplace
	@touch $@

# One stamp per extra, so that each is installed once and again only when the metadata changes. A wheel is preferred to a newer
# sdist, which would be built with what this project is built with, and may want something else.
$(VENV)/.stamp-%: pyproject.toml | $(VENV)/.compiled
	@echo "installing voiceband[$*] into $(VENV)"
	@$(PIP) install --prefer-binary --no-build-isolation -e '.[$*]'
	@touch $@

build: $(VENV)/.stamp-cli  ## Build and install into .venv

demo: $(VENV)/.stamp-cli  ## Place an emulated call to the sample agent and keep its recording
	@$(BIN)/voiceband demo

# Several at a time, tests/conftest.py says how many: tests wait, for sockets and for processes. A worker takes tests that follow
# one another, for those of a file share fixtures, and at the end some of another's. Their order is random, and another one with
# each commit; SEED=N repeats one.
SEED ?= $(shell git rev-list --count HEAD 2>/dev/null || echo 1)
# Hundreds of interpreters start in it: what one has compiled the next one need not, whatever the machine's settings are.
SUITE = env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -q -n auto --dist worksteal --randomly-seed=$(SEED)

test: git $(VENV)/.stamp-test  ## Run the whole test suite
	@sh tools/get_browser.sh $(BIN)
	@$(SUITE)

test-anywhere: git $(VENV)/.stamp-test  ## Run it in one surrounding after the other (IN="not-root busy")
	@VENV=$(VENV) SEED=$(SEED) bash tools/anywhere.sh $(IN)

# Frameworks whose requirements are their own: each has its own environment, beside the checkout's.
test-pipecat:  ## Test the pipecat serializer in pipecat's own pipeline
	@$(MAKE) -s VENV=$(VENV)-pipecat $(VENV)-pipecat/.stamp-test-pipecat
	@$(VENV)-pipecat/bin/python -m pytest tests/frameworks/pipecat

test-livekit:  ## Test the LiveKit audio pair with LiveKit's own agents
	@$(MAKE) -s VENV=$(VENV)-livekit $(VENV)-livekit/.stamp-test-livekit
	@$(VENV)-livekit/bin/python -m pytest tests/frameworks/livekit

test-interop:  ## Call agents that were built with other packages
	@$(MAKE) -s VENV=$(VENV)-interop $(VENV)-interop/.stamp-test-interop
	@$(VENV)-interop/bin/python -m pytest tests/frameworks/interop

test-lowest:  ## Run the core of the suite with the lowest version of everything that pyproject.toml allows
	@$(MAKE) -s VENV=$(VENV)-lowest $(VENV)-lowest/.stamp-emulator
	@sh tools/test_lowest.sh $(VENV)-lowest/bin

qemu: | toolchain  ## Compare the kernels on other processors and systems, by qemu, Wine and zig, as far as they are there
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install ziglang || echo "there is no zig: musl and Windows are skipped"
	@bash tools/qemu.sh $(BIN)/python

prove: git $(VENV)/.stamp-test  ## Run the long proofs too
	@sh tools/get_browser.sh $(BIN)
	@VOICEBAND_PROVE=1 $(SUITE)

bench: $(VENV)/.stamp-bench $(VENV)/.stamp-test  ## Run the benchmarks beside the rivals
	@$(BIN)/python -m pytest benchmarks $(if $(SMOKE),,--benchmark-enable)

bench-load: $(VENV)/.stamp-bench $(VENV)/.stamp-test  ## Put whole servers under load beside the rivals, which have an environment of their own
	@test -x $(VENV)-rivals/bin/python || $(PYTHON) -m venv $(VENV)-rivals
	@PYTHONWARNINGS=ignore $(VENV)-rivals/bin/python -m pip --disable-pip-version-check -q install uvloop plivo \
	  plivo-stream-sdk==0.1.1 agent-transport==0.2.2 'pipecat-ai[websocket]==1.14.0'
	@$(BIN)/python -m benchmarks.load --rivals $(VENV)-rivals/bin/python $(if $(SMOKE),--repeats 1 --seconds 1)

bench-pipecat:  ## Run the pipecat serializer beside pipecat's own
	@$(MAKE) -s VENV=$(VENV)-pipecat $(VENV)-pipecat/.stamp-test-pipecat
	@$(VENV)-pipecat/bin/python -m pytest benchmarks/test_bench_pipecat.py --benchmark-enable

docs: $(VENV)/.stamp-docs  ## Build the documentation into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs -q build
	@$(BIN)/python tools/check_site.py build/site

lint: $(VENV)/.stamp-lint  ## Check types, style and C warnings
	@sh tools/lint.sh $(BIN)

format: $(VENV)/.stamp-lint  ## Format the C and Python sources
	@$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format -q . ; $(BIN)/clang-format -i csrc/*.c csrc/*.h csrc/simd/*.h tests/dsp/c/*.c fuzz/*.[ch]

fuzz:  ## Fuzz every C kernel with clang, and every reader with atheris, for SECONDS (60) each
	@PYTHON=$(BIN)/python sh fuzz/run.sh $(or $(SECONDS),60)

sanitize:  ## Run the suite under AddressSanitizer and UBSan
	@sh tools/sanitize.sh $(PYTHON)

coverage: git toolchain  ## Print how much of each room the suite runs (IN="tests/dsp tests/formats")
	@sh tools/coverage.sh $(PYTHON) $(IN)

wheel: $(VENV)/.stamp-test  ## Build the sdist, and a wheel from it, into dist/
	@$(BIN)/python -m build

wheels: $(VENV)/.stamp-test  ## Build and test the release wheels of this platform into wheelhouse/
	@$(PIP) install 'cibuildwheel>=3.1'
	@$(BIN)/python -m cibuildwheel --output-dir wheelhouse

clean:  ## Remove everything that was made
	@rm -rf .venv* build dist wheelhouse *.egg-info src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks asan.log*
	@find src -name '*.so' -delete
	@find . -name __pycache__ -prune -exec rm -rf {} +
