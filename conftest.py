"""Imports the packages under test before pytest names a test module after the folder ``shared/``.

With ``--import-mode=importlib`` pytest would otherwise register the folder itself as the package
``shared`` and hide the installed one.
"""

import eval_suite  # noqa: F401
import shared  # noqa: F401
