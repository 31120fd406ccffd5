# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VersionService of the ledger API: the version and what the limits are."""

from __future__ import annotations

from typing import Any

from sandbox.node.services.service import Service
from sandbox.node.services.users import MAX_PAGE, MAX_RIGHTS
from sandbox.v30.node import Node

_MAX_PARTIES_PAGE = 10_000
_MAX_VETTED_PAGE = 100
_CHECKPOINT_SECONDS = 75


class VersionService(Service[Node]):
    SERVICE = "com.daml.ledger.api.v2.VersionService"

    def GetLedgerApiVersion(self, request: Any, context: Any) -> Any:
        response = self._node.messages.cls("v2.GetLedgerApiVersionResponse")(version=self._node.version)
        features = response.features
        features.experimental.static_time.SetInParent()
        features.experimental.command_inspection_service.supported = True
        features.user_management.supported = True
        features.user_management.max_rights_per_user = MAX_RIGHTS
        features.user_management.max_users_page_size = MAX_PAGE
        features.party_management.max_parties_page_size = _MAX_PARTIES_PAGE
        features.offset_checkpoint.max_offset_checkpoint_emission_delay.seconds = _CHECKPOINT_SECONDS
        features.package_feature.max_vetted_packages_page_size = _MAX_VETTED_PAGE
        return response
