# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each key of a participant goes into the KMS: its private key is imported there, or a new key is born there and takes over.

A private key that Canton can use in the KMS can be imported. All other keys are replaced by keys born in the KMS: a namespace by a delegation, the
others by the owner-to-key mapping. Messages are encrypted for one key, so the encryption key alone needs a bridge where others send all the time: an
RSA-2048 key that is the node's own before the switch and the KMS's after it (docs/in-place.md).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import asdict, dataclass, replace

from ..._errors import CantonError
from ..identity.initialisation import OldIdentity, OldKey
from ..model.entities import Key
from ..model.keys import PURPOSES, KmsProvider, can_import, serves

Flavour = t.Literal["import", "born", "bridge"]
FLAVOURS: tuple[Flavour, ...] = ("import", "born", "bridge")
BRIDGE_SPEC = "rsa_2048"
_OTHER_SIGNS = re.compile(r"[^a-zA-Z0-9_-]")
_SHOWN = slice(4, 12)  # of a fingerprint, behind the multihash prefix that all have
_GCP_NAME = 63  # characters


@dataclass(frozen=True)
class KmsKey:
    """A key as the KMS shows it now. ``kms_key_id`` is what a node registers, ``fingerprint`` Canton's of its public key."""

    kms_key_id: str
    fingerprint: str
    spec: str
    state: str


@dataclass(frozen=True)
class Wanted:
    """One key that the participant is to have in the KMS, under ``name`` there (an alias in AWS).

    ``fingerprint`` is the key that is imported; empty for one that is born in the KMS, and for a bridge that is not generated yet.
    """

    purpose: str
    name: str
    fingerprint: str = ""
    imported: bool = False


@dataclass(frozen=True)
class Choice:
    """How this participant goes onto the KMS. It is made once, before the first change, and kept in the journal: after the switch the old keys
    are no longer listed. ``old`` are the fingerprints of the old keys in the mapping, in its order, ``old_encryption`` the one for which others
    encrypt."""

    flavour: Flavour
    wanted: tuple[Wanted, ...]
    old: tuple[str, ...]
    old_encryption: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "flavour": self.flavour,
            "wanted": [asdict(item) for item in self.wanted],
            "old": list(self.old),
            "old_encryption": self.old_encryption,
        }

    @classmethod
    def of(cls, values: t.Mapping[str, t.Any]) -> Choice:
        wanted = tuple(Wanted(**item) for item in values["wanted"])
        return cls(values["flavour"], wanted, tuple(values["old"]), values["old_encryption"])

    def retired(self, provider: KmsProvider, prefix: str) -> Choice:
        """The same with an encryption key that is born in the KMS: what is in use when the old private keys are deleted."""
        others = tuple(item for item in self.wanted if item.purpose != "encryption")
        return replace(self, wanted=(*others, Wanted("encryption", kms_name(provider, prefix, "encryption"))))

    def of_purpose(self, purpose: str) -> list[Wanted]:
        return [item for item in self.wanted if item.purpose == purpose]

    @property
    def delegates(self) -> bool:
        """Whether the namespace is signed for by a key that is born in the KMS."""
        return any(not item.imported for item in self.of_purpose("namespace"))


def not_importable(old: OldIdentity, provider: KmsProvider) -> list[OldKey]:
    """The keys that Canton cannot use in this provider's KMS."""
    return [key for key in old.keys if not can_import(provider, key.spec, signs=key.signs)]


def best_flavour(old: OldIdentity, provider: KmsProvider, *, exportable: bool) -> Flavour:
    """Import where every key can go; else keys born in the KMS, with a bridge where the node exports keys."""
    if not exportable:
        return "born"
    return "bridge" if not_importable(old, provider) else "import"


def choose(old: OldIdentity, flavour: Flavour, provider: KmsProvider, prefix: str) -> Choice:
    """The keys that the KMS is to have."""
    mapped = tuple(old.mapped)
    encryption = {key.fingerprint for key in old.keys if not key.signs}
    last = [each for each in mapped if each in encryption][-1]
    if flavour == "import":
        wanted = [
            Wanted(
                key.purpose,
                kms_name(provider, prefix, f"{key.purpose}-{key.fingerprint[_SHOWN]}"),
                key.fingerprint,
                imported=True,
            )
            for key in sorted(old.keys, key=lambda key: list(PURPOSES).index(key.purpose))
        ]
        return Choice(flavour, tuple(wanted), mapped, last)
    wanted = [Wanted(purpose, kms_name(provider, prefix, purpose)) for purpose in PURPOSES]
    if flavour == "bridge":
        wanted[-1] = Wanted("encryption", kms_name(provider, prefix, "encryption-bridge"), imported=True)
    return Choice(flavour, tuple(wanted), mapped, last)


def kms_name(provider: KmsProvider, prefix: str, name: str) -> str:
    """The name of a key in the KMS: an alias in AWS, in GCP without the signs that it does not take."""
    if provider == "aws":
        return f"{prefix if prefix.startswith('alias/') else f'alias/{prefix}'}/{name}"
    return f"{_OTHER_SIGNS.sub('-', prefix)[: _GCP_NAME - 1 - len(name)]}-{name}"


def bridge_of(mapped: t.Sequence[Key]) -> Key | None:
    """The mapped encryption key that can be imported into a KMS, if senders encrypt for it: the last one of the mapping."""
    encryption = [key for key in mapped if serves(key, "encryption")]
    return encryption[-1] if encryption and encryption[-1].spec == BRIDGE_SPEC else None


def refuse_unfit(wanted: Wanted, key: KmsKey) -> None:
    """Refuse a key of the KMS that is not what it has to be, before it gets any role."""
    if key.state != "enabled":
        raise CantonError(
            f"KMS key {wanted.name} ({wanted.purpose}) is {key.state.replace('_', ' ')}",
            error_id="kms_key_unusable",
            hint="Enable it, or cancel its deletion, then run again.",
            details={"kms_key_id": key.kms_key_id},
        )
    if wanted.fingerprint and key.fingerprint != wanted.fingerprint:
        raise CantonError(
            f"KMS key {wanted.name} is not the participant's {wanted.purpose} key: its fingerprint is {key.fingerprint}, not {wanted.fingerprint}",
            error_id="other_key",
            hint="Another key has this name. Set another key_prefix, then run again.",
            details={"kms_key_id": key.kms_key_id, "fingerprint": key.fingerprint},
        )
