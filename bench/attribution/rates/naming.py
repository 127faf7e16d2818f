"""Who is named at which accusation limit, and how many copies may be compared: tables over all cases."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.attribution.rates.cases import VERDICTS, Case
from bench.attribution.rates.intervals import shown

from pleura.domain.tracing import ACCUSATION_LIMIT

LIMITS = (1e-3, 1e-6, 1e-9, 1e-12)
ARCHIVES = tuple(10**power for power in range(2, 9))
"""Copies that one trace may have to compare."""


def power(limit: float) -> str:
    """The limit as a power of ten."""
    return f"10^{round(math.log10(limit))}"


def needed(comparisons: int, limit: float = ACCUSATION_LIMIT) -> float:
    """The score from which a copy is named when so many are compared: sqrt(2 ln(n / limit))."""
    return math.sqrt(2 * math.log(comparisons / limit))


def print_naming(cases: Sequence[Case], unmarked: str) -> None:
    """Verdicts at every limit over all attacks, naming by attack, and what more comparisons cost."""
    attacked = [case for case in cases if case.attack != unmarked]
    _print_limits(attacked, [case for case in cases if case.attack == unmarked])
    _print_attacks(attacked)
    _print_archives(attacked)


def _print_limits(attacked: Sequence[Case], clear: Sequence[Case]) -> None:
    print(f"\n{len(attacked)} attacked copies and {len(clear)} unmarked films, by accusation limit. The")
    print("interval takes them for independent, which the cases of one film are not.\n")
    print(
        "| limit | right copy named | 95 % interval | abstains: matched | unknown | wrong | unmarked: named |"
    )
    print("|---|---|---|---|---|---|---|")
    for limit in LIMITS:
        count = {verdict: sum(case.verdict(limit) == verdict for case in attacked) for verdict in VERDICTS}
        framed = sum(case.verdict(limit) == "wrong" for case in clear)
        print(
            f"| {power(limit)} | {_rate(count['right'], len(attacked))} "
            f"| {shown(count['right'], len(attacked))} | {_rate(count['matched'], len(attacked))} "
            f"| {_rate(count['unknown'], len(attacked))} | {count['wrong']} | {framed}/{len(clear)} |"
        )


def _print_attacks(attacked: Sequence[Case]) -> None:
    rows = []
    for attack in dict.fromkeys(case.attack for case in attacked):
        mine = [case for case in attacked if case.attack == attack]
        named = [sum(case.verdict(limit) == "right" for case in mine) for limit in LIMITS]
        if min(named) < len(mine):
            rates = " | ".join(_rate(count, len(mine)) for count in named)
            rows.append(f"| {attack} | {rates} | {min(case.true_z for case in mine):.1f} |")
    if not rows:
        print("\nAfter every attack every copy is named, at all of these limits.")
        return
    print("\nNamed at each limit; every attack that is left out is named in 100 % at all of them\n")
    print(f"| attack | {' | '.join(power(limit) for limit in LIMITS)} | least z of the copy that leaked |")
    print(f"|---|{'---|' * (len(LIMITS) + 1)}")
    print("\n".join(rows))


def _print_archives(attacked: Sequence[Case]) -> None:
    print(f"\nWhat it costs to compare more copies, at the limit {power(ACCUSATION_LIMIT)}\n")
    print("| copies compared in one trace | z needed | right copy above it | attacks not all above it |")
    print("|---|---|---|---|")
    for comparisons in ARCHIVES:
        bar = needed(comparisons)
        above = sum(case.true_z >= bar for case in attacked)
        short = dict.fromkeys(case.attack for case in attacked if case.true_z < bar)
        print(
            f"| {comparisons:,} | {bar:.2f} | {_rate(above, len(attacked))} | {', '.join(short) or 'none'} |"
        )


def _rate(hits: int, total: int) -> str:
    return f"{hits}/{total} ({100 * hits / max(total, 1):.1f} %)"
