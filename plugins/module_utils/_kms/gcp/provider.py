# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GCP KMS as the core and the modules know it."""

from __future__ import annotations

import typing as t

from ..._outcome import Outcome
from ..._participant.model.keys import KmsProvider
from ..info import read_keys
from ..model import Params
from . import keys
from .ensure import ensure
from .importer import GcpImporter, open_importer
from .model import key_name, labels
from .options import CONNECTION_SPEC, KEEPING_SPEC, KEY_SPEC


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

    def use(self, params: Params) -> keys.GcpKeys:
        return keys.connect(params)
