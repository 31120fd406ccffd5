# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offsets of the ledger API v1: strings, nine bytes in hex, of which the first is a version (zero)."""

from __future__ import annotations

_DIGITS = 18


def text(offset: int) -> str:
    return f"{offset:0{_DIGITS}x}"


def number(offset: str) -> int | None:
    """The number in such a string; None when it is none."""
    try:
        return int(offset, 16)
    except ValueError:
        return None
