# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small helpers around identifiers and time."""

from __future__ import annotations

import time


def now() -> int:
    """Microseconds since the epoch: the unit of all times in the store."""
    return time.time_ns() // 1000


def short(identifier: str) -> str:
    """An identifier as Canton prints it in texts: fingerprints cut to twelve characters and three dots."""
    return "::".join(part[:12] + "..." if _is_fingerprint(part) else part for part in identifier.split("::"))


def _is_fingerprint(part: str) -> bool:
    return len(part) == 68 and part.startswith("1220")


def split(uid: str) -> tuple[str, str]:
    """(identifier, namespace) of a uid; a member's code such as ``PAR::`` is taken off first."""
    head, _unused, rest = uid.partition("::")
    if head in ("PAR", "SEQ", "MED", "DOM") and "::" in rest:
        head, _unused, rest = rest.partition("::")
    return head, rest


def namespace(uid: str) -> str:
    return split(uid)[1]


def logical(psid: str) -> str:
    """The logical id in a physical one: ``old::1220…::35-0`` -> ``old::1220…``."""
    return "::".join(psid.split("::")[:2])


def is_uid(text: str) -> bool:
    """``identifier::namespace`` with a namespace that looks like a fingerprint."""
    parts = text.split("::")
    return len(parts) == 2 and bool(parts[0]) and _is_fingerprint(parts[1])


def uid_matches(uid: str, wanted: str) -> bool:
    """Both parts may be cut short (docs/canton/topology.md#filters-of-lists)."""
    identifier, _unused, namespace = wanted.partition("::")
    ours, theirs = split(uid)
    return ours.startswith(identifier) and theirs.startswith(namespace)
