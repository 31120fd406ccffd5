# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GCP KMS as the core and the modules know it."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.ensure import ensure
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.importer import GcpImporter, open_importer
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.model import key_name, labels
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.options import (
    CONNECTION_SPEC,
    KEEPING_SPEC,
    KEY_SPEC,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.info import read_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Params
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import KmsProvider


class GcpProvider:
    name: KmsProvider = "gcp"
    options: t.Collection[str] = frozenset({*CONNECTION_SPEC, *KEY_SPEC, *KEEPING_SPEC})

    def ensure(self, params: Params, check: bool) -> Outcome:
        return ensure(params, check)

    def info(self, params: Params) -> Outcome:
        names = None if params["names"] is None else [key_name(name) for name in params["names"]]
        wanted = labels(params["labels"]) or {}
        return read_keys(keys.connect(params), names, wanted)

    def importer(self, params: Params) -> GcpImporter:
        return open_importer(params)
