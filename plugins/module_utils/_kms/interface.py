# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a provider of a KMS offers. Modules and the core know no provider but by these."""

from __future__ import annotations

import typing as t

from .._outcome import Outcome
from .._participant.model.keys import KmsProvider
from .model import DesiredKey, Key, Params, View

OneKey = t.TypeVar("OneKey", bound=Key)


class Keys(t.Protocol[OneKey]):
    """The keys of one place of a provider: an account in a region, or a key ring."""

    def names(self) -> list[str]:
        """All of them."""

    def full_name(self, name: str) -> str:
        """The name of a key for messages."""

    def find(self, name: str) -> OneKey | None:
        """What a key is; None when there is none."""

    def with_details(self, key: OneKey) -> OneKey:
        """The key with its policy and whatever else costs calls of its own; what may not be read is in its notes."""


class Importer(t.Protocol[OneKey]):
    """What ``material`` needs of a provider to import one key.

    It holds the options that say how the key is named, described and labelled. ``Key.state`` is ``pending_import`` from
    ``create`` until ``send`` has had its effect, then ``enabled``.
    """

    provider: str  # in words
    specs: t.Collection[str]  # that Canton can use there and that can be imported there
    named_last: bool  # whether a key has no name until its public key is compared

    def find(self, desired: DesiredKey) -> OneKey | None:
        """The key that the options name, else the one with the mark, in whatever state; None when there is none yet.

        CantonError when the options name a key that cannot be used.
        """

    def mark(self, key: OneKey, desired: DesiredKey) -> str | None:
        """The fingerprint that the key is marked with; None when it has no mark."""

    def create(self, desired: DesiredKey) -> OneKey:
        """A new key that waits for its material, with the mark, and with everything that can only be set now."""

    def send(self, key: OneKey, private_key: bytearray) -> None:
        """Get the wrapping key, wrap (``wrapping.wrap``) and import, without expiry. Keeps no copy. Safe to repeat."""

    def read(self, key: OneKey) -> OneKey:
        """The same key as the KMS shows it now, with its public key if it shows one."""

    def discard(self, key: OneKey) -> str:
        """Make a key with the wrong material unusable, for good if possible; returns a sentence on what was done."""

    def view(self, key: OneKey) -> View:
        """What the options determine (name, description, labels), as it is."""

    def plan(self, key: OneKey | None, desired: DesiredKey) -> View:
        """The same as it should be; CantonError where it can't. No calls that change anything."""

    def finish(self, key: OneKey, now: View, after: View) -> OneKey:
        """Change the key from the one view to the other and read it again."""

    def predict(self, key: OneKey | None, desired: DesiredKey, after: View) -> OneKey:
        """The enabled key as ``finish`` would return it, without what only the KMS can know."""

    def warnings(self, desired: DesiredKey) -> list[str]:
        """What the operator should know about a key that is imported."""


class Use(t.Protocol):
    """Keys as a node uses them. What ``signing`` needs of a provider."""

    def public(self, name: str) -> Key | None:
        """The key of this name with its public key and nothing else that costs a call; None when there is none.

        ``name`` is what a node would register: in AWS an id, ARN or alias, in GCP the name in the ring.
        """

    def sign(self, key: Key, message: bytes) -> bytes:
        """The signature of a message of up to 4096 bytes, as Canton lets the KMS sign: DER, or the 64 bytes of Ed25519.

        ``key_spec_unfit`` when Canton does not sign with such keys of this provider.
        """


class Provider(t.Protocol):
    name: KmsProvider  # the value of the option provider
    options: t.Collection[str]  # that have no effect with another provider

    def ensure(self, params: Params, check: bool) -> Outcome:
        """``kms_key``: create, change or delete the key that the options describe."""

    def info(self, params: Params) -> Outcome:
        """``kms_key_info``: read keys."""

    def importer(self, params: Params) -> Importer[t.Any]:
        """``kms_key_material``: the importer for the key that the options describe. Sends nothing yet."""

    def use(self, params: Params) -> Use:
        """The keys of the place that the options name, as a node uses them. Sends nothing yet, but for an assumed role."""
