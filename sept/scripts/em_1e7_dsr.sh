#!/usr/bin/env bash
# EM-FT on DSR: entropy minimisation on own answers sampled at 1; learning rate 1e-7.
#
#   sept/scripts/em_1e7_dsr.sh [preset=llama31_8b] [train_set=otm] [seed=1] [any other override]
#
# Run it again to continue; exit status 75 means that it was stopped and has saved a checkpoint.
# run.trackers=[wandb], [swanlab] or [tensorboard] mirrors the metrics; the console is always there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

sept/scripts/data.sh dsr
exec python -m sept.train --config-name paper arm=em_ft "$@"
