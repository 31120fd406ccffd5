# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parties whose onboarding flag a participant is to clear."""

from __future__ import annotations

import sqlite3


def remember(db: sqlite3.Connection, node: str, psid: str, party: str) -> None:
    db.execute("INSERT OR IGNORE INTO onboarding VALUES (?,?,?)", (node, psid, party))


def parties(db: sqlite3.Connection, node: str, psid: str) -> list[str]:
    rows = db.execute("SELECT party FROM onboarding WHERE node=? AND psid=?", (node, psid))
    return [row["party"] for row in rows]


def forget(db: sqlite3.Connection, node: str, psid: str, party: str) -> None:
    db.execute("DELETE FROM onboarding WHERE node=? AND psid=? AND party=?", (node, psid, party))
