#!/usr/bin/env bash
# GRPO on DSR with the true answers: 8 answers a question; learning rate 5e-7 (authors' script).
#
#   sept/scripts/grpo_5e7_dsr.sh [preset=llama31_8b] [train_set=otm] [seed=1] [any other override]
#
# Run it again to continue; exit status 75 means that it was stopped and has saved a checkpoint.
# run.trackers=[wandb], [swanlab] or [tensorboard] mirrors the metrics; the console is always there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

sept/scripts/data.sh dsr
exec python -m sept.train --config-name paper arm=grpo optim.lr=5.0e-7 recipe.loss_temperature=null "$@"
