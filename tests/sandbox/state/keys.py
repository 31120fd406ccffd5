# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the participants and synchronizers, in tables named as those of a real node's database: public keys, private
keys, and the ids of the KMS keys that were registered. They don't know of each other: whether a private key or a
registration counts is a matter of the node's crypto provider."""

from __future__ import annotations

import sqlite3

from sandbox.state import participants

_JOINED = (
    "SELECT u.key_id AS fingerprint, u.name, u.data AS public, r.data AS private, k.kms_key_id"
    " FROM common_crypto_public_keys u"
    " LEFT JOIN common_crypto_private_keys r ON r.node=u.node AND r.key_id=u.key_id"
    " LEFT JOIN common_kms_metadata_store k ON k.node=u.node AND k.fingerprint=u.key_id"
)


def everything(db: sqlite3.Connection, node: str) -> list[sqlite3.Row]:
    """Fingerprint, name, public, private and kms_key_id of all public keys, in the order in which they came."""
    return db.execute(f"{_JOINED} WHERE u.node=? ORDER BY u.position", (node,)).fetchall()


def get(db: sqlite3.Connection, node: str, fingerprint: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(f"{_JOINED} WHERE u.node=? AND u.key_id=?", (node, fingerprint)).fetchone()
    return row


def can_decrypt(db: sqlite3.Connection, node: str, fingerprint: str) -> bool:
    """Whether a participant has the private part of a key, by the provider that it runs with now."""
    row = get(db, node, fingerprint)
    config = participants.config(db, node)
    if row is None or config is None:
        return False
    return (row["kms_key_id"] if config["crypto"] == "kms" else row["private"]) is not None


def put(
    db: sqlite3.Connection,
    node: str,
    fingerprint: str,
    name: str,
    public: bytes,
    private: bytes | None,
    kms_key_id: str | None,
) -> None:
    """A new key, or a private part or registration for one that is there and has none: what is there stays."""
    db.execute(
        "INSERT OR IGNORE INTO common_crypto_public_keys (node, key_id, name, data) VALUES (?,?,?,?)",
        (node, fingerprint, name, public),
    )
    if private is not None:
        db.execute("INSERT OR IGNORE INTO common_crypto_private_keys VALUES (?,?,?)", (node, fingerprint, private))
    if kms_key_id is not None:
        db.execute("INSERT OR IGNORE INTO common_kms_metadata_store VALUES (?,?,?)", (node, fingerprint, kms_key_id))


def delete(db: sqlite3.Connection, node: str, fingerprint: str, registration: bool) -> None:
    """Public and private key, or public key and registration."""
    table, column = (
        ("common_kms_metadata_store", "fingerprint") if registration else ("common_crypto_private_keys", "key_id")
    )
    db.execute(f"DELETE FROM {table} WHERE node=? AND {column}=?", (node, fingerprint))
    db.execute("DELETE FROM common_crypto_public_keys WHERE node=? AND key_id=?", (node, fingerprint))


def delete_private(db: sqlite3.Connection, node: str) -> int:
    """All private keys of a node's own store, as an operator deletes them from its database; how many there were."""
    return db.execute("DELETE FROM common_crypto_private_keys WHERE node=?", (node,)).rowcount
