# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 3: DARs and the vetting of their packages."""

from __future__ import annotations

import typing as t
from contextlib import suppress

from ..._api.descriptors import Message
from ..._errors import MappingExists
from ..model.entities import Dar, Vetting
from .v30_messages import ADD, PACKAGES, READ, SLOW_SECONDS, WRITE, Node, query, store_id

BOUNDS = ("valid_from_inclusive", "valid_until_exclusive")


class Packages(Node):
    def dars(self) -> list[Dar]:
        answer = self.admin.read(PACKAGES + "ListDars")
        return [Dar(item.main, item.name, item.version, item.description) for item in answer.dars]

    def packages(self) -> dict[str, str]:
        answer = self.admin.read(PACKAGES + "ListPackages")
        return {item.package_id: f"{item.name} {item.version}".strip() for item in answer.package_descriptions}

    def dar_packages(self, main: str) -> set[str]:
        answer = self.admin.read(PACKAGES + "GetDarContents", main_package_id=main)
        return {item.package_id for item in answer.packages} | {main}

    def download_dar(self, main: str) -> bytes:
        return bytes(self.admin.read(PACKAGES + "GetDar", main_package_id=main).payload)

    def dar_main(self, payload: bytes, name: str) -> str:
        return str(self.admin.read(PACKAGES + "ValidateDar", data=payload, filename=name).main_package_id)

    def validate_dar(self, payload: bytes, name: str, synchronizer: str) -> None:
        self.admin.fresh(
            PACKAGES + "ValidateDar", deadline=SLOW_SECONDS, data=payload, filename=name, synchronizer_id=synchronizer
        )

    def upload_dar(self, payload: bytes, main: str, description: str) -> None:
        """See docs/canton/packages.md#stored-and-vetted."""
        self.admin.repeatable(
            PACKAGES + "UploadDar",
            deadline=SLOW_SECONDS,
            dars=[{"bytes": payload, "description": description, "expected_main_package_id": main}],
        )

    def vettings(self, store: str, participant: str) -> set[Vetting]:
        return {_vetting(package) for row in self._vetted(store, participant) for package in row.item.packages}

    def vet(self, store: str, participant: str, vettings: t.Collection[Vetting]) -> None:
        """One mapping has all packages. Its serial makes the node refuse what would undo a change of another
        (docs/canton/packages.md#vetting-has-bounds)."""
        rows = self._vetted(store, participant)
        existing = {package.package_id: _vetting(package) for row in rows for package in row.item.packages}
        wanted = {**existing, **{item.package_id: item for item in vettings}}
        if wanted == existing:
            return
        packages = [_message(wanted[package]) for package in sorted(wanted)]
        mapping = {"vetted_packages": {"participant_uid": participant, "packages": packages}}
        serial = 1 + max((row.context.serial for row in rows), default=0)
        with suppress(MappingExists):
            self.admin.repeatable(
                WRITE + "Authorize",
                deadline=SLOW_SECONDS,
                proposal={"change": ADD, "mapping": mapping, "serial": serial},
                must_fully_authorize=True,
                force_changes=["FORCE_FLAG_ALLOW_UNVETTED_DEPENDENCIES"],
                store=store_id(store),
            )

    def _vetted(self, store: str, participant: str) -> list[Message]:
        answer = self.admin.read(READ + "ListVettedPackages", base_query=query(store), filter_participant=participant)
        return [row for row in answer.results if row.item.participant_uid == participant]


def _vetting(package: Message) -> Vetting:
    bounds = [
        getattr(package, name).seconds * 1_000_000 + getattr(package, name).nanos // 1000
        if package.HasField(name)
        else None
        for name in BOUNDS
    ]
    return Vetting(package.package_id, *bounds)


def _message(item: Vetting) -> dict[str, t.Any]:
    bounds = zip(BOUNDS, (item.valid_from, item.valid_until))
    return {
        "package_id": item.package_id,
        **{name: {"seconds": at // 1_000_000, "nanos": at % 1_000_000 * 1000} for name, at in bounds if at is not None},
    }
