# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 2: DARs and the vetting of their packages."""

from __future__ import annotations

import typing as t
from contextlib import suppress

from ..._api.channel import Api
from ..._api.descriptors import Message
from ..._errors import CantonError, DarWithoutContent, MappingExists
from ..model.entities import AUTHORIZED, Dar, Vetting
from .dar_file import main_package
from .v0_messages import PACKAGES, SLOW_SECONDS, WRITE, Node, bare_uid


class Packages(Node):
    def __init__(self, admin: Api, ledger: Api | None) -> None:
        super().__init__(admin, ledger)
        self._dar_hashes: dict[str, str] = {}
        self._dar_contents: dict[str, Message] = {}

    def dars(self) -> list[Dar]:
        """DARs by their main package. The node's own key of a DAR is the hash of its file, which is kept here beside."""
        found: dict[str, Dar] = {}
        for item in self.admin.read(PACKAGES + "ListDars").dars:
            main = self._contents(item.hash).main
            if main not in found:
                self._dar_hashes[main] = item.hash
                found[main] = Dar(main, item.name, "", item.name)
        return list(found.values())

    def packages(self) -> dict[str, str]:
        answer = self.admin.read(PACKAGES + "ListPackages")
        return {item.package_id: item.source_description for item in answer.package_descriptions}

    def dar_packages(self, main: str) -> set[str]:
        answer = self._contents(self._dar_hash(main))
        return {main, *answer.packages, *answer.dependencies}

    def _contents(self, dar_hash: str) -> Message:
        """What a DAR holds; asked once in a run, for its hash names its content."""
        if dar_hash not in self._dar_contents:
            self._dar_contents[dar_hash] = self.admin.read(PACKAGES + "ListDarContents", dar_id=dar_hash)
        return self._dar_contents[dar_hash]

    def download_dar(self, main: str) -> bytes:
        answer = self.admin.read(PACKAGES + "GetDar", hash=self._dar_hash(main))
        if not answer.data:
            raise DarWithoutContent(
                f"The {self.label} has the packages of DAR {answer.name or main} but not its file: it was uploaded through the ledger API"
            )
        return bytes(answer.data)

    def _dar_hash(self, main: str) -> str:
        if main not in self._dar_hashes:
            self.dars()
        if main not in self._dar_hashes:
            raise CantonError(
                f"The {self.label} has no DAR with main package {main}",
                error_id="DAR_NOT_FOUND",
                hint="Upload it first with ledgerops.canton.participant_package.",
            )
        return self._dar_hashes[main]

    def dar_main(self, payload: bytes, name: str) -> str:
        """The main package id of a DAR, read from the file: the node returns it only for DARs that it stores."""
        return main_package(payload, name)

    def validate_dar(self, payload: bytes, name: str, synchronizer: str) -> None:
        """2.10 only. A release without it raises NotOffered."""
        self.admin.fresh(PACKAGES + "ValidateDar", deadline=SLOW_SECONDS, data=payload, filename=name)

    def upload_dar(self, payload: bytes, main: str, description: str) -> None:
        """A refusal can come as a normal answer."""
        name = (description or main).removesuffix(".dar") + ".dar"
        answer = self.admin.repeatable(PACKAGES + "UploadDar", deadline=SLOW_SECONDS, data=payload, filename=name)
        if answer.WhichOneof("value") != "success":
            raise CantonError(
                f"The {self.label} did not accept DAR {name}: {answer.failure.reason or 'it returned no reason'}",
                error_id="dar_refused",
                hint="Check the node's log, then run again.",
            )

    def vettings(self, store: str, participant: str) -> set[Vetting]:
        return {
            Vetting(package)
            for row in self._list("ListVettedPackages", store, filter_participant=participant)
            if bare_uid(row.item.participant) == participant
            for package in row.item.package_ids
        }

    def vet(self, store: str, participant: str, vettings: t.Collection[Vetting]) -> None:
        """For all domains, in a mapping of their own (docs/canton/canton-2.md#dars)."""
        lacking = {item.package_id for item in vettings} - {
            item.package_id for item in self.vettings(AUTHORIZED, participant)
        }
        if lacking:
            with suppress(MappingExists):
                self.admin.repeatable(
                    WRITE + "AuthorizeVettedPackages",
                    deadline=SLOW_SECONDS,
                    authorization={"change": "Add", "force_change": True},
                    participant=participant,
                    package_ids=sorted(lacking),
                )
