# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PackageService of the admin API: DARs and packages, stored and vetted (docs/canton/packages.md#stored-and-vetted)."""

from __future__ import annotations

import sqlite3
from typing import Any

from sandbox.daml import dars
from sandbox.daml.dars import Dar
from sandbox.node.services.packages import parse
from sandbox.node.services.service import Service
from sandbox.state import connections, ledger, package_store
from sandbox.state.package_store import StoredDar, StoredPackage
from sandbox.v30 import vetting
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_SYSTEM_DESCRIPTION = "System package"


class PackageService(Service[Node]):
    SERVICE = "com.digitalasset.canton.admin.participant.v30.PackageService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._system = dars.read_dar(dars.builtin_dar())
        with node.db.write() as db:
            package_store.add_dar(db, node.name, self._system, _SYSTEM_DESCRIPTION, ids.now())
        node.on_connected.append(self._vet_system_packages)

    def _vet_system_packages(self, _alias: str, psid: str) -> None:
        """Each participant vets what its pings run on when it comes to a synchronizer for the first time."""
        if vetting.current(self._node, psid).mapping is None:
            vetting.vet(self._node, psid, [p.package_id for p in self._system.packages], wait=True)

    # --- messages

    def _package(self, stored: StoredPackage) -> Any:
        seconds, micros = divmod(stored.uploaded_at, 1_000_000)
        description = self._cls("PackageDescription")(
            package_id=stored.package_id, name=stored.name, version=stored.version, size=stored.size
        )
        description.uploaded_at.seconds = seconds
        description.uploaded_at.nanos = micros * 1000
        return description

    def _dar(self, stored: StoredDar) -> Any:
        return self._cls("DarDescription")(
            main=stored.main, name=stored.name, version=stored.version, description=stored.description
        )

    def _require_dar(self, db: sqlite3.Connection, operation: str, main: str) -> StoredDar:
        stored = package_store.dar(db, self._node.name, main)
        if stored is None:
            raise CantonError(
                "DAR_NOT_FOUND",
                f"{operation} operation failed due to non-existent DAR archive with main package-id {main}",
                {"operation": operation, "mainPackageId": main},
            )
        return stored

    def _require_package(self, db: sqlite3.Connection, package_id: str) -> StoredPackage:
        stored = package_store.package(db, self._node.name, package_id)
        if stored is None:
            raise CantonError("PACKAGE_NOT_FOUND", f"The package {package_id} is not found", {"packageId": package_id})
        return stored

    # --- reading

    def ListPackages(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            found = package_store.packages(db, self._node.name)
        chosen = [p for p in found if p.name.startswith(request.filter_name)]
        limited = chosen[: request.limit or None]
        return self._cls("ListPackagesResponse")(package_descriptions=[self._package(p) for p in limited])

    def GetPackageContents(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            stored = self._require_package(db, request.package_id)
        response = self._cls("GetPackageContentsResponse")(
            description=self._package(stored),
            is_utility_package=stored.utility,
            language_version=stored.language_version,
        )
        for name in stored.modules:
            response.modules.add(name=name)
        return response

    def GetPackageReferences(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            self._require_package(db, request.package_id)
            found = package_store.dars_with(db, self._node.name, request.package_id)
        return self._cls("GetPackageReferencesResponse")(dars=[self._dar(each) for each in found])

    def ListDars(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            found = package_store.dars(db, self._node.name)
        chosen = [each for each in found if each.name.startswith(request.filter_name)]
        return self._cls("ListDarsResponse")(dars=[self._dar(each) for each in chosen[: request.limit or None]])

    def GetDar(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            stored = self._require_dar(db, "getDar", request.main_package_id)
            payload = package_store.dar_payload(db, self._node.name, stored.main)
        return self._cls("GetDarResponse")(payload=payload, data=self._dar(stored))

    def GetDarContents(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            stored = self._require_dar(db, "getDarContents", request.main_package_id)
            found = package_store.dar_packages(db, self._node.name, stored.main)
        return self._cls("GetDarContentsResponse")(
            description=self._dar(stored), packages=[self._package(p) for p in found]
        )

    # --- uploading

    def ValidateDar(self, request: Any, context: Any) -> Any:
        dar = parse(request.data)
        with self._node.db.read() as db:
            package_store.refuse_known_versions(db, self._node.name, dar)
        return self._cls("ValidateDarResponse")(main_package_id=dar.main.package_id)

    def UploadDar(self, request: Any, context: Any) -> Any:
        psid = vetting.resolve(self._node, request.synchronizer_id) if request.vet_all_packages else None
        parsed = [parse(each.bytes) for each in request.dars]
        for dar, each in zip(parsed, request.dars, strict=True):
            _check_expected(dar, each)
        with self._node.db.write() as db:
            for dar, each in zip(parsed, request.dars, strict=True):
                package_store.add_dar(db, self._node.name, dar, each.description, ids.now())
        if psid:
            packages = [p.package_id for dar in parsed for p in dar.packages]
            vetting.vet(self._node, psid, packages, request.synchronize_vetting)
        return self._cls("UploadDarResponse")(dar_ids=[dar.main.package_id for dar in parsed])

    # --- vetting

    def _dar_package_ids(self, operation: str, main: str) -> list[str]:
        with self._node.db.read() as db:
            self._require_dar(db, operation, main)
            return [p.package_id for p in package_store.dar_packages(db, self._node.name, main)]

    def VetDar(self, request: Any, context: Any) -> Any:
        packages = self._dar_package_ids("vetDar", request.main_package_id)
        psid = vetting.resolve(self._node, request.synchronizer_id)
        vetting.vet(self._node, psid, packages, request.synchronize)
        return self._cls("VetDarResponse")()

    def UnvetDar(self, request: Any, context: Any) -> Any:
        self._dar_package_ids("unvetDar", request.main_package_id)
        psid = vetting.resolve(self._node, request.synchronizer_id)
        vetting.unvet(self._node, psid, [request.main_package_id])
        return self._cls("UnvetDarResponse")()

    # --- removing

    def RemoveDar(self, request: Any, context: Any) -> Any:
        main = request.main_package_id
        with self._node.db.write() as db:
            self._require_dar(db, "removeDar", main)
            self._refuse_in_use(db, main)
            package_store.remove_dar(db, self._node.name, main)
        return self._cls("RemoveDarResponse")()

    def RemovePackage(self, request: Any, context: Any) -> Any:
        with self._node.db.write() as db:
            self._require_package(db, request.package_id)
            if not request.force:
                self._refuse_in_use(db, request.package_id)
            package_store.remove_package(db, self._node.name, request.package_id)
        response = self._cls("RemovePackageResponse")()
        response.success.SetInParent()
        return response

    def _refuse_in_use(self, db: sqlite3.Connection, package_id: str) -> None:
        if ledger.uses_package(db, self._node.name, package_id):
            raise CantonError(
                "PACKAGE_OR_DAR_REMOVAL_ERROR", f"Package {package_id} is currently in-use by an active contract."
            )
        for psid in connections.known(db, self._node.name):
            if package_id in vetting.current(self._node, psid).packages:
                raise CantonError("PACKAGE_OR_DAR_REMOVAL_ERROR", f"Package {package_id} is currently vetted.")


def _check_expected(dar: Dar, given: Any) -> None:
    expected = given.expected_main_package_id
    if expected and expected != dar.main.package_id:
        raise CantonError(
            "MAIN_PACKAGE_IN_DAR_DOES_NOT_MATCH_EXPECTED",
            f"The main package of the uploaded DAR is '{dar.main.package_id}' while the provided expected value is "
            f"'{expected}'",
        )
