# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PackageManagementService of ledger API v1."""

from __future__ import annotations

from typing import Any

from sandbox.node.services import packages
from sandbox.state import dars_v0
from sandbox.state.package_store import StoredPackage
from sandbox.v0 import dar_store
from sandbox.v0.node import Node
from sandbox.v0.vetting import upload


class PackageManagementService(packages.PackageManagementService[Node]):
    SERVICE = "com.daml.ledger.api.v1.admin.PackageManagementService"

    def _name(self, details: Any, package: StoredPackage) -> None:
        with self._node.db.read() as db:
            details.source_description = dars_v0.sources(db, self._node.name).get(package.package_id, "")

    def UploadDarFile(self, request: Any, context: Any) -> Any:
        """Vets always, waits for the connected domains, and names the DAR after its main package."""
        dar = packages.parse(request.dar_file)
        upload(self._node, dar, f"{dar.main.name}-{dar.main.version}", vets=True, synchronize=True)
        return self._cls("UploadDarFileResponse")()

    def ValidateDarFile(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            dar_store.check(db, self._node, packages.parse(request.dar_file))
        return self._cls("ValidateDarFileResponse")()
