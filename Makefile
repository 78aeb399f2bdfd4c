# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
KERNELS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest benchmarks/kernels.py --benchmark-columns=median,iqr $(SPEED)

.PHONY: help demo test fuzz soak check format wheel fixtures schema docs bench speed asv quick reports site history clean

help:  ## Show this help.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(VENV)/.demo  ## Set up and run the robustness suite on the INT8 model.
	$(BIN)/harness run suites/robustness.yaml --adapter onnx-int8 --workers 2

# One thread a process: the workers share the cores, and threads that wait for each other by spinning cost twice the time.
test: $(VENV)/.dev  ## Set up and run every test.
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

fuzz: $(VENV)/.dev  ## Damage ten thousand rows, images and suites at random, and edit two hundred runs (half an hour).
	HARNESS_FUZZ=10000 HARNESS_EDITS=200 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -s tests/fuzz tests/spec/test_mutations.py tests/engine/test_edits.py

soak: $(VENV)/.dev  ## Kill, edit and starve runs for twenty minutes, and count what was lost, mixed or hung.
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks.soak --minutes 20 --kills 200

check: $(VENV)/.dev  ## Lint, formatting, strict types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## Format and fix what can be fixed.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: $(VENV)/.dev  ## Build the wheel into dist/.
	$(BIN)/python -m build --wheel

fixtures: $(VENV)/.dev  ## Train, export and quantise the tiny model and its LoRAs again (about 55 CPU-minutes).
	HF_HUB_OFFLINE=1 $(BIN)/python -m fixtures.build fixtures/tiny-qwen2-vl
	HF_HUB_OFFLINE=1 $(BIN)/python -m fixtures.build.lora charts fixtures/tiny-qwen2-vl-lora
	HF_HUB_OFFLINE=1 $(BIN)/python -m fixtures.build.lora easy-vqa fixtures/tiny-qwen2-vl-easy-vqa
	HF_HUB_OFFLINE=1 $(BIN)/python -m fixtures.build.lora shapes fixtures/tiny-qwen2-vl-shapes

schema: $(VENV)/.dev  ## Write the JSON Schemas.
	$(BIN)/harness schema --write docs/schema

docs: $(VENV)/.dev  ## Write the parts of docs/metrics.md that follow from the code.
	$(BIN)/harness metrics docs --write docs/metrics.md

bench: $(VENV)/.dev  ## Measure the harness itself beside its peers, and write the table in docs/performance.md.
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks --write docs/performance.md

# What is named was measured anew by itself.
speed: $(VENV)/.dev  ## Name the innermost loops that became slower than their stored ratios say; advice, no verdict.
	$(KERNELS) || $(KERNELS) --last-failed

asv: $(VENV)/.dev  ## Record the benchmarks of the harness itself for this commit, with asv.
	$(BIN)/asv machine --yes
	$(BIN)/asv run --python=same --set-commit-hash "$$(git rev-parse HEAD)"

# In a clone, since asv writes results and pages where it stands. One class of the benchmarks: all of them take minutes.
quick: $(VENV)/.dev  ## Run asv as it comes on this commit, in an environment that it builds, and publish (a minute).
	rm -rf build/quick
	git clone --quiet . build/quick
	cd build/quick && ASV="$(abspath $(BIN))/asv" && $$ASV machine --yes --machine here >/dev/null && \
		$$ASV run --quick --machine here --bench stats.Tests --show-stderr 'HEAD^!' && $$ASV publish

reports: $(VENV)/.demo  ## Make the pages in reports/ again, from runs made for them (about five minutes).
	$(BIN)/python -m pip install --quiet --editable '.[asv]'
	rm -rf build/reports
	$(BIN)/harness run suites/robustness.yaml -a onnx-fp32 -a onnx-int8 --limit 100 --out build/reports
	$(BIN)/harness report @latest:onnx-int8 --runs build/reports --out reports/robustness.html
	$(BIN)/harness compare @latest:onnx-fp32 @latest:onnx-int8 --runs build/reports --format html --out reports/comparison.html
	$(BIN)/python -m benchmarks.coverage.page reports/coverage.html --runs 300
	$(BIN)/harness history publish --whole --no-asv --runs build/reports --out reports/history.html

site: $(VENV)/.dev  ## Build the documents as a site into site/, warnings being errors.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

history: $(VENV)/.dev  ## Publish the history: reports/history and reports/asv.
	$(BIN)/harness history

clean:  ## Remove the virtual environment and caches.
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[onnx]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
