# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PackageService and PackageManagementService of the ledger API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.node.ledger_errors import missing_field, page
from sandbox.node.services import packages
from sandbox.node.services.packages import known_packages, parse
from sandbox.node.services.service import Service
from sandbox.state import connections, package_store
from sandbox.state.package_store import StoredPackage
from sandbox.v30 import vetting
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_MAX_PAGE = 100
_DONT_VET = 2


class LedgerPackageService(Service[Node]):
    SERVICE = "com.daml.ledger.api.v2.PackageService"

    def ListPackages(self, request: Any, context: Any) -> Any:
        return self._cls("ListPackagesResponse")(package_ids=[p.package_id for p in known_packages(self._node)])

    def GetPackageStatus(self, request: Any, context: Any) -> Any:
        present = request.package_id in {p.package_id for p in known_packages(self._node)}
        return self._cls("GetPackageStatusResponse")(package_status=int(present))

    def ListVettedPackages(self, request: Any, context: Any) -> Any:
        found = sorted(self._vetted(request), key=_sort_key)
        chosen, token = page(found, _sort_key, request.page_size, request.page_token, _MAX_PAGE)
        return self._cls("ListVettedPackagesResponse")(vetted_packages=chosen, next_page_token=token)

    def _vetted(self, request: Any) -> Iterator[Any]:
        with self._node.db.read() as db:
            psids = connections.known(db, self._node.name)
        wanted = request.topology_state_filter
        for psid in psids:
            if wanted.synchronizer_ids and ids.logical(psid) not in wanted.synchronizer_ids:
                continue
            for uid in self._node.view.participants(psid):
                if wanted.participant_ids and uid not in wanted.participant_ids:
                    continue
                described = describe(self._node, psid, uid, request.package_metadata_filter)
                if described.packages:
                    yield described


def _sort_key(vetted: Any) -> str:
    return f"{vetted.synchronizer_id} {vetted.participant_id}"


def describe(node: Node, psid: str, participant_uid: str, wanted: Any) -> Any:
    """What a participant has vetted and `wanted` (a PackageMetadataFilter, empty: everything) lets through."""
    state = vetting.current(node, psid, participant_uid, effective=True)
    names = {p.package_id: p for p in known_packages(node)}
    result = node.messages.cls("v2.VettedPackages")(
        participant_id=participant_uid, synchronizer_id=ids.logical(psid), topology_serial=state.serial
    )
    for package in state.mapping.packages if state.mapping is not None else ():
        known = names.get(package.package_id)
        if not _wanted(wanted, package.package_id, known.name if known else ""):
            continue
        entry = result.packages.add(package_id=package.package_id)
        if known:
            entry.package_name, entry.package_version = known.name, known.version
        if package.HasField("valid_from_inclusive"):
            entry.valid_from_inclusive.CopyFrom(package.valid_from_inclusive)
        if package.HasField("valid_until_exclusive"):
            entry.valid_until_exclusive.CopyFrom(package.valid_until_exclusive)
    return result


def _wanted(wanted: Any, package_id: str, name: str) -> bool:
    if not wanted.package_ids and not wanted.package_name_prefixes:
        return True
    return package_id in wanted.package_ids or any(name.startswith(p) for p in wanted.package_name_prefixes)


class PackageManagementService(packages.PackageManagementService[Node]):
    SERVICE = "com.daml.ledger.api.v2.admin.PackageManagementService"

    def _name(self, details: Any, package: StoredPackage) -> None:
        details.name, details.version = package.name, package.version

    def UploadDarFile(self, request: Any, context: Any) -> Any:
        """Unlike the admin API's upload this one vets unless told not to."""
        vets = request.vetting_change != _DONT_VET
        psid = vetting.resolve(self._node, request.synchronizer_id) if vets else ""
        dar = parse(request.dar_file)
        with self._node.db.write() as db:
            package_store.add_dar(db, self._node.name, dar, request.submission_id, ids.now())
        if psid:
            vetting.vet(self._node, psid, [p.package_id for p in dar.packages], wait=True)
        return self._cls("UploadDarFileResponse")()

    def UpdateVettedPackages(self, request: Any, context: Any) -> Any:
        psid = vetting.resolve(self._node, request.synchronizer_id)
        added: list[str] = []
        removed: list[str] = []
        for change in request.changes:
            operation = change.WhichOneof("operation")
            if operation is None:
                raise missing_field("changes.operation")
            target = added if operation == "vet" else removed
            target += [self._resolve(each) for each in getattr(change, operation).packages]
        everything = self._node.messages.cls("v2.PackageMetadataFilter")()
        response = self._cls("UpdateVettedPackagesResponse")(
            past_vetted_packages=describe(self._node, psid, self._node.uid, everything)
        )
        if not request.dry_run:
            if removed:
                vetting.unvet(self._node, psid, removed)
            if added:
                vetting.vet(self._node, psid, added, wait=True)
        response.new_vetted_packages.CopyFrom(describe(self._node, psid, self._node.uid, everything))
        return response

    def _resolve(self, reference: Any) -> str:
        found = [
            p.package_id
            for p in known_packages(self._node)
            if reference.package_id in ("", p.package_id)
            and reference.package_name in ("", p.name)
            and reference.package_version in ("", p.version)
        ]
        if len(found) != 1:
            raise CantonError(
                "UNRESOLVED_VETTING_REFERENCE",
                f"The package reference [{reference.package_id} {reference.package_name} {reference.package_version}] "
                f"matches {len(found)} packages",
            )
        return found[0]
