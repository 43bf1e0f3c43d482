# SPDX-License-Identifier: Apache-2.0
# The short way to everything; the build itself is Meson's. `make help` lists what there is.
BUILD := build
BENCH_BUILD := build-release
PREFIX ?= /usr/local
ARGS ?=

# An interface needs privileges that an ordinary user does not have.
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: all build run demo test fuzz coverage bench soak install deps clean help

all: build

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) -n | grep -q 'no work to do' || ninja -C $(BUILD)
	@ln -sf src/mycelium $(BUILD)/mycelium

$(BUILD)/build.ninja:
	@command -v meson ninja pkg-config >/dev/null || \
		{ echo "Meson, ninja and pkg-config are needed: 'make deps' installs what is missing."; exit 1; }
	meson setup $(BUILD) -Dtests=false -Db_lto=true --prefix $(PREFIX)

# Builds and starts a node in the foreground: make run ARGS="--peers tcp://192.0.2.1:9651"
run:
	@tools/deps.sh build
	@$(MAKE) --no-print-directory build
	@exec $(SUDO) $(BUILD)/mycelium $(ARGS)

# Four nodes on this machine, a broken relay and its repair. No internet, no peers.
demo:
	@tools/deps.sh build lab
	@$(MAKE) --no-print-directory build
	@$(SUDO) demo/demo.py $(ARGS)

# Everything: unit, vectors, fuzz corpora, simulation, real nodes; sanitizers, both compilers. ARGS: see tools/test.sh.
test:
	@tools/test.sh $(ARGS)

# Every parser on inputs that coverage guides: make fuzz ARGS="SECONDS [TARGET...]", see tools/fuzz.sh.
fuzz:
	@tools/deps.sh build test
	@tools/fuzz.sh $(ARGS)

# Lines of src/wire and src/router that unit tests and fuzz corpora run: make coverage ARGS="--missed [ROOM...]".
coverage:
	@tools/deps.sh build test
	@tools/coverage.sh $(ARGS)

# Throughput, packets per second, latency, a path with loss, memory, stages; beside a bare link and a bare tunnel:
# make bench ARGS="--rounds 5". Each alone: bench/throughput.py and so on, with --help.
bench: $(BENCH_BUILD)/build.ninja
	@ninja -C $(BENCH_BUILD) -n | grep -q 'no work to do' || ninja -C $(BENCH_BUILD)
	@for part in throughput packets latency lossy memory; do \
		$(SUDO) env MYCELIUM_REFERENCE="$(MYCELIUM_REFERENCE)" \
			bench/$$part.py --program $(BENCH_BUILD)/src/mycelium $(ARGS) || exit 1; \
	done
	@$(BENCH_BUILD)/bench/stages

$(BENCH_BUILD)/build.ninja:
	@tools/deps.sh build lab test
	meson setup $(BENCH_BUILD) -Db_lto=true

# Many real nodes with churn, cuts and floods, for an hour: make soak ARGS="--minutes 10 --nodes 12"
soak:
	@tools/deps.sh build lab
	@$(MAKE) --no-print-directory build
	@$(SUDO) tests/netns/soak.py --program $(BUILD)/mycelium $(ARGS)

install: build
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	meson install -C $(BUILD) $(if $(DESTDIR),--destdir "$(abspath $(DESTDIR))")

deps:
	@tools/deps.sh build lab test

clean:
	rm -rf $(BUILD) build-*

help:
	@echo "make            build $(BUILD)/mycelium"
	@echo "make run        build and start a node (ARGS=... are its options)"
	@echo "make demo       see it work on this machine alone"
	@echo "make test       all tests; ends with 'N passed, N failed'"
	@echo "make fuzz       fuzz all parsers for a minute each (ARGS=1800: half an hour each)"
	@echo "make coverage   lines of the protocol code that tests run"
	@echo "make bench      throughput, packets, latency, memory, stages"
	@echo "make soak       many nodes with churn and floods, for an hour"
	@echo "make install    to PREFIX ($(PREFIX)), under DESTDIR"
	@echo "make deps       install all packages that building and testing need"
	@echo "make clean      remove build directories"
