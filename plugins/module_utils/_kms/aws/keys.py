# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in AWS KMS: find, create, change, probe. ``signing`` needs cryptography, ``session`` boto3.

It knows AWS's calls and words; what should happen to a key is decided elsewhere.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace
from datetime import datetime, timezone

from ..._errors import CantonError, DependencyMissing
from .. import signing
from ..errors import InvalidState, NotFound, PermissionDenied
from ..model import ENCRYPT, Key, Params, probed_usage
from .calls import AwsAttributes, own_id, replicas_of, snake, tag_list
from .errors import Disabled, Unsupported
from .model import AwsKey
from .session import BOTO3_IMPORT_ERROR, Clients

AWS_SPECS = {
    "ec_p256": "ECC_NIST_P256",
    "ec_p384": "ECC_NIST_P384",
    "ec_secp256k1": "ECC_SECG_P256K1",
    "ec_curve25519": "ECC_NIST_EDWARDS25519",
    "rsa_2048": "RSA_2048",
    "symmetric": "SYMMETRIC_DEFAULT",
}
_OUR_SPECS = {theirs: ours for ours, theirs in AWS_SPECS.items()}
# What Canton signs and decrypts with (docs/canton/kms-aws.md#algorithms)
SIGNING_ALGORITHMS = {"ec_p256": "ECDSA_SHA_256", "ec_secp256k1": "ECDSA_SHA_256", "ec_p384": "ECDSA_SHA_384"}
ENCRYPTION_ALGORITHMS = {"rsa_2048": "RSAES_OAEP_SHA_256", "symmetric": "SYMMETRIC_DEFAULT"}

_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
_ARN = re.compile(r"arn:[^:]+:kms:([^:]+):")
_PROBE = b"ledgerops.canton asks whether this key works"


def check_dependencies() -> None:
    """Raise DependencyMissing when boto3 or cryptography is not importable here."""
    if BOTO3_IMPORT_ERROR is not None:
        raise DependencyMissing("boto3", str(BOTO3_IMPORT_ERROR))
    signing.check_dependencies()


def alias_name(text: str) -> str:
    """An alias as AWS writes it, with C(alias/) in front. Raises CantonError for one that a customer can't create."""
    name = text if text.startswith("alias/") else f"alias/{text}"
    if not _ALIAS.fullmatch(name):
        raise CantonError(
            f"{text!r} can't be an alias in AWS KMS",
            "alias_invalid",
            "Use up to 250 letters, digits, and the signs / _ - only.",
        )
    if name.startswith("alias/aws/"):
        raise CantonError(
            f"The alias {name} is AWS's own", "alias_reserved", "Choose an alias that doesn't begin with aws/."
        )
    return name


def connect(params: Params) -> AwsKeys:
    """Keys of the account and region that ``params`` (see ``options``) name. Only an assumed role sends something."""
    check_dependencies()
    clients = Clients(params)
    return AwsKeys(clients.client("kms"), clients, params.get("replica_endpoint_urls"))


class AwsKeys(AwsAttributes):
    """One method for each operation on a key. Refusals are a CantonError with AWS's code as id."""

    def __init__(
        self, client: t.Any, clients: Clients | None = None, endpoints: t.Mapping[str, str] | None = None
    ) -> None:
        """``clients`` makes clients of other regions and of STS; ``endpoints`` are those of KMS in other regions, by region."""
        super().__init__(client)
        self._clients = clients
        self._endpoints = endpoints or {}

    def in_region(self, region: str) -> AwsKeys:
        clients = self._known_clients()
        return AwsKeys(clients.client("kms", region, self._endpoints.get(region)), clients)

    def account(self, key: AwsKey | None) -> tuple[str, str]:
        """Account and partition of a key, or those of the credentials where there is no key yet."""
        if key is not None and key.full_name:
            _arn, partition, _kms, _region, account, _rest = key.full_name.split(":", 5)
            return account, partition
        return self._known_clients().caller()

    def _known_clients(self) -> Clients:
        if self._clients is None:
            raise AssertionError("only keys of connect() have clients of other regions and services")
        return self._clients

    def identify(self, name: str) -> str | None:
        """The ARN of the key with this id, ARN, alias or alias ARN; None when there is none."""
        metadata = self._metadata(name)
        return None if metadata is None else str(metadata["Arn"])

    def find(self, name: str, *parts: str) -> AwsKey | None:
        """What can be read of the key with this id, ARN, alias or alias ARN; None when there is none.

        Of ``policy``, ``grants`` and ``rotation`` those that are named in ``parts``: each needs a permission of its own.
        """
        metadata = self._metadata(name)
        if metadata is None:
            return None
        notes: list[str] = []
        aliases = self._list_if_allowed("list_aliases", "Aliases", metadata["Arn"], notes)
        tags = self._list_if_allowed("list_resource_tags", "Tags", metadata["Arn"], notes)
        primary, replicas = replicas_of(metadata)
        key = replace(
            self._shown(metadata),
            description=metadata.get("Description", ""),
            tags=None if tags is None else {tag["TagKey"]: tag["TagValue"] for tag in tags},
            aliases=None if aliases is None else tuple(alias["AliasName"] for alias in aliases),
            origin=metadata.get("Origin", "").lower(),
            multi_region=bool(metadata.get("MultiRegion")),
            created=_utc(metadata.get("CreationDate")),
            deletion_date=_utc(metadata.get("DeletionDate")),
            managed_by_provider=metadata.get("KeyManager") == "AWS",
            primary_region=primary,
            replicas=replicas,
            notes=tuple(notes),
        )
        return self._with_parts(key, parts)

    def public(self, name: str) -> AwsKey | None:
        metadata = self._metadata(name)
        return None if metadata is None else self._shown(metadata)

    def _shown(self, metadata: dict[str, t.Any]) -> AwsKey:
        """What DescribeKey and GetPublicKey show of a key."""
        return AwsKey(
            state=snake(metadata["KeyState"]),
            spec=_OUR_SPECS.get(metadata["KeySpec"], metadata["KeySpec"].lower()),
            usage=metadata["KeyUsage"].lower(),
            key_id=metadata["KeyId"],
            full_name=metadata["Arn"],
            public_key_der=self._public_key(metadata),
        )

    def with_details(self, key: AwsKey) -> AwsKey:
        return self._with_parts(key, ("policy", "grants", "rotation"))

    def _with_parts(self, key: AwsKey, parts: t.Collection[str]) -> AwsKey:
        """The key with those of these parts that exist and may be read."""
        arn = str(key.full_name)
        readers: dict[str, t.Callable[[str], t.Any]] = {
            "policy": self.policy,
            "grants": self.grants,
            "rotation": self.rotation,
        }
        found: dict[str, t.Any] = {}
        notes = list(key.notes)
        for part, read in readers.items():
            if part not in parts or (part == "rotation" and key.spec != "symmetric"):
                continue
            try:
                found[part] = read(arn)
            except PermissionDenied as exc:
                notes.append(_unreadable(part, arn, exc))
            except (InvalidState, Unsupported):
                continue
        return replace(key, **found, notes=tuple(notes))

    def full_name(self, name: str) -> str:
        return name

    def names(self) -> list[str]:
        """The ARNs of all keys of the account in this region."""
        return [key["KeyArn"] for key in self._pages("list_keys", "Keys")]

    def _metadata(self, name: str) -> dict[str, t.Any] | None:
        arn = _ARN.match(name)
        if arn and arn.group(1) != self.region:
            raise CantonError(
                f"{name} is in the region {arn.group(1)}, but region is {self.region}",
                error_id="region_mismatch",
                hint=f"Set region to {arn.group(1)}, or name a key of {self.region}.",
            )
        try:
            answer = self._call("describe_key", KeyId=name)
        except NotFound:
            return None
        if "KeyMetadata" not in answer:
            raise CantonError(
                f"{self._client.meta.endpoint_url} is not an address of AWS KMS",
                "endpoint_invalid",
                "Check endpoint_url.",
            )
        return t.cast("dict[str, t.Any]", answer["KeyMetadata"])

    def _public_key(self, metadata: dict[str, t.Any]) -> bytes | None:
        if metadata["KeySpec"].startswith(("SYMMETRIC", "HMAC")):
            return None
        try:
            return bytes(self._call("get_public_key", KeyId=metadata["Arn"])["PublicKey"])
        except (Disabled, InvalidState):
            # AWS may not return the public key of a key that can't be used at the moment
            if metadata["KeyState"] != "Enabled":
                return None
            raise

    def _list_if_allowed(self, method: str, part: str, arn: str, notes: list[str]) -> list[dict[str, t.Any]] | None:
        """No node needs aliases and tags, and AWS never returns those of another account's key."""
        try:
            return self._pages(method, part, KeyId=arn)
        except PermissionDenied as exc:
            notes.append(_unreadable(part, arn, exc))
            return None

    def create(
        self,
        spec: str,
        usage: str,
        description: str,
        tags: t.Mapping[str, str],
        *,
        origin: str | None = None,
        multi_region: bool = False,
        policy: str | None = None,
        lockout: bool = False,
    ) -> str:
        """The ARN of a new key. ``origin`` is ``external`` for a key whose material is imported afterwards.

        ``policy`` is JSON text; ``lockout`` lets it through even if the caller could not change it any more.
        """
        optional: dict[str, t.Any] = {"Tags": tag_list(tags)} if tags else {}
        if origin is not None:
            optional["Origin"] = origin.upper()
        if multi_region:
            optional["MultiRegion"] = True
        if policy is not None:
            optional["Policy"] = policy
        if lockout:
            optional["BypassPolicyLockoutSafetyCheck"] = True
        answer = self._call(
            "create_key", KeySpec=AWS_SPECS[spec], KeyUsage=usage.upper(), Description=description, **optional
        )
        return str(answer["KeyMetadata"]["Arn"])

    def add_alias(self, arn: str, alias: str) -> None:
        self._call("create_alias", AliasName=alias, TargetKeyId=arn)

    def move_alias(self, arn: str, alias: str) -> None:
        """Make the alias of another key one of this key."""
        self._call("update_alias", AliasName=alias, TargetKeyId=arn)

    def remove_alias(self, alias: str) -> None:
        self._call("delete_alias", AliasName=alias)

    def describe(self, arn: str, description: str) -> None:
        self._call("update_key_description", KeyId=arn, Description=description)

    def tag(self, arn: str, tags: t.Mapping[str, str]) -> None:
        self._call("tag_resource", KeyId=arn, Tags=tag_list(tags))

    def untag(self, arn: str, names: t.Iterable[str]) -> None:
        self._call("untag_resource", KeyId=arn, TagKeys=sorted(names))

    def enable(self, arn: str) -> None:
        self._call("enable_key", KeyId=own_id(arn))

    def disable(self, arn: str) -> None:
        self._call("disable_key", KeyId=own_id(arn))

    def schedule_deletion(self, arn: str, days: int) -> None:
        self._call("schedule_key_deletion", KeyId=own_id(arn), PendingWindowInDays=days)

    def cancel_deletion(self, arn: str) -> None:
        """Afterwards the key is disabled."""
        self._call("cancel_key_deletion", KeyId=own_id(arn))

    def probe(self, key: AwsKey) -> str:
        """Use the key as Canton would, check the result, and return its usage. CantonError when it does not work."""
        works = self._probe_encryption(key) if key.usage == ENCRYPT else self._probe_signing(key)
        return probed_usage(key, works=works)

    def _probe_signing(self, key: AwsKey) -> bool:
        return signing.verifies(key, _PROBE, self.sign(key, _PROBE))

    def sign(self, key: Key, message: bytes) -> bytes:
        """The signature of a message of up to 4096 bytes, which AWS hashes (docs/canton/kms-aws.md#algorithms)."""
        algorithm = _algorithm(SIGNING_ALGORITHMS, key)
        arguments = {"Message": message, "MessageType": "RAW", "SigningAlgorithm": algorithm}
        return bytes(self._call("sign", KeyId=key.full_name, **arguments)["Signature"])

    def _probe_encryption(self, key: AwsKey) -> bool:
        algorithm = _algorithm(ENCRYPTION_ALGORITHMS, key)
        sealed = self._call("encrypt", KeyId=key.full_name, Plaintext=_PROBE, EncryptionAlgorithm=algorithm)
        opened = self._call(
            "decrypt", KeyId=key.full_name, CiphertextBlob=sealed["CiphertextBlob"], EncryptionAlgorithm=algorithm
        )
        return bool(opened["Plaintext"] == _PROBE)


def _algorithm(algorithms: t.Mapping[str, str], key: Key) -> str:
    if key.spec not in algorithms:
        raise CantonError(
            f"Key {key.full_name} has spec {key.spec}, which Canton can't use in AWS KMS",
            error_id="key_spec_unfit",
            hint="Name a key of a spec that Canton uses (to keep another one, set probe to false).",
        )
    return algorithms[key.spec]


def _unreadable(part: str, arn: str, exc: PermissionDenied) -> str:
    return f"{part.capitalize()} of {arn} can't be read: the permission {exc.details['action']} is missing."


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
