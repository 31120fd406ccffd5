# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IdentityProviderConfigService of the ledger API (docs/canton/ledger-api.md#identity-providers)."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import urlsplit

from sandbox.errors import CantonError
from sandbox.node import Node
from sandbox.services.ledger_errors import invalid_argument, invalid_field, missing_field, update_paths

SCHEMA = """
CREATE TABLE IF NOT EXISTS identity_provider (
  participant TEXT NOT NULL,
  identity_provider_id TEXT NOT NULL,
  is_deactivated INTEGER NOT NULL DEFAULT 0,
  issuer TEXT NOT NULL,
  jwks_url TEXT NOT NULL,
  audience TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (participant, identity_provider_id),
  UNIQUE (participant, issuer)
);
"""

_COLUMNS = ("identity_provider_id", "is_deactivated", "issuer", "jwks_url", "audience")
_UPDATABLE = _COLUMNS[1:]
_MAX_CONFIGS = 16


def require(db: sqlite3.Connection, participant: str, provider: str) -> None:
    """Refuse an identity provider that is not there; "" is the default one, which always is."""
    if provider and _row(db, participant, provider) is None:
        raise invalid_argument(f"Provided identity_provider_id {provider} has not been found.")


def insert(db: sqlite3.Connection, participant: str, config: dict[str, Any]) -> None:
    """A new configuration; keys as in the columns."""
    db.execute(
        "INSERT INTO identity_provider VALUES (?, ?, ?, ?, ?, ?)",
        (
            participant,
            config["identity_provider_id"],
            config.get("is_deactivated", False),
            config["issuer"],
            config["jwks_url"],
            config.get("audience", ""),
        ),
    )


def _row(db: sqlite3.Connection, participant: str, provider: str) -> sqlite3.Row | None:
    return db.execute(  # type: ignore[no-any-return]
        "SELECT * FROM identity_provider WHERE participant = ? AND identity_provider_id = ?", (participant, provider)
    ).fetchone()


def _check_jwks(url: str) -> None:
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise invalid_field("jwks_url", "malformed url")


class IdentityProviderConfigService:
    SERVICE = "com.daml.ledger.api.v2.admin.IdentityProviderConfigService"
    PACKAGE = "v2.admin"

    def __init__(self, node: Node) -> None:
        self._node = node

    def _cls(self, name: str) -> Any:
        return self._node.messages.cls(f"{self.PACKAGE}.{name}")

    def _config(self, row: sqlite3.Row) -> Any:
        values = {name: row[name] for name in _COLUMNS}
        values["is_deactivated"] = bool(values["is_deactivated"])
        return self._cls("IdentityProviderConfig")(**values)

    def _require(self, db: sqlite3.Connection, provider: str) -> sqlite3.Row:
        if not provider:
            raise missing_field("identity_provider_id")
        row = _row(db, self._node.name, provider)
        if row is None:
            raise CantonError(
                "IDP_CONFIG_NOT_FOUND",
                f'identity provider config operation failed for unknown id "{provider}"',
                resource=("IDENTITY_PROVIDER_CONFIG", provider),
            )
        return row

    def _refuse_issuer(self, db: sqlite3.Connection, issuer: str, own: str) -> None:
        row = db.execute(
            "SELECT 1 FROM identity_provider WHERE participant = ? AND issuer = ? AND identity_provider_id <> ?",
            (self._node.name, issuer, own),
        ).fetchone()
        if row:
            raise CantonError(
                "IDP_CONFIG_ISSUER_ALREADY_EXISTS",
                f'identity provider config issuer "{issuer}" already exists',
                resource=("IDENTITY_PROVIDER_CONFIG", issuer),
            )

    def CreateIdentityProviderConfig(self, request: Any, context: Any) -> Any:
        config = request.identity_provider_config
        for name in ("identity_provider_id", "issuer", "jwks_url"):
            if not getattr(config, name):
                raise missing_field(name)
        _check_jwks(config.jwks_url)
        provider = config.identity_provider_id
        with self._node.db.write() as db:
            if _row(db, self._node.name, provider):
                raise CantonError(
                    "IDP_CONFIG_ALREADY_EXISTS",
                    f'creating identity provider config failed, as "{provider}" already exists',
                    resource=("IDENTITY_PROVIDER_CONFIG", provider),
                )
            self._refuse_issuer(db, config.issuer, provider)
            self._refuse_too_many(db)
            insert(db, self._node.name, {name: getattr(config, name) for name in _COLUMNS})
            created = self._require(db, provider)
        return self._cls("CreateIdentityProviderConfigResponse")(identity_provider_config=self._config(created))

    def _refuse_too_many(self, db: sqlite3.Connection) -> None:
        query = "SELECT count(*) FROM identity_provider WHERE participant = ?"
        if db.execute(query, (self._node.name,)).fetchone()[0] >= _MAX_CONFIGS:
            raise CantonError(
                "TOO_MANY_IDENTITY_PROVIDER_CONFIGS",
                f"creating identity provider config failed: the maximum of {_MAX_CONFIGS} is reached",
            )

    def GetIdentityProviderConfig(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            row = self._require(db, request.identity_provider_id)
        return self._cls("GetIdentityProviderConfigResponse")(identity_provider_config=self._config(row))

    def UpdateIdentityProviderConfig(self, request: Any, context: Any) -> Any:
        paths = update_paths(request.update_mask, _UPDATABLE, "INVALID_IDENTITY_PROVIDER_UPDATE_REQUEST")
        config = request.identity_provider_config
        with self._node.db.write() as db:
            row = self._require(db, config.identity_provider_id)
            values = {name: getattr(config, name) if name in paths else row[name] for name in _UPDATABLE}
            _check_jwks(values["jwks_url"])
            self._refuse_issuer(db, values["issuer"], config.identity_provider_id)
            db.execute(
                "UPDATE identity_provider SET is_deactivated = ?, issuer = ?, jwks_url = ?, audience = ? "
                "WHERE participant = ? AND identity_provider_id = ?",
                (*values.values(), self._node.name, config.identity_provider_id),
            )
            updated = self._require(db, config.identity_provider_id)
        return self._cls("UpdateIdentityProviderConfigResponse")(identity_provider_config=self._config(updated))

    def ListIdentityProviderConfigs(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            rows = db.execute(
                "SELECT * FROM identity_provider WHERE participant = ? ORDER BY identity_provider_id",
                (self._node.name,),
            ).fetchall()
        response = self._cls("ListIdentityProviderConfigsResponse")
        return response(identity_provider_configs=[self._config(row) for row in rows])

    def DeleteIdentityProviderConfig(self, request: Any, context: Any) -> Any:
        with self._node.db.write() as db:
            self._require(db, request.identity_provider_id)
            db.execute(
                "DELETE FROM identity_provider WHERE participant = ? AND identity_provider_id = ?",
                (self._node.name, request.identity_provider_id),
            )
        return self._cls("DeleteIdentityProviderConfigResponse")()
