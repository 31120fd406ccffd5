# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ids of participants and parties: their namespace, and how they are shown to people."""

from __future__ import annotations

import typing as t


def namespace_of(uid: str) -> str:
    """The namespace of ``identifier::namespace`` (docs/canton/identity-and-start.md#identifiers)."""
    return uid.rpartition("::")[2]


def short(identifier: str) -> str:
    """An id that a person can read: the namespace cut after twelve characters."""
    name, separator, namespace = identifier.rpartition("::")
    return f"{name}{separator}{namespace[:12]}…" if len(namespace) > 16 else identifier


def some(items: t.Iterable[str], limit: int = 5) -> str:
    """The first few of a list of ids, and how many more there are."""
    ordered = sorted(items)
    text = ", ".join(short(item) for item in ordered[:limit])
    return text + (f" and {len(ordered) - limit} more" if len(ordered) > limit else "")
