#!/usr/bin/env bash
# Prepares a training set (dsr) in data/sept: bare questions, 256 of them held out. Does nothing when it is there.
#
#   sept/scripts/data.sh dsr       DATA=folder takes the raw files from there instead of the hub.
#
# otm has no converter (its selection is not published): put canonical rows into data/sept/otm.jsonl by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

name=${1:?name a data card: dsr}
if [[ ! -f data/sept/$name.parquet ]]; then
  python -m shared.data.prepare "$name" --out data/sept --suffix '' --hold-out 256 ${DATA:+--from-folder "$DATA"}
fi
