# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering, connecting and disconnecting domains (docs/canton/canton-2.md#domains)."""

from __future__ import annotations

import time
from typing import Any

from sandbox.node import connecting
from sandbox.node.core import Core
from sandbox.state import connections, stores, synchronizers, transactions
from sandbox.state.connections import Connection
from sandbox.v0 import elements
from sandbox.v0.dispatcher import Dispatcher
from sandbox.v0.domain import Domain
from sandbox.v0.elements import ADD, STATE, SUBMISSION, TO, Element
from sandbox.v0.manager import Manager
from sandbox.v0.topology import Topology
from sandbox.v0.view import View
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_ACTIVE_SECONDS = 30.0
_POLL_SECONDS = 0.02


class Connector(connecting.Connector):
    """The connections of one participant of Canton 2."""

    _CONFIG = "participant.admin.v0.DomainConnectionConfig"

    def __init__(self, core: Core, dispatcher: Dispatcher, topology: Topology, manager: Manager, view: View) -> None:
        super().__init__(core, dispatcher)
        self._topology = topology
        self._manager = manager
        self._view = view

    def find(self, alias: str) -> Connection:
        with self._core.db.read() as connection:
            found = connections.find(connection, self._core.name, alias)
        if found is None:
            raise CantonError("SYNC_SERVICE_UNKNOWN_DOMAIN", f"The domain with alias {alias} is unknown.")
        return found

    def register(self, config: Any, handshake: bool) -> None:
        """Keep a new configuration. Nobody is asked before the first connect."""
        with self._core.db.read() as connection:
            known = connections.find(connection, self._core.name, config.domain_alias)
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
        with self._core.db.write() as connection:
            data = config.SerializeToString(deterministic=True)
            connections.save(connection, self._core.name, config.domain_alias, data, psid)

    def domain_id(self, alias: str) -> str:
        """The id of a registered domain, which is asked for it."""
        return self._handshake(self._config.FromString(self.find(alias).config))

    def _handshake(self, config: Any) -> str:
        core, alias = self._core, config.domain_alias
        urls = [url for one in config.sequencerConnections for url in one.grpc.connections]
        with core.db.read() as connection:
            found = {synchronizers.psid_at(connection, url) for url in urls} - {None}
        if not found or not core.knob("reachable", True):
            raise CantonError("DOMAIN_IS_NOT_AVAILABLE", f"Cannot connect to domain {alias}", {"domain": alias})
        domain_id = str(found.pop())
        version = self._view.domain_protocol_version(domain_id)
        if version not in core.release.protocol_versions:
            reason = connecting.unsupported(core.release, version)
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
        core = self._core
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
        self._dispatcher.push_authorized_now(domain_id)
        with core.db.write() as connection:
            name = synchronizers.names(connection)[domain_id]
            Domain(name, core.db, core.messages).permit(connection, domain_id, core.uid)
            connections.set_connected(connection, core.name, alias, True)
            unreadable = transactions.deliver_missed(connection, core.name, domain_id)
        self._check_readable(unreadable)
        self._await_active(domain_id)
        core.log.info("connected to %s (%s)", alias, ids.short(domain_id))
        for call in core.on_connected:
            call(alias, domain_id)

    def _trust(self, psid: str) -> None:
        """The participant's side of its state on a domain, issued at the first connect."""
        core = self._core
        with core.db.read() as connection:
            rows = self._topology.heads(connection, stores.authorized(core.name), STATE)
            trusted = any(
                row.item.side != elements.FROM and row.item.domain == psid and row.item.permission < elements.DISABLED
                for row in rows
                if elements.bare(row.item.participant) == core.uid
            )
        if trusted:
            return
        state = core.messages.cls("protocol.v0.ParticipantState")(
            side=TO, domain=psid, participant=core.uid, permission=SUBMISSION, trust_level=1
        )
        version = self._view.domain_protocol_version(psid) or 0
        try:
            self._manager.authorize(ADD, Element(STATE, state), replace_existing=True, protocol_version=version)
        except CantonError as error:
            raise CantonError(
                "CANNOT_ISSUE_DOMAIN_TRUST_CERTIFICATE",
                "Can not auto-issue a domain-trust certificate on this core.",
                {"reason": str(error)},
            ) from error

    def _await_active(self, domain_id: str) -> None:
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while time.monotonic() < deadline:
            if self._core.uid in self._view.participants(domain_id):
                return
            time.sleep(_POLL_SECONDS)
        raise CantonError("PARTICIPANT_IS_NOT_ACTIVE", "The participant is not yet active")
