# What can be done here. Each target installs what it needs (scripts/setup says so before) and is one script or command.
.DEFAULT_GOAL := help
.PHONY: help demo pi check test soak bench cross deb fuzz lint

SECONDS ?= 600

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

demo: ## A broker, the real agent on this machine, some simulated neighbours, and the live table
	scripts/demo

pi: ## An emulated Raspberry Pi on an NFS root with picketd: its console, and the commands to try (as root)
	scripts/pi

check: ## Fast: type check and the host's own tests, for while you write
	scripts/check

test: ## Everything, on three architectures; ends with "N passed, N failed"
	scripts/test

soak: ## The long ones: fuzzing for ten minutes, many property cases, every point where an agent can be killed
	scripts/soak

bench: ## What Picket costs, side by side with the floor and with collectd
	scripts/bench

cross: ## Static binaries for Raspberry Pis, in target/cross
	scripts/cross

deb: ## Debian packages of picketd (armhf, arm64, amd64) and picket (arm64, amd64), in target/deb
	scripts/deb

fuzz: ## Fuzz the decoder for SECONDS (600)
	scripts/fuzz $(SECONDS)

lint: ## Formatting, clippy, shellcheck
	scripts/lint
