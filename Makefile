# `make help` lists the targets. Everything runs in .venv, which `make setup` makes.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-engines lint format docs doctor lock protos clean
STAMP := .venv/.complete
RECSYS := .venv/bin/recsys

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(STAMP)  ## Python 3.10, uv and all packages into .venv
	@echo "setup: .venv is up to date"

$(STAMP): scripts/setup.sh setup.py pyproject.toml requirements.lock requirements-data.txt
	@sh scripts/setup.sh
	@touch $@

demo: $(STAMP)  ## the pipeline and its report on MovieLens-100K
	@$(RECSYS) run

test: $(STAMP)  ## all tests
	@sh scripts/test_services.sh
	@.venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations=40 --durations-min=8

test-engines: $(STAMP)  ## the whole pipeline on Beam's portable runners, with workers in a clean environment
	@sh scripts/test_engines.sh
	@RECSYS_ENGINES=$(CURDIR)/.engines .venv/bin/python -m pytest tests/engines

lint: $(STAMP)  ## ruff's formatter and rules, and mypy
	@.venv/bin/ruff format --check --quiet . || { echo "lint: not formatted; run make format" >&2; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy

format: $(STAMP)  ## bring all code into ruff's form, and mend what its rules can mend
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

docs: $(STAMP)  ## the documentation as a site
	@NO_MKDOCS_2_WARNING=true .venv/bin/python -m mkdocs build --strict --quiet
	@echo "docs: site/index.html (its search works when it is served: .venv/bin/python -m http.server --directory site)"

doctor: $(STAMP)  ## check versions, ScaNN, memory, disk and data
	@$(RECSYS) doctor

lock: $(STAMP)  ## pin what setup.py asks for (what is pinned stays; remove a line to renew it)
	@uv=$$(command -v uv || echo .venv-tools/bin/uv); "$$uv" pip compile setup.py --extra dev --python .venv/bin/python \
	  --python-version 3.10 --no-annotate --custom-compile-command "make lock" --quiet --output-file requirements.lock

protos: $(STAMP)  ## compile serving/protos (the protoc that suits the pinned protobuf)
	@uv=$$(command -v uv || echo .venv-tools/bin/uv); "$$uv" tool run --python .venv/bin/python --from grpcio-tools==1.48.2 \
	  --with 'setuptools<81' python -W ignore -m grpc_tools.protoc --proto_path=. --python_out=. serving/protos/serving.proto

clean:  ## remove .venv, caches and build products (runs/ stays)
	rm -rf .venv .venv-tools .engines build dist site *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
