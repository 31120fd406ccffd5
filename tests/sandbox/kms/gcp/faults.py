# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Faults:
    """What goes wrong. ``denied`` has permissions without ``cloudkms.``; ``throttled`` and ``lost`` count calls by method.

    ``generation_reads`` and ``import_reads`` are how often a version is read before it is ready. ``lost`` calls are carried out,
    but answered UNAVAILABLE.
    """

    denied: set[str] = field(default_factory=set)
    throttled: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    unauthenticated: bool = False
    api_off: bool = False
    generation_reads: int = 1
    generation_fails: str = ""
    import_reads: int = 1
    import_fails: str = ""
    wrong_public_key: bool = False
    damaged: bool = False
    wrong_answers: bool = False
    concurrent_policy_changes: int = 0
