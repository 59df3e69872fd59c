"""A cap on what requests may cost, kept before they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from blender.errors import BlendError


class CapReached(BlendError):
    """What is asked for could cost more than is left under the cap."""


@dataclass
class Budget:
    """Money set aside before each request, at the most it could cost, and settled at what it did cost. Thread-safe.

    Attributes:
        cap: never passed; ``None`` sets no limit.
        spent: settled so far, what is set aside for requests under way included.
    """

    cap: float | None
    spent: float = 0.0
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def set_aside(self, most: float) -> None:
        """Set aside the most that requests could cost.

        Raises:
            CapReached: that is more than is left; nothing is set aside.
        """
        with self._lock:
            if self.cap is not None and self.spent + most > self.cap:
                raise CapReached(
                    f"the cap on cost would be passed: spent {self.spent:.6f} of {self.cap:.6f}, the next "
                    f"requests could cost {most:.6f}; raise max_cost, or lower max_tokens or k"
                )
            self.spent += most

    def settle(self, most: float, cost: float) -> None:
        """Replace what was set aside by what it did cost."""
        with self._lock:
            self.spent += cost - most
