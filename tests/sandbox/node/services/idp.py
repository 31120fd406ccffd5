# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IdentityProviderConfigService of the ledger API (docs/canton/ledger-api.md#identity-providers)."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import urlsplit

from sandbox.node.ledger_errors import invalid_argument, invalid_field, missing_field, update_paths
from sandbox.node.node import Node
from sandbox.node.services.service import Service
from sandbox.state import identity_providers
from sandbox.state.identity_providers import COLUMNS
from sandbox.wire.errors import CantonError

_UPDATABLE = COLUMNS[1:]
_MAX_CONFIGS = 16


def require(db: sqlite3.Connection, participant: str, provider: str) -> None:
    """Refuse an identity provider that is not there; "" is the default one, which always is."""
    if provider and identity_providers.get(db, participant, provider) is None:
        raise invalid_argument(f"Provided identity_provider_id {provider} has not been found.")


def _check_jwks(url: str) -> None:
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise invalid_field("jwks_url", "malformed url")


class IdentityProviderConfigService(Service[Node]):
    def _config(self, row: sqlite3.Row) -> Any:
        values = {name: row[name] for name in COLUMNS}
        values["is_deactivated"] = bool(values["is_deactivated"])
        return self._cls("IdentityProviderConfig")(**values)

    def _require(self, db: sqlite3.Connection, provider: str) -> sqlite3.Row:
        if not provider:
            raise missing_field("identity_provider_id")
        row = identity_providers.get(db, self._node.name, provider)
        if row is None:
            raise CantonError(
                "IDP_CONFIG_NOT_FOUND",
                f'identity provider config operation failed for unknown id "{provider}"',
                resource=("IDENTITY_PROVIDER_CONFIG", provider),
            )
        return row

    def _refuse_issuer(self, db: sqlite3.Connection, issuer: str, own: str) -> None:
        others = identity_providers.everyone(db, self._node.name)
        if any(row["issuer"] == issuer and row["identity_provider_id"] != own for row in others):
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
            if identity_providers.get(db, self._node.name, provider):
                raise CantonError(
                    "IDP_CONFIG_ALREADY_EXISTS",
                    f'creating identity provider config failed, as "{provider}" already exists',
                    resource=("IDENTITY_PROVIDER_CONFIG", provider),
                )
            self._refuse_issuer(db, config.issuer, provider)
            self._refuse_too_many(db)
            identity_providers.insert(db, self._node.name, {name: getattr(config, name) for name in COLUMNS})
            created = self._require(db, provider)
        return self._cls("CreateIdentityProviderConfigResponse")(identity_provider_config=self._config(created))

    def _refuse_too_many(self, db: sqlite3.Connection) -> None:
        if len(identity_providers.everyone(db, self._node.name)) >= _MAX_CONFIGS:
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
            identity_providers.update(db, self._node.name, config.identity_provider_id, values)
            updated = self._require(db, config.identity_provider_id)
        return self._cls("UpdateIdentityProviderConfigResponse")(identity_provider_config=self._config(updated))

    def ListIdentityProviderConfigs(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            rows = identity_providers.everyone(db, self._node.name)
        response = self._cls("ListIdentityProviderConfigsResponse")
        return response(identity_provider_configs=[self._config(row) for row in rows])

    def DeleteIdentityProviderConfig(self, request: Any, context: Any) -> Any:
        with self._node.db.write() as db:
            self._require(db, request.identity_provider_id)
            identity_providers.delete(db, self._node.name, request.identity_provider_id)
        return self._cls("DeleteIdentityProviderConfigResponse")()
