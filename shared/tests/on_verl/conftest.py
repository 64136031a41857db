"""Makes ``verl_toy`` importable here and, through PYTHONPATH, in Ray workers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
