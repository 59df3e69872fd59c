"""What may be a seed."""

from __future__ import annotations

LARGEST_SEED = 2**32 - 1
"""scikit-learn and numpy's ``RandomState`` take none that is larger."""
