# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import a participant's key into a KMS, in the one order that is safe. Knows no provider.

The private key is exported only when there is a key to fill. Its public key is compared with the participant's, it is sent
wrapped and wiped at once, and the KMS's public key is compared too. Only then the key gets its name. A run that was
interrupted finds the key that it began by a mark on it, the fingerprint, and resumes: there is never a second one.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import CantonError
from .._participant.model.key_pair import PKCS8, KeyPair
from .._participant.model.keys import fingerprint
from . import wrapping
from .interface import Importer, OneKey
from .lifecycle import await_change
from .model import PENDING_IMPORT, DesiredKey, Key, View

ABSENT: View = {"state": "absent"}


@dataclass(frozen=True)
class Imported:
    """What ``import_key`` found and did. ``before`` and ``after`` are for the diff; ``imported``: the material was sent, or would be."""

    before: View
    after: View
    key: Key
    imported: bool
    warnings: tuple[str, ...] = ()


def import_key(
    importer: Importer[OneKey], desired: DesiredKey, export: t.Callable[[], KeyPair], *, timeout: float, check: bool
) -> Imported:
    """Make the KMS have ``desired`` under the name that the options give. Changes nothing when it does, and exports nothing.

    ``export`` asks the participant for the pair; it is not called in check mode. ``timeout`` in seconds is how long the KMS may
    take to show a change. Raises CantonError; its hint says what is then left in the KMS.
    """
    found = importer.find(desired)
    if found is not None:
        _refuse_unfit(importer, found, desired, check=check)
    planned = importer.plan(found, desired)
    before = ABSENT if found is None else _view(importer, found)
    after = {**_facts("enabled", desired.spec, desired.usage, desired.fingerprint), **planned}
    imports = found is None or found.state == PENDING_IMPORT
    if found is not None and before == after:
        key = found
    elif check:
        key = importer.predict(found, desired, planned)
    else:
        key = found if found is not None and not imports else _fill(importer, found, desired, export, timeout)
        named = importer.finish(key, importer.view(key), planned)
        key = _await(importer, named, timeout, lambda seen: _view(importer, seen) == after)
        after = _view(importer, key)
    return Imported(before, after, key, imports, (*key.notes, *(importer.warnings(desired) if imports else ())))


def _view(importer: Importer[OneKey], key: OneKey) -> View:
    known = None if key.public_key_der is None else fingerprint(key.spec, key.public_key_der)
    return {**_facts(key.state, key.spec, key.usage, known), **importer.view(key)}


def _facts(state: str, spec: str, usage: str, known_as: str | None) -> View:
    return {"state": state, "spec": spec, "usage": usage, "fingerprint": known_as}


def _refuse_unfit(importer: Importer[OneKey], key: OneKey, desired: DesiredKey, *, check: bool) -> None:
    """Raise unless the key that is there has the material, or can get it."""
    if (key.spec, key.usage) != (desired.spec, desired.usage):
        raise CantonError(
            f"Key {key.full_name} has spec {key.spec} and usage {key.usage}, but the {desired.label} is {desired.spec} for {desired.usage}",
            error_id="key_spec_mismatch",
            hint="Choose another name for the imported key: spec and usage of a key never change.",
            details={"arn": key.full_name},
        )
    mark = importer.mark(key, desired)
    if key.state == PENDING_IMPORT and mark in (None, desired.fingerprint):
        return
    if key.state == PENDING_IMPORT:
        raise _differs(key, desired, f"it waits for the material of {mark}")
    if key.state == "disabled":
        raise CantonError(
            f"Key {key.full_name} is disabled, so no node can use it",
            error_id="key_disabled",
            hint="Find out why it was disabled. If it has the right material, enable it and run again.",
            details={"arn": key.full_name},
        )
    if key.state != "enabled":
        raise CantonError(
            f"Key {key.full_name} can't be used: its state is {key.state}",
            error_id=f"key_{key.state}",
            hint="Choose another name for the imported key, or make this key usable.",
            details={"arn": key.full_name},
        )
    if key.public_key_der == desired.der:
        return
    if mark == desired.fingerprint and not check:
        # imported by a run that was interrupted before the comparison
        raise _mismatch(importer, key, desired)
    raise _differs(key, desired, "its public key differs")


def _differs(key: Key, desired: DesiredKey, why: str) -> CantonError:
    return CantonError(
        f"Key {key.full_name} is not the {desired.label}: {why}",
        error_id="key_differs",
        hint="Choose another name for the imported key. A name is never moved, since a node that uses it doesn't notice.",
        details={"arn": key.full_name},
    )


def _mismatch(importer: Importer[OneKey], key: OneKey, desired: DesiredKey) -> CantonError:
    left = importer.discard(key)
    return CantonError(
        f"{importer.provider} shows another public key for {key.full_name} than the {desired.label} has",
        error_id="public_key_mismatch",
        hint=f"{left}{' No alias was assigned.' if importer.named_last else ''} Check that endpoint_url is the address of the real KMS, then run again.",
        details={"arn": key.full_name},
    )


def _fill(
    importer: Importer[OneKey],
    found: OneKey | None,
    desired: DesiredKey,
    export: t.Callable[[], KeyPair],
    timeout: float,
) -> OneKey:
    """The key with its material, proven by its public key. The export is first: when it is refused, nothing was created."""
    pair = export()
    try:
        check_pair(pair, desired)
        key = found or importer.create(desired)
        try:
            importer.send(key, pair.private_key())
        except CantonError as exc:
            # the import may have succeeded although its answer was lost
            if importer.read(key).public_key_der != desired.der:
                raise _left_pending(importer, exc, key) from None
    finally:
        pair.wipe()
    key = _await(importer, key, timeout, lambda seen: seen.state == "enabled" and seen.public_key_der is not None)
    if key.public_key_der != desired.der:
        raise _mismatch(importer, key, desired)
    return key


def _left_pending(importer: Importer[OneKey], exc: CantonError, key: OneKey) -> CantonError:
    nameless = ", has no alias" if importer.named_last else ""
    left = f"Key {key.full_name} waits for its material{nameless} and can't be used; the next run resumes with it."
    return exc.restated(hint=f"{exc.hint} {left}".strip(), arn=key.full_name)


def check_pair(pair: KeyPair, desired: DesiredKey) -> None:
    """Raise unless the pair is the desired key, by its own public key."""
    if pair.format != PKCS8:
        raise CantonError(
            f"The participant exported the {desired.label} in the format {pair.format}, which no KMS accepts",
            error_id="key_format_unfit",
            hint="It comes from an old key store. Rotate it to a new key on the old node first, and import that.",
        )
    spec, der = wrapping.public_key_of(pair.private_key())
    same = (
        spec == desired.spec
        and der == desired.der
        and fingerprint(spec, der) == desired.fingerprint == pair.fingerprint
    )
    if not same:
        raise CantonError(
            f"The private key that the participant exported does not belong to the {desired.label}",
            error_id="exported_key_differs",
            hint="Nothing was imported. List the participant's keys with ledgerops.canton.participant_info.",
        )


def _await(importer: Importer[OneKey], key: OneKey, timeout: float, is_visible: t.Callable[[OneKey], bool]) -> OneKey:
    what = f"{importer.provider} accepted the change of key {key.full_name}, but does not show it"
    return await_change(lambda: importer.read(key), is_visible, timeout, what, arn=key.full_name)
