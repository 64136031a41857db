"""Functions named by import path, so that processes on other nodes can rebuild what they return."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reference:
    """A call to a module-level function, as plain values.

    Attributes:
        path: ``package.module:function``.
        args: its positional arguments; plain values, they travel to the Ray workers.
    """

    path: str
    args: tuple[Any, ...] = ()

    def call(self, *leading: Any) -> Any:
        """Import the function and call it with ``leading`` before :attr:`args`.

        Raises:
            ValueError: the path names nothing that can be called.
        """
        module, _, name = self.path.partition(":")
        if not module or not name:
            raise ValueError(f"{self.path!r} is not of the form package.module:function")
        function = getattr(importlib.import_module(module), name, None)
        if not callable(function):
            raise ValueError(f"{self.path!r}: module {module} has no function {name}")
        return function(*leading, *self.args)
