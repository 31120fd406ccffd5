# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The synchronizers that a participant has registered, and whether it is connected to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sandbox.node.core import Core
from sandbox.node.dispatcher import Dispatcher
from sandbox.state import connections, transactions
from sandbox.state.connections import Connection
from sandbox.wire import ids
from sandbox.wire.errors import CantonError
from sandbox.wire.release import Release


class Connector(ABC):
    """The connections of one participant."""

    # The message with the configuration of a connection.
    _CONFIG: str

    def __init__(self, core: Core, dispatcher: Dispatcher) -> None:
        self._core = core
        self._dispatcher = dispatcher
        self._config = core.messages.cls(self._CONFIG)

    @abstractmethod
    def find(self, alias: str) -> Connection:
        """The registered synchronizer of this alias; an error when there is none."""

    @abstractmethod
    def register(self, config: Any, handshake: bool) -> None:
        """Keep a configuration; with ``handshake`` the synchronizer is asked who it is."""

    @abstractmethod
    def modify(self, config: Any) -> None:
        """Replace the configuration of a registered synchronizer."""

    @abstractmethod
    def connect(self, alias: str) -> None:
        """Connect, idempotent; afterwards the participant is active in the synchronizer's topology."""

    def disconnect(self, alias: str) -> None:
        """Disconnect, idempotent. Topology changes that are not sequenced yet are lost."""
        registered = self.find(alias)
        with self._core.db.write() as connection:
            connections.set_connected(connection, self._core.name, alias, False)
        if registered.connected:
            self._dispatcher.drop(registered.psid)
            self._core.log.info("disconnected from %s", alias)

    def disconnect_all(self) -> None:
        for alias in self._core.connected():
            self.disconnect(alias)

    def reconnect_all(self, ignore_failures: bool) -> None:
        """Connect to all registered synchronizers that are not marked for manual connection."""
        for registered in self.all():
            if self._config.FromString(registered.config).manual_connect:
                continue
            try:
                self.connect(registered.alias)
            except CantonError:
                if not ignore_failures:
                    raise
                self._core.log.warning("could not connect to %s", registered.alias)

    def process_arrived(self) -> None:
        """Process what other processes left for this node since it is connected; it ends itself when it can't."""
        with self._core.db.read() as connection:
            psids = transactions.arrived(connection, self._core.name)
        for psid in psids:
            with self._core.db.write() as connection:
                unreadable = transactions.deliver_missed(connection, self._core.name, psid)
            self._check_readable(unreadable)

    def _check_readable(self, unreadable: str) -> None:
        if unreadable:
            self._core.crash(
                f"Can't decrypt the randomness of the message for key {ids.short(unreadable)}: matching private key does not exist"
            )

    def all(self) -> list[Connection]:
        with self._core.db.read() as connection:
            return connections.registered(connection, self._core.name)

    def forget_connections(self) -> None:
        """At process start nothing is connected, whatever the store says."""
        with self._core.db.write() as connection:
            connections.forget(connection, self._core.name)


def unsupported(line: Release, version: int | None) -> str:
    """Why a participant of this line can't join a synchronizer of this protocol version."""
    listed = ", ".join(map(str, line.protocol_versions))
    return (
        f"The protocol version required by the server ({version}) is not among the supported protocol versions by the"
        f" client: {listed}"
    )
