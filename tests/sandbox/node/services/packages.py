# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DARs that come in, and the packages that the ledger API lists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sandbox.daml import dars
from sandbox.daml.dars import Dar, DarError
from sandbox.node.node import Node
from sandbox.node.services.service import N, Service
from sandbox.state import package_store
from sandbox.state.package_store import StoredPackage
from sandbox.wire.errors import CantonError


def parse(payload: bytes) -> Dar:
    """A DAR, or the error that a node gives for it."""
    try:
        return dars.read_dar(payload)
    except DarError as error:
        raise CantonError(error.error_id, error.cause, error.metadata) from error


def known_packages(node: Node) -> list[StoredPackage]:
    with node.db.read() as db:
        return package_store.packages(db, node.name)


class PackageManagementService(Service[N], ABC):
    def ListKnownPackages(self, request: Any, context: Any) -> Any:
        response = self._cls("ListKnownPackagesResponse")()
        for package in known_packages(self._node):
            seconds, micros = divmod(package.uploaded_at, 1_000_000)
            details = response.package_details.add(package_id=package.package_id, package_size=package.size)
            self._name(details, package)
            details.known_since.seconds = seconds
            details.known_since.nanos = micros * 1000
        return response

    @abstractmethod
    def _name(self, details: Any, package: StoredPackage) -> None:
        """Fill in what the line says of a package's name."""
