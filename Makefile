# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything below works in .cache/ and changes no file of the checkout. Needed by hand: git, make, python3 with python3-venv.
#
#   make test    every check and every test; what CI runs
#   make demo    a migration to a KMS to look at, on a network of its own
#   make lint    all static checks          make unit       unit tests
#   make wire    tests over real gRPC       make playbook   tests with real ansible-playbook
#   make molecule                           make clean
#   make release-table-write                makes the tables of docs/releases.md and docs/faults.md from the last make playbook
#   make bench                              counts processes and RPCs of a migration (BENCH_ARGS=--calls for each RPC)
#   make bench-in-place                     the same of a migration in place, with few and many contracts
#   make bench-fleet                        migrates 50 hosts of the sandbox in one run (BENCH_ARGS='--hosts 5' for fewer)
#   make qualify INVENTORY=path             runs it against real participants of yours (docs/real-nodes.md)
#
# One Python for all: make PYTHON=python3.13 test. Arguments for pytest: make unit PYTEST_ARGS='-x -k kms'

PYTHON ?= python3
PYTEST_ARGS ?=
BENCH_ARGS ?=
INVENTORY ?=
QUALIFY_REPORT ?= $(CACHE)/qualify

CACHE := $(CURDIR)/.cache
VENV := $(CACHE)/venv
OUTCOMES := $(CACHE)/outcomes.json
COPY := $(CACHE)/ansible_collections/ledgerops/canton
REQUIREMENTS := requirements.txt tests/requirements.txt
# looked up before the environment is put on PATH, as it must not be made with its own interpreter
BASE_PYTHON := $(or $(shell command -v $(PYTHON)),$(PYTHON))
# another Python or other requirements make another stamp, and so a new environment
STAMP := $(VENV)/.made-$(shell { $(BASE_PYTHON) --version; cat $(REQUIREMENTS); } 2>&1 | cksum | cut -d ' ' -f 1)

# The environment's programs come first: Ansible's tools call one another by name.
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_HOME := $(CACHE)/ansible
export ANSIBLE_REMOTE_TMP := $(CACHE)/ansible/remote
export ANSIBLE_ASYNC_DIR := $(CACHE)/ansible/async
export ANSIBLE_COLLECTIONS_PATH := $(CACHE)
export LC_ALL := C.UTF-8
# answers of real nodes, replayed where they lie beside the checkout
export LEDGEROPS_RECORDINGS ?= $(abspath $(CURDIR)/../shared/recordings)
export PYTHONPATH :=
# without bytecode each of the many processes of a test compiles all that it imports
unexport PYTHONDONTWRITEBYTECODE
# set inside git hooks, where they would lead git away from the copy
unexport GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE

.PHONY: help test demo bench bench-in-place bench-fleet qualify lint unit wire playbook molecule release-table release-table-write layout clean \
	house imports drawing ruff mypy yamllint ansible-lint docs-lint changelog-lint sanity

help:
	@sed -n '/^#   make/s/^#   //p' Makefile

# Two at a time, and each shows what it says when it is done. The playbooks take longest, so they begin.
SIDE_BY_SIDE = $(MAKE) --no-print-directory --jobs 2 --output-sync=target --keep-going PYTHON=$(BASE_PYTHON)
CHECKS := sanity ansible-lint mypy docs-lint house imports ruff yamllint changelog-lint

test: layout
	$(SIDE_BY_SIDE) playbook $(CHECKS) unit wire molecule
	$(MAKE) --no-print-directory release-table

demo: layout
	PYTHONPATH=$(COPY)/tests tests/demo/run

bench: layout
	PYTHONPATH=$(COPY)/tests python $(COPY)/tests/benchmarks/steps.py $(BENCH_ARGS)

bench-in-place: layout
	PYTHONPATH=$(COPY)/tests python $(COPY)/tests/benchmarks/in_place.py

bench-fleet: layout
	PYTHONPATH=$(COPY)/tests python $(COPY)/tests/benchmarks/fleet.py $(BENCH_ARGS)

# Confirmation is QUALIFY_CONFIRM=yes, here or in the environment.
qualify: layout
	PYTHONPATH=$(CACHE):$(COPY)/tests python -m qualify $(INVENTORY) --report $(QUALIFY_REPORT)

lint: layout
	$(SIDE_BY_SIDE) $(CHECKS)

unit: layout
	cd $(COPY) && pytest tests/unit $(PYTEST_ARGS)

wire: layout
	cd $(COPY) && pytest tests/sandbox_tests tests/wire -n 2 --dist loadfile $(PYTEST_ARGS)

# Three at a time, as a playbook waits a fifth of its time: what shares a network stays together, and what takes longest begins.
playbook: layout
	rm -f $(OUTCOMES)
	cd $(COPY) && OUTCOMES=$(OUTCOMES) pytest tests/playbook -n 3 --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

release-table: layout
	python tests/tools/release_table.py check $(OUTCOMES) docs/releases.md
	python tests/tools/fault_table.py check $(OUTCOMES) docs/faults.md

release-table-write: layout
	python tests/tools/release_table.py write $(OUTCOMES) docs/releases.md
	python tests/tools/fault_table.py write $(OUTCOMES) docs/faults.md

# What an interrupted run left would be taken for a prepared scenario.
molecule: layout
	rm -rf $(ANSIBLE_HOME)/tmp/molecule.*
	cd $(COPY) && PYTHONPATH=$(COPY)/tests molecule test --all --report

house: layout
	python tests/tools/check_repository.py $(COPY)
	python tests/tools/check_role_variables.py $(COPY)

imports: layout
	cd $(CACHE) && PYTHONPATH=$(CACHE):$(COPY)/tests lint-imports $(COPY)/pyproject.toml --no-cache
	PYTHONPATH=$(CACHE) python tests/tools/draw_rooms.py check pyproject.toml docs/architecture.md docs/rooms.svg

drawing: layout
	PYTHONPATH=$(CACHE) python tests/tools/draw_rooms.py write pyproject.toml docs/architecture.md docs/rooms.svg

ruff: layout
	cd $(COPY) && ruff check . && ruff format --check .

mypy: layout
	cd $(CACHE) && mypy --config-file $(COPY)/pyproject.toml $(COPY)/plugins $(COPY)/tests

yamllint: layout
	cd $(COPY) && yamllint --strict .

ansible-lint: layout
	cd $(COPY) && ansible-lint --offline --profile production

docs-lint: layout
	cd $(COPY) && antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all .

changelog-lint: layout
	cd $(COPY) && antsibull-changelog lint

sanity: layout
	python tests/tools/sanity.py $(CACHE)/home $(COPY)

layout: $(STAMP)
	@python tests/tools/make_layout.py . $(COPY)

$(STAMP):
	@$(BASE_PYTHON) tests/tools/make_venv.py $(VENV) $@ $(REQUIREMENTS)

clean:
	rm -rf $(CACHE)
