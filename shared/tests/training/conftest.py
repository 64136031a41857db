"""Makes the helpers of this folder and the tiny models of ``shared/tests`` importable."""

import sys
from pathlib import Path

import torch

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent)]
torch.set_num_threads(1)
