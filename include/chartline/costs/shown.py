"""An estimate in words."""

from __future__ import annotations

from chartline.costs.model import Estimate


def rows(estimate: Estimate) -> list[tuple[str, str]]:
    """What and how much, for a table: each kind of call, then what they add up to."""
    lines = [(kind, str(count)) for kind, count in estimate.calls.items()]
    lines += [
        ("all calls", str(estimate.total)),
        ("time at the limit", f"{_time(estimate.minutes)} at {estimate.per_minute:,} calls a minute"),
        ("quota left", "unknown" if estimate.quota_left is None else f"{estimate.quota_left:,}"),
    ]
    if estimate.share is not None:
        lines.append(("share of it", f"{estimate.share:.1%}"))
    return [*lines, ("storage", f"{_size(estimate.storage_bytes.low)} to {_size(estimate.storage_bytes.high)}")]


def _time(minutes: float) -> str:
    if minutes < 1:
        return "less than a minute"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def _size(count: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:,.0f} {unit}"
        count = round(count / 1000)
    raise AssertionError("unreachable")
