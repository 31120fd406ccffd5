# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a migration that is proven, in lines for a person."""

from __future__ import annotations

import typing as t

from .plan import Copies, Situation

SHOWN = 5  # parties that did not move


def summary(found: Situation) -> list[str]:
    """Empty unless the migration is proven."""
    if found.stage != "migrated" or found.copies is None:
        return []
    findings, copies, proof = found.findings, found.copies, found.proof
    beside = findings.request.stays_on_synchronizer
    lines = [
        f"Migrated   {findings.source.identity().uid}",
        f"to         {findings.target.identity().uid}{' on the same synchronizer' if beside else ''}",
        f"Delegation namespace {copies.namespace} to key {copies.target_key}",
        f"Parties    {len(copies.parties.wanted)} hosted",
        f"Users      {len(copies.users.users)} with their rights{_left_out(copies)}",
        f"Contracts  {proof['contracts']}, digest {proof['digest']}, equal on both sides",
    ]
    if not beside:
        others = sorted(t.cast(t.Iterable[str], proof.get("counterparties") or ()))
        lines.append(
            f"Shared     with {len(others)} parties that did not move{': ' if others else ''}{', '.join(others[:SHOWN])}"
        )
    return lines


def _left_out(copies: Copies) -> str:
    """Rights that were not copied, by user."""
    parts = [f"{user} ({', '.join(rights)})" for user, rights in sorted(copies.users.left_out.items())]
    return f", left out: {'; '.join(parts)}" if parts else ""
