# make demo, make test: each sets everything up by itself (no root needed), then works.

VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
STAMP := $(VENV)/.refinezoo-installed
PACKAGE := refinezoo export zoo_configs

# XLA compiles each tiny network once and runs it once: its optimisations cost TensorFlow's tests a
# third of their time, its emitters of fusions JAX's a quarter.
HASTY_XLA := --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true \
	--xla_cpu_use_fusion_emitters=false
# One thread a worker: two workers of two threads each run slower on two cores. Bytecode is kept
# even where the environment says not to: some thirty tests start a Python of their own, which
# tests/start makes faster.
TEST_ENV := PYTHONDONTWRITEBYTECODE= PYTHONPATH=$(CURDIR)/tests/start \
	OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3 \
	MPLBACKEND=agg XLA_FLAGS="$(HASTY_XLA)" JAX_DISABLE_MOST_OPTIMIZATIONS=1
# A worker of TensorFlow more than cores: where a test waits for a process, another goes on.
TF_JOBS ?= $$(($(JOBS) + 1))
JAX_JOBS ?= $(JOBS)
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder

# What is written with keras.ops alone, and so must pass on JAX too.
JAX_TESTS := $(wildcard tests/layers tests/losses tests/networks tests/training tests/refiners \
	tests/tasks tests/metrics tests/models tests/zoo)

.PHONY: help venv demo serve-smoke docs test test-tensorflow test-jax test-zoo test-browser lint \
	format wheel lock clean

help:
	@echo "make demo    install, then run the demo: renders in, refined dataset and report out"
	@echo "make test    install, then lint, type-check and test on TensorFlow and JAX"
	@echo "make test-zoo   every entry of the zoo in every format against Keras (long)"
	@echo "make test-browser   the pages in a real browser, which npm brings if you name none"
	@echo "make docs    the guides, the reference and a card of each model as pages in runs/site"
	@echo "make serve-smoke   Docker: a real TensorFlow Serving answers as the exported graphs do"
	@echo "make lint | format | wheel | lock | clean"

venv: $(STAMP)

$(STAMP): setup.py constraints.txt
	@sh .ci/make_venv $(VENV)
	@touch $@

demo: $(STAMP)
	$(BIN)/refinezoo demo --out runs/demo

# Needs Docker and, once, the network: a real TensorFlow Serving in front of three exports.
serve-smoke: $(STAMP)
	for name in reinhard cyclegan_fgbg ssd300_fridge; do \
		$(BIN)/refinezoo export $$name --out runs/smoke/servable --runs 0 --quiet || exit 1; \
	done
	$(BIN)/python -m refinezoo.export.serving.smoke runs/smoke/servable

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open runs/site/index.html"

# At once, so that one fills the cores while another starts or ends.
test: $(STAMP)
	@echo "lint, TensorFlow and JAX at once; each is told when it is done"
	@$(MAKE) --no-print-directory -j3 --output-sync=target lint test-tensorflow test-jax \
		JAX_JOBS=$$((($(JOBS) + 1) / 2))

# To catch a pass that fails, tf2onnx copies the graph before each of thirty: a third of an export.
# `make test-zoo` lets it.
test-tensorflow: $(STAMP)
	$(TEST_ENV) TF2ONNX_CATCH_ERRORS=FALSE KERAS_BACKEND=tensorflow $(PYTEST) -n $(TF_JOBS) tests

test-jax: $(STAMP)
	$(TEST_ENV) KERAS_BACKEND=jax $(PYTEST) -n $(JAX_JOBS) $(JAX_TESTS)

# Every entry of the zoo in every format, of which `make test` takes two, and the slowest small
# exports; entries share models, so one process does it. Then every refiner on two devices and hosts,
# and that demo and compare ask for no connection.
test-zoo: $(STAMP)
	$(TEST_ENV) KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -m zoo tests/export tests/training \
		tests/test_network.py tests/test_memory.py
	$(TEST_ENV) KERAS_BACKEND=jax $(BIN)/python -m pytest -m zoo tests/training

# A report and the site in Chromium: the one that REFINEZOO_CHROMIUM names, yours, or npm's.
test-browser: $(STAMP)
	cd tests/browser && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	REFINEZOO_CHROMIUM=$${REFINEZOO_CHROMIUM:-$$(command -v chromium || command -v google-chrome || \
		node tests/browser/chromium.mjs)} $(TEST_ENV) KERAS_BACKEND=tensorflow \
		$(BIN)/python -m pytest tests/browser tests/test_site.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(STAMP)
	rm -rf build
	$(BIN)/uv build --wheel --python $(BIN)/python --build-constraints constraints.txt \
		--out-dir dist .
	rm -rf build
	for wheel in dist/*.whl; do \
		$(BIN)/python .ci/make_sbom $$wheel constraints.txt $${wheel%.whl}.cdx.json; \
	done

# Pins and checksums for Python 3.11 and 3.12 in one file, without the name of any package host.
lock: $(STAMP)
	$(BIN)/uv pip compile setup.py --all-extras --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -q -o constraints.txt

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find $(PACKAGE) tests -name __pycache__ -type d -prune -exec rm -rf {} +
