# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of a KMS as keys outside of a node: compared with what the node needs, and made to sign for its topology."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._errors import CantonError
from .._participant.identity.owner_keys import OutsideKey
from .._participant.model.interface import Canton3
from . import provider, signing
from .model import Key, Params, requirement


def names_kms(params: Params) -> bool:
    """Whether any option of a connection to a KMS is set: a module that can do without it then reads there."""
    return any(
        params.get(name) not in (None, option.get("default")) for name, option in provider.CONNECTION_SPEC.items()
    )


class OutsideKeys:
    """The keys of the KMS that the options name. Connects when the first key is read."""

    def __init__(self, params: Params) -> None:
        self._provider = provider.of(params, provider.CONNECTION_SPEC)
        self._params = params
        self._keys: t.Any = None

    def key(self, node: Canton3, kms_key_id: str, purpose: str) -> OutsideKey:
        """The enabled key of this id, fit for this purpose, in the form of the node's API."""
        found = self._read(kms_key_id, purpose)
        public = node.public_key(found.spec, found.public_key_der or b"", purpose)
        return OutsideKey(
            replace(public, kms_key_id=kms_key_id), lambda message: signing.sign(self._keys, found, message)
        )

    def _read(self, kms_key_id: str, purpose: str) -> Key:
        if self._keys is None:
            self._keys = self._provider.use(self._params)
        found = signing.read(self._keys, kms_key_id)
        needed = requirement(self._provider.name, purpose, None, None)
        if needed is not None and not needed.is_met_by(found):
            raise CantonError(
                f"Key {found.full_name} ({found.spec}, {found.usage}) cannot serve Canton as {purpose} key in this KMS",
                error_id="key_spec_unfit",
                hint=f"Use a key of spec {' or '.join(needed.specs)} and usage {needed.usage} (kms_key with purpose {purpose}).",
                details=found.details(),
            )
        return found
