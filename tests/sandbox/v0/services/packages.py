# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PackageService of Canton 2: DARs and packages; vetting goes into the Authorized store (docs/canton/canton-2.md#dars)."""

from __future__ import annotations

import sqlite3
from typing import Any

from sandbox.daml import dars
from sandbox.node.services.packages import parse
from sandbox.node.services.service import Service
from sandbox.state import dars_v0, ledger, package_store, stores
from sandbox.state.dars_v0 import StoredDar
from sandbox.v0 import dar_store, vetting
from sandbox.v0.node import Node
from sandbox.wire.errors import CantonError

_SUFFIX = ".dar"
_MAX_NAME = 255


class PackageService(Service[Node]):
    SERVICE = "com.digitalasset.canton.participant.admin.v0.PackageService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._system = dars.read_dar(dars.builtin_dar(dars.ADMIN_WORKFLOWS_DAR))
        vetting.upload(node, self._system, dars.ADMIN_WORKFLOWS_DAR, vets=True, synchronize=False)

    def _require(self, db: sqlite3.Connection, operation: str, key: str) -> StoredDar:
        stored = dars_v0.find(db, self._node.name, key)
        if stored is None:
            raise CantonError(
                "DAR_NOT_FOUND",
                f"{operation} operation failed due to non-existent DAR archive with hash {key}",
                {"operation": operation, "darHash": key},
            )
        return stored

    # --- reading

    def ListPackages(self, request: Any, context: Any) -> Any:
        response = self._cls("ListPackagesResponse")()
        with self._node.db.read() as db:
            found = package_store.packages(db, self._node.name)
            sources = dars_v0.sources(db, self._node.name)
        for package in found[: request.limit or None]:
            response.package_descriptions.add(
                package_id=package.package_id, source_description=sources.get(package.package_id, "")
            )
        return response

    def ListPackageContents(self, request: Any, context: Any) -> Any:
        """An unknown package has no modules."""
        with self._node.db.read() as db:
            stored = package_store.package(db, self._node.name, request.package_id)
        response = self._cls("ListPackageContentsResponse")()
        for name in stored.modules if stored else ():
            response.modules.add(name=name)
        return response

    def ListDars(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            found = dars_v0.all_dars(db, self._node.name)
        response = self._cls("ListDarsResponse")()
        for each in found[: request.limit or None]:
            response.dars.add(hash=each.hash, name=each.name)
        return response

    def ListDarContents(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            stored = self._require(db, "listDarContents", request.dar_id)
            packages = dars_v0.package_ids(db, self._node.name, stored.hash)
        main = dar_store.main_package(stored.payload).package_id
        return self._cls("ListDarContentsResponse")(
            description=stored.name,
            main=main,
            packages=packages,
            dependencies=[each for each in packages if each != main],
        )

    def GetDar(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            stored = self._require(db, "getDar", request.hash)
        return self._cls("GetDarResponse")(data=stored.payload, name=stored.name)

    # --- uploading

    def ValidateDar(self, request: Any, context: Any) -> Any:
        dar = parse(request.data)
        with self._node.db.read() as db:
            dar_store.check(db, self._node, dar)
        return self._cls("ValidateDarResponse")(hash=dar_store.dar_hash(request.data))

    def UploadDar(self, request: Any, context: Any) -> Any:
        """The knob `upload_failure` is a reason that comes back as a failure in a normal answer."""
        response = self._cls("UploadDarResponse")()
        reason = self._node.knob("upload_failure")
        if reason:
            response.failure.reason = reason
            return response
        name = request.filename.removesuffix(_SUFFIX)
        if len(name) > _MAX_NAME:
            raise CantonError("INVALID_DAR_FILE_NAME", f"The DAR file name is longer than {_MAX_NAME} characters")
        dar = parse(request.data)
        vets = request.vet_all_packages
        response.success.hash = vetting.upload(self._node, dar, name, vets, vets and request.synchronize_vetting)
        return response

    # --- vetting

    def VetDar(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            self._require(db, "vetDar", request.dar_hash)
            packages = dars_v0.package_ids(db, self._node.name, request.dar_hash)
        vetting.vet(self._node, packages)
        if request.synchronize:
            vetting.wait_vetted(self._node, packages)
        return self._cls("VetDarResponse")()

    def UnvetDar(self, request: Any, context: Any) -> Any:
        """What also came in another DAR stays vetted."""
        with self._node.db.read() as db:
            self._require(db, "unvetDar", request.dar_hash)
        self._unvet(request.dar_hash)
        return self._cls("UnvetDarResponse")()

    def _unvet(self, key: str) -> None:
        with self._node.db.read() as db:
            shared = dars_v0.in_other_dars(db, self._node.name, key)
            own = [each for each in dars_v0.package_ids(db, self._node.name, key) if each not in shared]
        vetting.unvet(self._node, own, force=True)

    # --- removing

    def RemoveDar(self, request: Any, context: Any) -> Any:
        """Takes the vetting back too. A main package that is used, or needed by another DAR, keeps its DAR."""
        key = request.dar_hash
        with self._node.db.read() as db:
            main = dar_store.main_package(self._require(db, "removeDar", key).payload).package_id
            self._refuse_in_use(db, main)
            if main in dars_v0.in_other_dars(db, self._node.name, key):
                raise CantonError(
                    "MAIN_DAR_PACKAGE_REFERENCED_EXTERNALLY", f"The main package {main} of DAR {key} is in another DAR"
                )
        self._unvet(key)
        with self._node.db.write() as db:
            package_store.remove_dar(db, self._node.name, key)
        return self._removed("RemoveDarResponse")

    def RemovePackage(self, request: Any, context: Any) -> Any:
        with self._node.db.write() as db:
            if not request.force:
                self._refuse_in_use(db, request.package_id)
                self._refuse_vetted(db, request.package_id)
            package_store.remove_package(db, self._node.name, request.package_id)
        return self._removed("RemovePackageResponse")

    def _removed(self, name: str) -> Any:
        response = self._cls(name)()
        response.success.SetInParent()
        return response

    def _refuse_in_use(self, db: sqlite3.Connection, package_id: str) -> None:
        reason = ""
        if package_id in {package.package_id for package in self._system.packages}:
            reason = "needed by the participant itself"
        elif ledger.uses_package(db, self._node.name, package_id):
            reason = "currently in-use by an active contract"
        if reason:
            raise CantonError("PACKAGE_OR_DAR_REMOVAL_ERROR", f"Package {package_id} is {reason}.")

    def _refuse_vetted(self, db: sqlite3.Connection, package_id: str) -> None:
        own = stores.authorized(self._node.name)
        if package_id in self._node.view.vetted_in(db, own, self._node.uid):
            raise CantonError("PACKAGE_OR_DAR_REMOVAL_ERROR", f"Package {package_id} is currently vetted.")
