# Data sets: make data-dapo, data-math12k, ... (cards in data/cards); DATA=folder reads a local copy.
#   make data-dapo DATA_ARGS="--unlabelled"

DATA_ARGS ?=

.PHONY: data
data: .venv/ready  ## list the data sets
	@$(BIN)/python -m shared.data.prepare

data-%: .venv/ready  ## prepare one of them, e.g. data-dapo; DATA=folder for a local copy
	$(BIN)/python -m shared.data.prepare $* $(if $(DATA),--from-folder "$(DATA)") $(DATA_ARGS)
