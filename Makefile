# make quickstart   train on Fashion-MNIST through the daemon, and draw images
# make test         all tests; make lint checks the format
# make test-systemd the package and its service, in a machine with a systemd of its own; as root
# make build        the programs, optimised, in .build/release
# make install      what a machine needs, below PREFIX (/usr/local) and in /etc; DESTDIR for packagers;
#                   make uninstall takes it away again, but for the configuration, jobs and results
# make deb          the Debian package, in .build/deb
# make torture      kill the programs at random, CYCLES=1000 times, and check what is left
# make measure-scale  what queues of a hundred to a hundred thousand jobs cost; as root, on a disk of its own
# make fuzz         feed the readers of job files, state, models and images damaged input, SECONDS=30 each
# make test-report  look at job reports in headless Chromium, which it installs
# make test-peer    compare with PyTorch and diffusers; make bench times both, make quality trains both

SWIFT ?= swift
CHECKS = --explicit-target-dependency-import-check error
# Linked as Debian hardens programs: what the linker resolves is read-only before they begin. There is
# no _FORTIFY_SOURCE, which checks calls of C into buffers whose size the compiler knows: the kernels,
# the only C, make none.
HARDENED = -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker now
RELEASE = -c release --static-swift-stdlib $(HARDENED) $(CHECKS)
FORMATTED = Package.swift Sources Tests

DESTDIR ?=
PREFIX ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system
# Empty where the packager strips the programs.
STRIP ?= -s
# ":" where the packager has seen to what is needed.
INSTALL_PACKAGES ?= scripts/install-packages
BIN = .build/release
SHARE = .build/share
TO = $(DESTDIR)$(PREFIX)
DOC = $(TO)/share/doc/ddpmd
# What names files that are installed names them where they are.
PLACED = sed 's|\([=/]\)/usr/|\1$(PREFIX)/|'

.PHONY: quickstart build share install uninstall deb test test-systemd torture measure-scale fuzz test-peer bench quality lint format packages clean

quickstart: build
	scripts/quickstart

build: packages
	$(SWIFT) build $(RELEASE)

# What the programs say of themselves, laid out as it is installed below PREFIX/share.
share: build
	scripts/make-share $(BIN) $(SHARE)

# Root, who may have no Swift, installs what others have built with "make share".
install: $(if $(shell command -v $(SWIFT)),share)
	install -D $(STRIP) $(BIN)/ddpmd $(TO)/sbin/ddpmd
	install -D $(STRIP) $(BIN)/ddpmctl $(TO)/bin/ddpmctl
	install -D $(STRIP) $(BIN)/ddpm-worker $(TO)/libexec/ddpmd/ddpm-worker
	install -d $(TO)/share $(DOC) $(DESTDIR)$(UNITDIR) $(TO)/lib/systemd/catalog $(DESTDIR)/etc/ddpmd.conf.d
	umask 022 && cp -R $(SHARE)/. $(TO)/share
	cp -R README.md docs/*.md docs/images etc/examples $(DOC)
	chmod -R a+rX $(DOC)
	umask 022 && $(PLACED) systemd/ddpmd.service >$(DESTDIR)$(UNITDIR)/ddpmd.service
	umask 022 && $(PLACED) systemd/ddpmd.catalog >$(TO)/lib/systemd/catalog/ddpmd.catalog
	install -D -m 644 systemd/ddpmd.sysusers $(TO)/lib/sysusers.d/ddpmd.conf
	install -D -m 644 systemd/ddpmd.tmpfiles $(TO)/lib/tmpfiles.d/ddpmd.conf
	test -e $(DESTDIR)/etc/ddpmd.conf || install -D -m 644 etc/ddpmd.conf $(DESTDIR)/etc/ddpmd.conf

uninstall:
	rm -rf $(TO)/libexec/ddpmd $(TO)/share/ddpmd $(DOC) $(DESTDIR)$(UNITDIR)/ddpmd.service
	rm -f $(addprefix $(TO)/,sbin/ddpmd bin/ddpmctl \
	  lib/sysusers.d/ddpmd.conf lib/tmpfiles.d/ddpmd.conf lib/systemd/catalog/ddpmd.catalog \
	  $(foreach page,$(wildcard docs/manual/*.[1-8]),share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	  $(foreach program,ddpmctl ddpmd,share/bash-completion/completions/$(program) \
	    share/zsh/site-functions/_$(program) share/fish/vendor_completions.d/$(program).fish))

# The same as dpkg-buildpackage, but for where the result goes and that the programs are built as
# they were before.
deb: share
	scripts/install-packages debhelper
	DEB_RULES_REQUIRES_ROOT=no debian/rules clean binary DEB_OUTPUT=$(CURDIR)/.build/deb
	debian/rules clean

test: packages
	scripts/install-packages tmux zsh fish man-db mandoc
	$(SWIFT) build --build-tests $(CHECKS)
	$(SWIFT) test --skip-build --filter '$(PROGRAM_TESTS)'
	$(SWIFT) test --skip-build --skip '$(PROGRAM_TESTS)'

# They start programs and wait for what these do; the others compute without a pause, and would keep
# them from the threads that all tests of a run share.
PROGRAM_TESTS = ^(EndToEndTests|SupervisionTests|ddpmctlTests)\.

CYCLES ?= 1000
torture: build
	.build/release/ddpm-torture --cycles $(CYCLES) $(if $(SEED),--seed $(SEED))

measure-scale: build
	python3 Tests/Scale/measure.py

SECONDS ?= 30
fuzz: packages
	scripts/fuzz $(SECONDS)

test-report: packages
	scripts/install-packages chromium-headless-shell python3
	$(SWIFT) build $(CHECKS)
	python3 Tests/Report/check.py

test-systemd: deb
	scripts/install-packages debootstrap systemd-container
	Tests/Systemd/run .build/deb/ddpmd_$$(dpkg-parsechangelog -S Version)_$$(dpkg --print-architecture).deb

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
	@$(INSTALL_PACKAGES)

clean:
	rm -rf .build quickstart
