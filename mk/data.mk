# Data sets: make data-dapo, data-math12k, ... (cards in data/cards); DATA=folder reads a local copy.
#   make data-dapo DATA_ARGS="--unlabelled"      make data            lists them

PYTHON ?= .venv/bin/python
DATA_ARGS ?=

.PHONY: data
data:  ## list the data sets; make data-<name> prepares one
	$(PYTHON) -m shared.data.prepare

data-%:
	$(PYTHON) -m shared.data.prepare $* $(if $(DATA),--from-folder "$(DATA)") $(DATA_ARGS)
