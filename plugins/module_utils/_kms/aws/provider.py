# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS KMS as the core and the modules know it."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.ensure import ensure
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.importer import AwsImporter, open_importer
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.options import (
    CONNECTION_SPEC,
    KEEPING_SPEC,
    KEY_SPEC,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.info import read_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Params
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import KmsProvider


class AwsProvider:
    name: KmsProvider = "aws"
    options: t.Collection[str] = frozenset({*CONNECTION_SPEC, *KEY_SPEC, *KEEPING_SPEC})

    def ensure(self, params: Params, check: bool) -> Outcome:
        return ensure(params, check)

    def info(self, params: Params) -> Outcome:
        return read_keys(keys.connect(params), params["names"], params["tags"] or {})

    def importer(self, params: Params) -> AwsImporter:
        return open_importer(params)
