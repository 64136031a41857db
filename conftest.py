"""Imports the packages under test before pytest names a test module after the folder ``shared/``.

With ``--import-mode=importlib`` pytest would otherwise register a folder such as ``shared/`` itself
as the package ``shared`` and hide the installed one.
"""

import importlib
from importlib.util import find_spec
from pathlib import Path

for _source in sorted(Path(__file__).parent.glob("*/src/*/__init__.py")):
    if (_spec := find_spec(_source.parent.name)) is not None and _spec.origin is not None:
        importlib.import_module(_source.parent.name)
