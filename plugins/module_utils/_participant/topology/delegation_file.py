# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A delegation between participants that cannot be reached together: the target's key, and the signed delegation.

``TargetKey`` is the target's public namespace key; ``SignedChain`` is the root certificate and the delegation, signed by the
root key. Both hold only public data and are transferred as a JSON object, in a file or otherwise.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import os
import typing as t
from dataclasses import dataclass
from functools import partial

from ..._errors import CantonError
from ..._files import file_error, read_json
from ..model.entities import Key, SignedDelegation
from ..model.interface import Participant, Reader
from . import delegation as namespace_delegation
from . import synchronizers

TARGET_KEY = "ledgerops.canton target key"
SIGNED_DELEGATION = "ledgerops.canton signed delegation"
VERSION = 1
Values = dict[str, t.Any]


class DelegationFileUnusable(CantonError):
    """The JSON is damaged, not of this kind, or of another version of the format or of Canton."""


@dataclass(frozen=True)
class TargetKey:
    """The key that a namespace is to be delegated to. ``written_for``: see ``written_for`` of the dialects."""

    canton: int
    participant: str
    key: Key
    written_for: int | None

    def as_dict(self) -> Values:
        return {
            "format": TARGET_KEY,
            "version": VERSION,
            "canton": self.canton,
            "participant": self.participant,
            "fingerprint": self.key.fingerprint,
            "name": self.key.name,
            "public_key": encoded(self.key.public_key),
            "written_for": self.written_for,
        }


@dataclass(frozen=True)
class SignedChain:
    """A delegation with its root certificate, as signed by the root key."""

    canton: int
    root_certificate: SignedDelegation
    delegation: SignedDelegation
    written_for: int | None

    @property
    def namespace(self) -> str:
        return self.delegation.delegation.namespace

    @property
    def target_key(self) -> str:
        return self.delegation.delegation.target

    @property
    def transactions(self) -> list[SignedDelegation]:
        """In the order in which a node takes them."""
        return [self.root_certificate, self.delegation]

    def as_dict(self) -> Values:
        return {
            "format": SIGNED_DELEGATION,
            "version": VERSION,
            "canton": self.canton,
            "namespace": self.namespace,
            "target_key": self.target_key,
            "written_for": self.written_for,
            "root_certificate": encoded(self.root_certificate.signed),
            "delegation": encoded(self.delegation.signed),
            "sha256": digest(self.root_certificate.signed, self.delegation.signed),
        }


def target_key(target: Reader, synchronizer: str | None) -> TargetKey:
    """The key that the holder of a root key has to delegate to. In Canton 2 the signature has the form of one domain."""
    uid = target.identity().uid
    written_for = None
    if synchronizer is not None:
        written_for = target.written_for(synchronizers.find(target, synchronizer))
    elif target.writes_for_protocol_version:
        raise CantonError(
            "Canton 2 signs a delegation for one domain, and synchronizer is missing",
            error_id="synchronizer_missing",
            hint="Set synchronizer to the target's domain.",
        )
    return TargetKey(target.major, uid, namespace_delegation.namespace_key(target, uid), written_for)


def sign(source: Reader, namespace: str, key: TargetKey) -> SignedChain:
    """Sign with the source's root key. This requires no synchronizer."""
    root, delegation = namespace_delegation.sign(source, namespace, key.key, key.written_for)
    return SignedChain(source.major, root, delegation, key.written_for)


def refuse_unfit(chain: SignedChain, target: Reader, key: str, written_for: int | None) -> None:
    """Refuse a chain for another key than the target's, or in a form that the target's domain does not take."""
    if chain.target_key != key:
        raise CantonError(
            f"The delegation is signed for key {chain.target_key[:12]}…, but the {target.label}'s namespace key is {key[:12]}…",
            error_id="signed_for_another_key",
            hint="Sign again for this target; state key_exported writes its key.",
        )
    if chain.written_for != written_for:
        raise CantonError(
            f"The delegation is signed for protocol version {chain.written_for}, but the target's domain requires protocol version {written_for}",
            error_id="signed_for_another_domain",
            hint="Export the target's key again with synchronizer set to the right domain, and sign again.",
        )


def read_target_key(values: t.Any, reader: Participant, where: str) -> TargetKey:
    """The key in a JSON object; ``reader`` is the participant that is to sign, ``where`` names the object in errors."""
    found = _checked(values, TARGET_KEY, reader, where, ("participant", "fingerprint", "name", "public_key"))
    key = _sound(where, reader.read_key, _sound(where, decoded, found["public_key"]), found["name"])
    if key.fingerprint != found["fingerprint"] or not found["participant"].endswith("::" + key.fingerprint):
        raise _damaged(where, "its public key does not belong to the participant that it names")
    return TargetKey(found["canton"], found["participant"], key, found["written_for"])


def read_signed(values: t.Any, reader: Participant, where: str) -> SignedChain:
    """The signed delegation in a JSON object. A node verifies the signatures when it loads them."""
    texts = ("namespace", "target_key", "root_certificate", "delegation", "sha256")
    found = _checked(values, SIGNED_DELEGATION, reader, where, texts)
    raws = [_sound(where, decoded, found[name]) for name in ("root_certificate", "delegation")]
    if digest(*raws) != found["sha256"]:
        raise _damaged(where, "its content does not match its digest")
    parts = [_sound(where, reader.read_delegation, raw) for raw in raws]
    if parts[0] is None or parts[1] is None:
        raise _damaged(where, "it does not contain two namespace delegations")
    if not parts[0].delegation.is_root_certificate:
        raise _damaged(where, "it does not begin with a root certificate")
    chain = SignedChain(found["canton"], parts[0], parts[1], found["written_for"])
    if {chain.namespace, parts[0].delegation.namespace} != {found["namespace"]}:
        raise _damaged(where, "its parts belong to another namespace than it names")
    if chain.target_key != found["target_key"]:
        raise _damaged(where, "its delegation is for another key than it names")
    return chain


def _checked(values: t.Any, kind: str, reader: Participant, where: str, texts: t.Sequence[str]) -> Values:
    """The object, if it is complete, of this kind, and for this major release of Canton."""
    if not isinstance(values, dict) or values.get("format") != kind:
        raise DelegationFileUnusable(
            f"{where} is no {kind.rpartition('canton ')[2]} of this collection",
            error_id="delegation_file_foreign",
            hint="State key_exported writes a target's key, state signed writes a signed delegation.",
        )
    if values.get("version") != VERSION:
        raise DelegationFileUnusable(
            f"{where} has version {values.get('version')}; this release of the collection reads version {VERSION}",
            error_id="delegation_file_version",
            hint="Write it with the same release of the collection that reads it.",
        )
    written_for = values.get("written_for")
    if not all(isinstance(values.get(name), str) for name in texts) or not isinstance(written_for, (int, type(None))):
        raise _damaged(where, "it is incomplete")
    if values.get("canton") != reader.major:
        raise DelegationFileUnusable(
            f"{where} is from Canton {values.get('canton')}, and the {reader.label} runs Canton {reader.major}",
            error_id="release_lines",
            hint="Delegations are valid within one major release only.",
        )
    return values


def _sound(where: str, read: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
    try:
        return read(*arguments)
    except (CantonError, binascii.Error, ValueError) as exc:
        raise _damaged(where, "its content cannot be read") from exc


def _damaged(where: str, why: str) -> DelegationFileUnusable:
    return DelegationFileUnusable(
        f"{where} cannot be used: {why}",
        error_id="delegation_file_damaged",
        hint="Copy the file again, or write it again.",
    )


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def digest(*raws: bytes) -> str:
    return hashlib.sha256(b"".join(len(raw).to_bytes(4, "big") + raw for raw in raws)).hexdigest()


def read_file(path: str) -> t.Any:
    """The JSON in a file that must exist."""
    values = read_json(path, partial(_damaged, path))
    if values is None:
        raise file_error(path, "read", FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    return values


def read_own_file(path: str) -> t.Any:
    """The JSON in a file that will be written: None when the file is missing or no JSON."""
    return read_json(path)
