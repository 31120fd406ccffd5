# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering, connecting and disconnecting synchronizers (docs/canton/synchronizers.md#connecting)."""

from __future__ import annotations

from typing import Any

from sandbox.node import connecting
from sandbox.node.core import Core
from sandbox.state import connections, history, stores, synchronizers, transactions
from sandbox.state.connections import Connection
from sandbox.v30 import mappings
from sandbox.v30.dispatcher import Dispatcher
from sandbox.v30.manager import TopologyManager
from sandbox.v30.topology import TopologyState
from sandbox.wire import ids
from sandbox.wire.errors import CantonError


class Connector(connecting.Connector):
    """The connections of one participant of Canton 3."""

    _CONFIG = "admin.participant.v30.SynchronizerConnectionConfig"

    def __init__(self, core: Core, dispatcher: Dispatcher, topology: TopologyState, manager: TopologyManager) -> None:
        super().__init__(core, dispatcher)
        self._topology = topology
        self._manager = manager

    def find(self, alias: str) -> Connection:
        """The registered synchronizer of this alias; SYNC_SERVICE_UNKNOWN_SYNCHRONIZER when there is none."""
        with self._core.db.read() as connection:
            found = connections.find(connection, self._core.name, alias)
        if found is None:
            raise CantonError(
                "SYNC_SERVICE_UNKNOWN_SYNCHRONIZER",
                f"The synchronizer with alias {alias} is unknown.",
                {"synchronizerAlias": f"Synchronizer '{alias}'"},
            )
        return found

    def register(self, config: Any, handshake: bool) -> None:
        """Keep a configuration; with ``handshake`` the synchronizer is asked who it is."""
        with self._core.db.read() as connection:
            known = connections.find(connection, self._core.name, config.synchronizer_alias)
        if known is not None and not self._compatible(known, config):
            raise CantonError(
                "SYNCHRONIZER_REGISTRATION",
                f"Synchronizer '{config.synchronizer_alias}' is already registered with another configuration",
                {"synchronizerAlias": f"Synchronizer '{config.synchronizer_alias}'"},
            )
        stored = known.psid if known else ""
        psid = self._handshake(config) if handshake else stored
        self._save(config, psid)
        if handshake:
            with self._core.db.write() as connection:
                connections.shake_hands(connection, self._core.name, config.synchronizer_alias)

    def modify(self, config: Any) -> None:
        """Replace the configuration of a registered synchronizer."""
        self._save(config, self.find(config.synchronizer_alias).psid)

    def _save(self, config: Any, psid: str) -> None:
        stored = self._config()
        stored.CopyFrom(config)
        with self._core.db.write() as connection:
            if psid:
                for sequencer in stored.sequencer_connections.sequencer_connections:
                    sequencer.sequencer_id = synchronizers.sequencer_of(connection, psid)
            data = stored.SerializeToString(deterministic=True)
            connections.save(connection, self._core.name, config.synchronizer_alias, data, psid)

    def _compatible(self, known: Connection, config: Any) -> bool:
        """The same sequencers: all else may differ and is taken over."""
        before = self._config.FromString(known.config)
        return _urls(before) == _urls(config)

    def _handshake(self, config: Any) -> str:
        """The physical id of the synchronizer behind a configuration; an error when nothing answers there."""
        urls = _urls(config)
        with self._core.db.read() as connection:
            found = {synchronizers.psid_at(connection, url) for url in urls} - {None}
        if not found or not self._core.knob("reachable", True):
            raise CantonError(
                "FAILED_TO_CONNECT_TO_SEQUENCERS",
                f"The participant failed to connect to the sequencers at {', '.join(urls)}",
                {"alias": f"Synchronizer '{config.synchronizer_alias}'"},
            )
        psid = str(found.pop())
        with self._core.db.read() as connection:
            version = synchronizers.protocol_version(connection, psid)
        if version not in self._core.release.protocol_versions:
            raise CantonError(
                "SYNCHRONIZER_HANDSHAKE_FAILED",
                "Handshake with synchronizer has failed",
                {"reason": connecting.unsupported(self._core.release, version)},
            )
        if config.physical_synchronizer_id and config.physical_synchronizer_id != psid:
            raise CantonError(
                "SYNCHRONIZER_ID_MISMATCH",
                "The synchronizer reports a different synchronizer id than the participant is expecting",
                {"expected": ids.short(config.physical_synchronizer_id), "observed": ids.short(psid)},
            )
        return psid

    def connect(self, alias: str) -> None:
        """Connect, idempotent; afterwards the participant is active in the synchronizer's topology."""
        core = self._core
        registered = self.find(alias)
        if registered.connected:
            return
        config = self._config.FromString(registered.config)
        psid = self._handshake(config)
        self._refuse_twin(alias, psid)
        if registered.psid not in ("", psid):
            raise CantonError("SYNCHRONIZER_ID_MISMATCH", "The alias belongs to another synchronizer")
        self._save(config, psid)
        self._trust(psid)
        self._dispatcher.push_authorized_now(psid)
        try:
            with core.db.write() as connection:
                if not connections.is_subscribed(connection, core.name, psid):
                    history.replay(connection, core.name, core.uid, psid)
                connections.set_connected(connection, core.name, alias, True)
                unreadable = transactions.deliver_missed(connection, core.name, psid)
        except history.CreatesExisting as error:
            core.crash(
                f"LOCAL_VERDICT_CREATES_EXISTING_CONTRACTS: a transaction creates the contract {error.contract_id}, which exists"
                " already. Request with failed activeness check is approved; crashing the node to recover from invalid state"
            )
        self._check_readable(unreadable)
        core.log.info("connected to %s (%s)", alias, ids.short(psid))
        for call in core.on_connected:
            call(alias, psid)

    def _refuse_twin(self, alias: str, psid: str) -> None:
        """No two nodes of one identity at a time: real ones would both be served, and harm one another (README)."""
        core = self._core
        with core.db.read() as connection:
            twins = connections.twins_at(connection, core.name, core.uid, psid)
        if twins:
            raise CantonError(
                "FAILED_TO_CONNECT_TO_SEQUENCERS",
                f"Another node with the identity {ids.short(core.uid)} is connected",
                {"alias": f"Synchronizer '{alias}'"},
            )

    def _trust(self, psid: str) -> None:
        """The certificate with which a participant joins a synchronizer, issued at the first connect."""
        core = self._core
        store = stores.authorized(core.name)
        mapping = core.messages.cls("protocol.v30.TopologyMapping")()
        certificate = mapping.synchronizer_trust_certificate
        certificate.participant_uid, certificate.synchronizer_id = core.uid, ids.logical(psid)
        with core.db.read() as connection:
            head = self._topology.head(connection, store, mappings.unique_key(mapping))
        if head is None:
            self._manager.authorize(store, mappings.ADD, mapping)


def _urls(config: Any) -> list[str]:
    return sorted(url for one in config.sequencer_connections.sequencer_connections for url in one.grpc.connections)
