# What a person or CI does with the project; `make help` lists it.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory

GO          ?= go
ARGS        ?=
SOCKETIO    ?=
FUZZTIME    ?= 10s
PKGS        ?= ./...
# Each takes about a minute when nothing is cached; the workflow vets for three more.
SYSTEMS     ?= linux/386 windows/amd64
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
CYCLONEDX   := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
# Where govulncheck gets its data from; a file URL for a copy.
VULNDB      ?= https://vuln.go.dev

# Where the simulator begins in `make test`: elsewhere for each commit.
SEED    = $(shell printf %d 0x$$(git rev-parse --short=12 HEAD 2>/dev/null || echo 1))

# Packages from npm, pinned by the lock file: the client alone is enough to
# run, the tests drive a browser too.
NPM    := sio/interop
LOCK   := $(NPM)/package-lock.json
CLIENT := $(NPM)/node_modules/.client
FULL   := $(NPM)/node_modules/.full
BUNDLE := cmd/sioserver/client/socket.io.js

.DEFAULT_GOAL := help
.PHONY: run test conformance suites client lint vet-systems fmt fuzz simulate bench bench-quick attack soak links bench-peers vulncheck sbom reproducible container help

run: ## Serve the demo on port 3000 (ARGS="-addr :8080" for flags, see ARGS=-h)
	@if .ci/install npm; then $(MAKE) client; fi
	@$(GO) build -o bin/sioserver ./cmd/sioserver
	@exec bin/sioserver $(ARGS)

test: lint ## Everything CI checks: lint, then all tests, interop included, with the race detector or where they need it without
	@.ci/install npm chromium python3-socketio redis-server nginx haproxy caddy prometheus systemd-analyze || true
	@if command -v npm >/dev/null; then $(MAKE) $(FULL) client; fi
	@$(GO) run ./.ci/checks norace
	@$(GO) test -race -shuffle=on -timeout 10m -tags invariants ./loop/... ./eio ./sio
	@$(GO) test -tags goroutines -timeout 10m ./loop/... ./eio/... ./sio
	@$(GO) test -count=1 -timeout 10m -tags invariants -run '^TestSimulate$$' -v ./sio/simulation -args -seed $(SEED) -for 60s
	@$(GO) test -race -shuffle=on -timeout 25m $(PKGS)
	@$(GO) -C docs/examples test -timeout 10m ./...

conformance: ## Autobahn's cases and smuggled requests, on both backends, in about half a minute (ARGS="-messages 1000" as Autobahn)
	@.ci/install nginx haproxy || true
	@$(GO) test -count=1 -timeout 60m ./eio/conformance $(ARGS)
	@$(GO) test -count=1 -timeout 60m -tags goroutines ./eio/conformance $(ARGS)

suites: ## The official suites and the clients' own tests, on both backends, about 3 minutes (SOCKETIO=a checkout of socket.io)
	@.ci/install npm
	@sio/interop/suite/run "$(SOCKETIO)"

client: $(BUNDLE) ## Put the stock browser client where the next build embeds it
	@:

lint: ## Formatting, vet, staticcheck, import rules and the words of comments and pages
	@unformatted=$$(gofmt -l .ci bench cmd codec docs eio loop sio 2>/dev/null || true); \
	if test -n "$$unformatted"; then echo "not formatted, run 'make fmt':"; echo "$$unformatted"; exit 1; fi
	@$(GO) vet ./... ./.ci/checks
	@$(MAKE) vet-systems
	@$(GO) run $(STATICCHECK) ./... ./.ci/checks
	@$(GO) test ./.ci/checks
	@$(GO) run ./.ci/checks imports
	@$(GO) run ./.ci/checks words
	@$(GO) -C bench/peers/zishang520 vet .
	@$(GO) -C docs/examples vet ./...
	@$(GO) -C docs/examples run $(STATICCHECK) ./...

vet-systems: ## Vet for other systems; bench is for Linux (SYSTEMS="linux/arm64 darwin/arm64 freebsd/amd64" for more)
	@for system in $(SYSTEMS); do \
		GOOS=$${system%/*} GOARCH=$${system#*/} $(GO) vet ./loop/... ./eio/... ./sio/... ./codec/... ./cmd/... || exit; \
	done

fmt: ## Format all Go files
	@gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@git grep -Eo --untracked 'func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | while IFS=: read -r file name; do \
		$(GO) test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$${name#func }\$$" -fuzztime $(FUZZTIME); \
	done

simulate: ## Run servers against models of clients on a virtual clock for 10 minutes (ARGS="-seed 7 -for 8h -clients 200")
	@$(GO) test -count=1 -timeout 0 -tags invariants -run '^TestSimulate$$' -v ./sio/simulation -args -seed 0 -for 10m $(ARGS)

bench: ## Measure this server beside its peers: about an hour on a quiet machine (ARGS=-h explains)
	@.ci/install redis-server || true
	@$(GO) run ./bench $(ARGS)

bench-quick: ## Most scenarios once and short, counts checked: a smoke test of about 9 minutes
	@.ci/install redis-server || true
	@$(GO) run ./bench -quick $(ARGS)

attack: ## Attack the server beside 1,000 clients, and flood it: about 3 hours (ARGS="-duration 30s": 50 minutes)
	@.ci/install redis-server || true
	@$(GO) run ./bench -profiles profiles/range -out profiles/results/range $(ARGS)

soak: ## 10,000 clients come and go under attacks: half an hour (ARGS="-duration 8h" for a night)
	@$(GO) run ./bench -profiles profiles/soak -out profiles/results/soak $(ARGS)

links: ## Try clusters on lines to Redis that are slow, stand still or break: about 8 minutes
	@.ci/install redis-server || true
	@$(GO) run ./bench -profiles profiles/link -out profiles/results/link $(ARGS)

bench-peers: ## Install the servers to compare with, which bench does too
	@npm ci --prefix bench/peers --loglevel=error >/dev/null

vulncheck: ## Look for known vulnerabilities in what the module calls (VULNDB=file:///… for a copy of the data)
	@$(GO) run $(GOVULNCHECK) -db $(VULNDB) -test ./...
	@.ci/install npm
	@npm audit --prefix $(NPM) --omit=dev --package-lock-only

sbom: ## Write the bill of materials of the module, as CycloneDX, to bin/sbom.json
	@mkdir -p bin
	@$(GO) run $(CYCLONEDX) mod -json -std -output bin/sbom.json .

reproducible: ## Build the program twice in different places, compare, print its hash: a whole build without a cache
	@.ci/reproducible

container: ## Try what the container file makes, without a registry: static, below 30 MB, in an empty root
	@.ci/container

help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

$(CLIENT): $(LOCK)
	@npm ci --prefix $(NPM) --omit=dev --loglevel=error >/dev/null
	@touch $@

$(FULL): $(LOCK)
	@npm ci --prefix $(NPM) --loglevel=error >/dev/null
	@touch $(CLIENT) $@

$(BUNDLE): $(CLIENT)
	@cp $(NPM)/node_modules/socket.io-client/dist/socket.io{,.min,.esm.min,.msgpack.min}.js{,.map} $(@D)/
	@touch $@
