# Everything here works from a fresh clone on a Debian machine, as root, with a Rust toolchain. Missing
# packages are installed from the package sources of the machine. All generated files are in target/.

.DEFAULT_GOAL := help
.PHONY: help demo demo-down shell test soak soak-hosts fuzz lint bench clean

# With `--workspace`, the libraries have the same features as in the tests, so they are compiled only once.
LAB = cargo build --quiet --locked --workspace --bin nixfleet-lab && $${CARGO_TARGET_DIR:-target}/debug/nixfleet-lab
HOST ?= operator

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: prepare ## Boot three hosts and watch NixFleet run them; leaves them up
	@$(LAB) demo

shell: ## Open a shell on a host of the demo: make shell HOST=web-1 (operator, web-1, web-2, db-1)
	@$(LAB) shell $(HOST)

demo-down: ## End the demo and remove its hosts
	@$(LAB) down

test: prepare ## Run every test, on real hosts too, or one part: make test ONLY=unit (lint, unit, nix, lab, or a file of checks/lab/tests)
	@$(LAB) test $(if $(ONLY),--only $(ONLY))

SECONDS ?= 600
soak: ## Try random sequences for long, and every fault at every change of trees of files: make soak SECONDS=600
	@NIXFLEET_SOAK=$(SECONDS) cargo test --quiet --locked --package nixfleet-activate --test it -- --nocapture \
	  sequences::every_sequence_ends_where_it_began new_accounts::whatever_fails walk:: documents::a_mutated \
	  nixos::crashes::

soak-hosts: prepare ## Run the tests on real hosts that take too long for `make test`, and kill activators and cut the power of busy hosts at random: make soak-hosts SECONDS=600
	@NIXFLEET_SOAK_HOSTS=$(SECONDS) cargo test --quiet --locked --package nixfleet-lab --test hosts -- --nocapture \
	  --include-ignored apt:: bootstrap:: nixos:: nixos_evaluation:: nixos_hosts::boots:: story:: \
	  crashes::chance:: crashes::accounts:: \
	  crashes::room::a_full_filesystem crashes::window::the_window crashes::walk:: killed_before_the_changes

fuzz: prepare ## Fuzz all documents that others may have written, guided by coverage: make fuzz SECONDS=600 (each target)
	@$(LAB) fuzz --seconds $(SECONDS)

lint: prepare ## Check formatting and style only
	@$(MAKE) --no-print-directory test ONLY=lint

bench: prepare ## Measure against Ansible, bare SSH and the hand-written minimum
	@$(LAB) bench

clean: ## End every lab and remove all generated files
	@$(LAB) down --all
	@cargo clean --quiet

.PHONY: prepare
prepare:
	@checks/lab/prepare.sh
