# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By which names a participant may know a key of GCP KMS."""

from __future__ import annotations

from .. import in_use
from ..model import Params
from .keys import FIRST
from .model import GcpKey


def refuse_in_use(key: GcpKey, params: Params) -> None:
    """Raise CantonError when a participant of ``in_use_by`` lists the key that is to be destroyed."""
    # a node may know its wrapper key by the whole resource name, with the version or without it (docs/canton/kms-gcp.md#names-of-a-wrapper-key)
    names = (key.key_id, key.full_name, f"{key.full_name}/cryptoKeyVersions/{FIRST}")
    in_use.refuse_while_listed(key, in_use.participants_of(params), lambda name: name in names, "can't be destroyed")
