# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering, connecting and disconnecting domains (docs/canton/canton-2.md#domains)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sandbox import connecting, connections, ids, topology_state, transactions
from sandbox.connections import Connection
from sandbox.errors import CantonError
from sandbox.v0 import elements
from sandbox.v0.domain import Domain
from sandbox.v0.elements import ADD, STATE, SUBMISSION, TO, Element

if TYPE_CHECKING:
    from sandbox.node import Node
    from sandbox.v0.view import View

_ACTIVE_SECONDS = 30.0
_POLL_SECONDS = 0.02


class Connector(connecting.Connector):
    """The connections of one participant of Canton 2."""

    _CONFIG = "participant.admin.v0.DomainConnectionConfig"

    def __init__(self, node: Node, view: View) -> None:
        super().__init__(node)
        self._view = view

    def find(self, alias: str) -> Connection:
        with self._node.db.read() as connection:
            found = connections.find(connection, self._node.name, alias)
        if found is None:
            raise CantonError("SYNC_SERVICE_UNKNOWN_DOMAIN", f"The domain with alias {alias} is unknown.")
        return found

    def register(self, config: Any, handshake: bool) -> None:
        """Keep a new configuration. Nobody is asked before the first connect."""
        with self._node.db.read() as connection:
            known = connections.find(connection, self._node.name, config.domain_alias)
        if known is not None:
            raise CantonError(
                "SYNC_SERVICE_ALREADY_ADDED",
                "The domain with the given alias has already been added.",
                {"domain": config.domain_alias},
            )
        self._save(config, "")

    def modify(self, config: Any) -> None:
        self._save(config, self.find(config.domain_alias).psid)

    def _save(self, config: Any, psid: str) -> None:
        with self._node.db.write() as connection:
            data = config.SerializeToString(deterministic=True)
            connections.save(connection, self._node.name, config.domain_alias, data, psid)

    def domain_id(self, alias: str) -> str:
        """The id of a registered domain, which is asked for it."""
        return self._handshake(self._config.FromString(self.find(alias).config))

    def _handshake(self, config: Any) -> str:
        node, alias = self._node, config.domain_alias
        urls = [url for one in config.sequencerConnections for url in one.grpc.connections]
        with node.db.read() as connection:
            found = {connections.psid_at(connection, url) for url in urls} - {None}
        if not found or not node.knob("reachable", True):
            raise CantonError("DOMAIN_IS_NOT_AVAILABLE", f"Cannot connect to domain {alias}", {"domain": alias})
        domain_id = str(found.pop())
        version = self._view.domain_protocol_version(domain_id)
        if version not in node.release.protocol_versions:
            reason = connections.unsupported(node.release, version)
            raise CantonError(
                "DOMAIN_HANDSHAKE_FAILED", "Handshake with domain has failed", {"reason": reason, "domain": alias}
            )
        if config.domain_id and config.domain_id != domain_id:
            raise CantonError(
                "DOMAIN_ID_MISMATCH",
                "The domain reports a different domain-id than the participant is expecting",
                {"expected": ids.short(config.domain_id), "observed": ids.short(domain_id), "domain": alias},
            )
        return domain_id

    def connect(self, alias: str) -> None:
        """Connect, idempotent; afterwards the participant is active on the domain."""
        node = self._node
        registered = self.find(alias)
        if registered.connected:
            return
        config = self._config.FromString(registered.config)
        domain_id = self._handshake(config)
        if registered.psid not in ("", domain_id):
            raise CantonError(
                "DOMAIN_ALIAS_DUPLICATION",
                "The domain with the given alias reports a different domain id than the participant is expecting",
                {"domain": alias},
            )
        self._save(config, domain_id)
        self._trust(domain_id)
        node.dispatcher.push_authorized_now(domain_id)
        with node.db.write() as connection:
            name = connection.execute("SELECT name FROM synchronizers WHERE psid=?", (domain_id,)).fetchone()["name"]
            Domain(name, node.db, node.messages).permit(connection, domain_id, node.uid)
            connections.set_connected(connection, node.name, alias, True)
            transactions.deliver_missed(connection, node.name, domain_id)
        self._await_active(domain_id)
        node.log.info("connected to %s (%s)", alias, ids.short(domain_id))
        for call in node.on_connected:
            call(alias, domain_id)

    def _trust(self, psid: str) -> None:
        """The participant's side of its state on a domain, issued at the first connect."""
        node = self._node
        with node.db.read() as connection:
            rows = self._view.topology.heads(connection, topology_state.authorized(node.name), STATE)
            trusted = any(
                row.item.side != elements.FROM and row.item.domain == psid and row.item.permission < elements.DISABLED
                for row in rows
                if elements.bare(row.item.participant) == node.uid
            )
        if trusted:
            return
        state = node.messages.cls("protocol.v0.ParticipantState")(
            side=TO, domain=psid, participant=node.uid, permission=SUBMISSION, trust_level=1
        )
        version = self._view.domain_protocol_version(psid) or 0
        try:
            self._view.manager.authorize(ADD, Element(STATE, state), replace_existing=True, protocol_version=version)
        except CantonError as error:
            raise CantonError(
                "CANNOT_ISSUE_DOMAIN_TRUST_CERTIFICATE",
                "Can not auto-issue a domain-trust certificate on this node.",
                {"reason": str(error)},
            ) from error

    def _await_active(self, domain_id: str) -> None:
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while time.monotonic() < deadline:
            with self._node.db.read() as connection:
                if self._node.uid in self._view.participants(connection, domain_id):
                    return
            time.sleep(_POLL_SECONDS)
        raise CantonError("PARTICIPANT_IS_NOT_ACTIVE", "The participant is not yet active")
