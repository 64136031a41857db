"""Where the problems of a step come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from shared.problems import Group, Problem
from shared.training.recipe import GroupReward, StepContext


class PromptSource(Protocol):
    """An endless numbered stream of problems; :class:`~shared.training.FixedPrompts` is one."""

    def take(self, start: int, count: int) -> list[Problem]:
        """Problems number ``start`` .. ``start + count - 1``; fewer when the source has run dry."""
        ...


@runtime_checkable
class GrowingPrompts(Protocol):
    """A source that changes with what it sees; its state is part of every checkpoint."""

    def take(self, start: int, count: int) -> list[Problem]:
        """As in :class:`PromptSource`."""
        ...

    def observe(self, groups: Sequence[Group], rewards: Sequence[GroupReward], context: StepContext) -> None:
        """Look at everything sampled in a step, kept or not, after its update."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """The state, as plain JSON values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""
        ...
