#!/usr/bin/env python3
"""Prints what a model is worth by how its features were joined, from what `asof train --naive … --json` prints.

    asof train delay … --naive latest --naive day --dry-run --json | joins.py
"""

from __future__ import annotations

import json
import sys
from typing import Any

NAMES = {"latest": "latest values", "day": "calendar day"}


def rows(trained: dict[str, Any]) -> list[tuple[str, float, float, float]]:
    """Name of the join, promised AUC, delivered AUC, delivered log loss; the as-of join first."""
    own = trained["metrics"]["new"]
    found = [("as of", own["auc"], own["auc"], own["log_loss"])]
    for join, twin in trained["naive"].items():
        delivered = twin["delivered"]
        found.append((NAMES.get(join, join), twin["promised"]["auc"], delivered["auc"], delivered["log_loss"]))
    return found


def table(trained: dict[str, Any]) -> str:
    lines = [f"{'join':<16}{'promised AUC':>14}{'delivered AUC':>15}{'log loss':>11}"]
    for name, promised, delivered, loss in rows(trained):
        lines.append(f"{name:<16}{promised:>14.3f}{delivered:>15.3f}{loss:>11.3f}")
    base = trained["metrics"]["base"]["log_loss"]
    lines.append(f"Promised: on rows joined like the training rows. Delivered: on rows as they are served. The base rate's log loss is {base:.3f}.")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.load(sys.stdin)))
