# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A participant's key into a KMS: which keys can go, and the one order in which it is safe. Knows no provider.

The private key is exported only when there is a key to fill. Its public key is compared with the participant's, it is sent
wrapped and wiped at once, and the KMS's public key is compared too. Only then the key gets its name. A run that was
interrupted finds the key that it began by a mark on it, the fingerprint, and carries on: there is never a second one.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import wrapping
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import PKCS8, KeyPair
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

View = dict[str, t.Any]
# The tag or label with the fingerprint, which every key that was made for an import has.
MARK = "canton-fingerprint"
PENDING = "pending_import"
ABSENT: View = {"state": "absent"}


@dataclass(frozen=True)
class Wanted:
    """The key that the KMS is to have: what the participant lists of it. ``der`` is its SubjectPublicKeyInfo."""

    fingerprint: str
    spec: str
    usage: str
    der: bytes
    label: str  # in words, for messages


class Importer(t.Protocol):
    """What a provider offers, and all that it has to: ``aws_import.AwsImporter`` is one.

    One is made for one key: it holds the options that say how the key is named, described and labelled. ``Key.state`` is
    ``pending_import`` from ``create`` until ``send`` has had its effect, then ``enabled``.
    """

    provider: str  # in words
    specs: t.Collection[str]  # that Canton can use there and that can be imported there
    named_last: bool  # whether a key has no name until it is proven

    def find(self, wanted: Wanted) -> Key | None:
        """The key that the options name, else the one with the mark, in whatever state; None when there is none yet.

        CantonError when the options name a key that cannot be taken.
        """

    def mark(self, key: Key, wanted: Wanted) -> str | None:
        """The fingerprint that the key is marked with; None when it has no mark."""

    def create(self, wanted: Wanted) -> Key:
        """A new key that waits for its material, with the mark, and with everything that can only be set now."""

    def send(self, key: Key, private_key: bytearray) -> None:
        """Get the wrapping key, wrap (``wrapping.wrap``) and import, without expiry. Keeps no copy. Safe to repeat."""

    def read(self, key: Key) -> Key:
        """The same key as the KMS shows it now, with its public key if it shows one."""

    def discard(self, key: Key) -> str:
        """Make a key with the wrong material unusable, for good if possible; a sentence that says what was done."""

    def view(self, key: Key) -> View:
        """What the options decide about (name, description, labels), as it is."""

    def aim(self, key: Key | None, wanted: Wanted) -> View:
        """The same as it should be; CantonError where it can't. No calls that change anything."""

    def finish(self, key: Key, now: View, after: View) -> Key:
        """Bring the key from the one view to the other and read it again."""

    def predict(self, key: Key | None, wanted: Wanted, after: View) -> Key:
        """The enabled key as ``finish`` would return it, without what only the KMS can know."""


@dataclass(frozen=True)
class Brought:
    """What ``bring`` found and did. ``before`` and ``after`` are for the diff; ``imported``: the material was sent, or would be."""

    before: View
    after: View
    key: Key
    imported: bool


def bring(importer: Importer, wanted: Wanted, export: t.Callable[[], KeyPair], timeout: float, check: bool) -> Brought:
    """See that the KMS has ``wanted`` under the name that the options give. Changes nothing when it does, and exports nothing.

    ``export`` asks the participant for the pair; it is not called in check mode. ``timeout`` in seconds is how long the KMS may
    take to show a change. Raises CantonError; what is then left in the KMS is said in the hint.
    """
    found = importer.find(wanted)
    if found is not None:
        _refuse_unfit(importer, found, wanted, check)
    aimed = importer.aim(found, wanted)
    before = ABSENT if found is None else _view(importer, found)
    after = {**_facts("enabled", wanted.spec, wanted.usage, wanted.fingerprint), **aimed}
    imports = found is None or found.state == PENDING
    if check or before == after:
        unchanged = found if before == after else None
        return Brought(before, after, unchanged or importer.predict(found, wanted, aimed), imports)
    key = found if found is not None and not imports else _fill(importer, found, wanted, export, timeout)
    named = importer.finish(key, importer.view(key), aimed)
    key = _await(importer, named, timeout, lambda seen: _view(importer, seen) == after)
    return Brought(before, _view(importer, key), key, imports)


def _view(importer: Importer, key: Key) -> View:
    known = None if key.public_key_der is None else fingerprint(key.spec, key.public_key_der)
    return {**_facts(key.state, key.spec, key.usage, known), **importer.view(key)}


def _facts(state: str, spec: str, usage: str, known_as: str | None) -> View:
    return {"state": state, "spec": spec, "usage": usage, "fingerprint": known_as}


def _refuse_unfit(importer: Importer, key: Key, wanted: Wanted, check: bool) -> None:
    """Raise unless the key that is there has the material, or can get it."""
    if (key.spec, key.usage) != (wanted.spec, wanted.usage):
        raise CantonError(
            f"Key {key.arn} has spec {key.spec} and usage {key.usage}, but the {wanted.label} is {wanted.spec} for {wanted.usage}",
            error_id="key_spec_mismatch",
            hint="Choose another name for the imported key: spec and usage of a key never change.",
            details={"arn": key.arn},
        )
    mark = importer.mark(key, wanted)
    if key.state == PENDING and mark in (None, wanted.fingerprint):
        return
    if key.state == PENDING:
        raise _differs(key, wanted, f"it waits for the material of {mark}")
    if key.state == "disabled":
        raise CantonError(
            f"Key {key.arn} is disabled, so no node can use it",
            error_id="key_disabled",
            hint="Look why. If it has the right material, enable it and run again.",
            details={"arn": key.arn},
        )
    if key.state != "enabled":
        raise CantonError(
            f"Key {key.arn} can't be used: its state is {key.state}",
            error_id=f"key_{key.state}",
            hint="Choose another name for the imported key, or see to it that this key can be used.",
            details={"arn": key.arn},
        )
    if key.public_key_der == wanted.der:
        return
    if mark == wanted.fingerprint and not check:
        # it was imported by a run that did not come to comparing
        raise _mismatch(importer, key, wanted)
    raise _differs(key, wanted, "its public key is another")


def _differs(key: Key, wanted: Wanted, why: str) -> CantonError:
    return CantonError(
        f"Key {key.arn} is not the {wanted.label}: {why}",
        error_id="key_differs",
        hint="Choose another name for the imported key. A name is never moved, since a node that uses it doesn't notice.",
        details={"arn": key.arn},
    )


def _mismatch(importer: Importer, key: Key, wanted: Wanted) -> CantonError:
    left = importer.discard(key)
    return CantonError(
        f"{importer.provider} shows another public key for {key.arn} than the {wanted.label} has",
        error_id="public_key_mismatch",
        hint=f"{left}{' It got no name.' if importer.named_last else ''} Check that the endpoint leads to the real KMS, then run again.",
        details={"arn": key.arn},
    )


def _fill(
    importer: Importer, found: Key | None, wanted: Wanted, export: t.Callable[[], KeyPair], timeout: float
) -> Key:
    """The key with its material, proven by its public key. The export comes first: where it is refused, nothing was made."""
    pair = export()
    try:
        check_pair(pair, wanted)
        key = found or importer.create(wanted)
        try:
            importer.send(key, pair.private_key())
        except CantonError as exc:
            # an import whose answer was lost is seen in the key itself
            if importer.read(key).public_key_der != wanted.der:
                raise _left_pending(importer, exc, key) from None
    finally:
        pair.wipe()
    key = _await(importer, key, timeout, lambda seen: seen.state == "enabled" and seen.public_key_der is not None)
    if key.public_key_der != wanted.der:
        raise _mismatch(importer, key, wanted)
    return key


def _left_pending(importer: Importer, exc: CantonError, key: Key) -> CantonError:
    nameless = ", has no name" if importer.named_last else ""
    left = f"Key {key.arn} waits for its material{nameless} and can't be used; the next run carries on with it."
    hint = f"{exc.hint} {left}".strip()
    return CantonError(exc.message, exc.error_id, hint, exc.retryable, {**exc.details, "arn": key.arn})


def check_pair(pair: KeyPair, wanted: Wanted) -> None:
    """Raise unless the pair is the key that was asked for, by its own public key."""
    if pair.format != PKCS8:
        raise CantonError(
            f"The participant exported the {wanted.label} in the format {pair.format}, which no KMS takes",
            error_id="key_format_unfit",
            hint="It comes from an old key store. Rotate it to a new key on the old node first, and import that.",
        )
    spec, der = wrapping.public_key_of(pair.private_key())
    same = (
        spec == wanted.spec and der == wanted.der and fingerprint(spec, der) == wanted.fingerprint == pair.fingerprint
    )
    if not same:
        raise CantonError(
            f"The private key that the participant exported does not belong to the {wanted.label}",
            error_id="exported_key_differs",
            hint="Nothing was imported. Look at the participant's keys with ledgerops.canton.participant_info.",
        )


def _await(importer: Importer, key: Key, timeout: float, shows: t.Callable[[Key], bool]) -> Key:
    """Read until it shows: a KMS may take seconds for what it has accepted."""

    def look() -> Key | None:
        seen = importer.read(key)
        return seen if shows(seen) else None

    _reached, found = wait_for(look, timeout)
    if found is None:
        raise CantonError(
            f"{importer.provider} accepted the change of key {key.arn}, but doesn't show it after {timeout:g} seconds",
            error_id="change_not_visible",
            hint="Run again, it carries on with this key; a larger wait_timeout waits longer.",
            retryable=True,
            details={"arn": key.arn},
        )
    return found
