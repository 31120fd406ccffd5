# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS KMS as the core and the modules know it."""

from __future__ import annotations

import typing as t

from ..._outcome import Outcome
from ..._participant.model.keys import KmsProvider
from ..info import read_keys
from ..model import Params
from . import keys
from .ensure import ensure
from .importer import AwsImporter, open_importer
from .options import CONNECTION_SPEC, KEEPING_SPEC, KEY_SPEC


class AwsProvider:
    name: KmsProvider = "aws"
    options: t.Collection[str] = frozenset({*CONNECTION_SPEC, *KEY_SPEC, *KEEPING_SPEC})

    def ensure(self, params: Params, check: bool) -> Outcome:
        return ensure(params, check)

    def info(self, params: Params) -> Outcome:
        return read_keys(keys.connect(params), params["names"], params["tags"] or {})

    def importer(self, params: Params) -> AwsImporter:
        return open_importer(params)

    def use(self, params: Params) -> keys.AwsKeys:
        return keys.connect(params)
