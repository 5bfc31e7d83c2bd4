# make quickstart   train on Fashion-MNIST through the daemon, and draw images
# make test         all tests; make lint checks the format
# make build        the programs, optimised, in .build/release
# make test-peer    compare with PyTorch and diffusers; make bench times both, make quality trains both

SWIFT ?= swift
CHECKS = --explicit-target-dependency-import-check error
RELEASE = -c release --static-swift-stdlib $(CHECKS)
FORMATTED = Package.swift Sources Tests

.PHONY: quickstart build test test-peer bench quality lint format packages clean

quickstart: build
	scripts/quickstart

build: packages
	$(SWIFT) build $(RELEASE)

test: packages
	$(SWIFT) build --build-tests $(CHECKS)
	$(SWIFT) test --skip-build

test-peer: build
	scripts/with-peer python -m pytest -q Tests/Peer

bench: build
	scripts/with-peer python Tests/Peer/compare.py --output docs/benchmarks.md

quality: build
	scripts/with-peer python Tests/Peer/quality.py --output docs/quality.md

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(FORMATTED)

format:
	$(SWIFT) format --in-place --recursive --parallel $(FORMATTED)

packages:
	@scripts/install-packages

clean:
	rm -rf .build quickstart
