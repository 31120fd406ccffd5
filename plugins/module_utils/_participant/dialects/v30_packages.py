# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 3: DARs and the vetting of their packages."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30_messages import (
    PACKAGES,
    READ,
    SLOW_SECONDS,
    Node,
    query,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Dar


class Packages(Node):
    """A part of ``v30.V30``."""

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

    def upload_dar(self, payload: bytes, main: str, description: str, synchronizer: str) -> None:
        """See docs/canton/packages.md#stored-and-vetted."""
        fields: dict[str, t.Any] = {
            "dars": [{"bytes": payload, "description": description, "expected_main_package_id": main}],
            "vet_all_packages": bool(synchronizer),
            "synchronize_vetting": bool(synchronizer),
        }
        if synchronizer:
            fields["synchronizer_id"] = synchronizer
        self.admin.repeatable(PACKAGES + "UploadDar", deadline=SLOW_SECONDS, **fields)

    def vet_dar(self, main: str, synchronizer: str) -> None:
        self.admin.repeatable(
            PACKAGES + "VetDar",
            deadline=SLOW_SECONDS,
            main_package_id=main,
            synchronize=True,
            synchronizer_id=synchronizer,
        )

    def vetted_packages(self, store: str, participant: str) -> set[str]:
        answer = self.admin.read(READ + "ListVettedPackages", base_query=query(store), filter_participant=participant)
        return {
            package.package_id
            for result in answer.results
            if result.item.participant_uid == participant
            for package in result.item.packages
        }
