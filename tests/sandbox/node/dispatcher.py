# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of topology transactions into the synchronizers' stores.

What a participant sends lies in memory until it is sequenced, a little later: a disconnect or a kill in between loses
it although the caller was told OK (docs/canton/topology.md#an-accepted-transaction-can-be-lost).
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from typing import Any

from sandbox.node.core import Core

_DEFAULT_SEQUENCING_MS = 100


class Dispatcher(ABC):
    """The outboxes of one participant, one for each synchronizer, and the thread that empties them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._queues: dict[str, list[tuple[float, Any]]] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is still queued is lost."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=10)

    def submit(self, psid: str, signed: list[Any]) -> None:
        """Queue transactions for a synchronizer."""
        due = time.monotonic() + self._core.knob("sequencing_ms", _DEFAULT_SEQUENCING_MS) / 1000
        with self._changed:
            self._queues.setdefault(psid, []).extend((due, one) for one in signed)
            self._changed.notify_all()

    def drop(self, psid: str) -> None:
        """Forget what was not sequenced: the connection is gone."""
        with self._changed:
            self._queues.pop(psid, None)

    def queued(self) -> int:
        with self._changed:
            return sum(map(len, self._queues.values()))

    def _due(self) -> tuple[str, list[Any]] | None:
        """Wait for the next batch; ``None`` when the node stops."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                waiting = {psid: min(due for due, _unused in queue) for psid, queue in self._queues.items() if queue}
                if not waiting:
                    self._changed.wait(1)
                    continue
                psid = min(waiting, key=lambda name: waiting[name])
                if waiting[psid] <= now:
                    queue = self._queues.pop(psid)
                    self._queues[psid] = [(due, one) for due, one in queue if due > now]
                    return psid, [one for due, one in queue if due <= now]
                self._changed.wait(waiting[psid] - now)
        return None

    def _run(self) -> None:
        while True:
            batch = self._due()
            if batch is None:
                return
            try:
                self._sequence(*batch)
            except Exception:
                self._core.log.exception("a batch for %s could not be sequenced", batch[0])

    @abstractmethod
    def push(self, psid: str, signed: list[Any]) -> None:
        """Queue what was just added to the authorized store, as far as it concerns this synchronizer."""

    @abstractmethod
    def push_authorized_now(self, psid: str) -> None:
        """Bring everything of the authorized store that the synchronizer has not seen yet into its store.

        It is there when the call returns: a part of the handshake of a connect.
        """

    @abstractmethod
    def _sequence(self, psid: str, batch: list[Any]) -> None:
        """Bring a batch into the synchronizer's store."""
