# Every target works on a fresh Debian machine that has only Swift, make and git: what is missing is installed first.
SWIFT ?= swift
DEMO_ARGS ?=
BUILD_FLAGS := --explicit-target-dependency-import-check error
# The program carries the Swift runtime, so it runs where no Swift is; exclusive access is checked in debug builds and tests, not in the release.
RELEASE_FLAGS := $(BUILD_FLAGS) --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked
RELEASE := .build/release/countersign

.PHONY: run build test unit peers bench bench-build fuzz sanitize lint fmt clean system-packages test-packages

run: system-packages build
	$(RELEASE) demo $(DEMO_ARGS)

build: system-packages
	$(SWIFT) build -c release --product countersign $(RELEASE_FLAGS)

test: system-packages test-packages unit peers

unit: system-packages
	$(SWIFT) build --build-tests $(BUILD_FLAGS)
	$(SWIFT) test --skip-build

# Real peers: SDKs, the AWS CLI, curl, openssl, nghttp, redis-server, rsyslog against the debug build.
peers: test-packages
	$(SWIFT) build --product countersign $(BUILD_FLAGS)
	sh Tests/Peers/setup.sh
	COUNTERSIGN=$(CURDIR)/.build/debug/countersign Tests/Peers/.venv/bin/python -m pytest Tests/Peers -q

bench: build
	sh Benchmarks/run.sh

# What `make bench` alone runs goes on compiling.
bench-build: system-packages
	$(SWIFT) build --package-path Benchmarks

fuzz: system-packages
	sh Tests/Fuzzing/all.sh $(or $(SECONDS_EACH),60)

sanitize: system-packages
	sh Tests/sanitize.sh

lint:
	$(SWIFT) format lint --strict --recursive --configuration .swift-format Package.swift Sources Tests Benchmarks

fmt:
	$(SWIFT) format --in-place --recursive --configuration .swift-format Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build .build-* Tests/Peers/.venv Tests/Peers/.venv-botocore-1.44

system-packages:
	@sh deploy/packages.sh build

test-packages:
	@sh deploy/packages.sh test
