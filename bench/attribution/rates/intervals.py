"""How sure a rate is."""

from __future__ import annotations

import math

_Z95 = 1.959964  # of the normal distribution: 95 % lie within


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The interval that holds the true rate in 95 % of such measurements (Wilson, JASA 22, 1927).

    Both ends are in 0..1; without a measurement the rate may be anything.
    """
    if total == 0:
        return 0.0, 1.0
    rate, spread = hits / total, _Z95**2 / total
    middle = (rate + spread / 2) / (1 + spread)
    reach = _Z95 * math.sqrt(rate * (1 - rate) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def shown(hits: int, total: int) -> str:
    """The interval in per cent, as a table prints it."""
    low, high = wilson(hits, total)
    return f"{100 * low:.1f} to {100 * high:.1f} %"
