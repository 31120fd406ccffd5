# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in AWS KMS. The only file that imports boto3, botocore and cryptography.

It knows AWS's calls and words; what should happen to a key is decided elsewhere.
"""

from __future__ import annotations

import os
import re
import typing as t
from datetime import datetime, timezone

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, DependencyMissing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import aws_errors
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.spec import ENCRYPT, Key

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError as exc:
    BOTO3_IMPORT_ERROR: ImportError | None = exc
else:
    BOTO3_IMPORT_ERROR = None

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError as exc:
    CRYPTOGRAPHY_IMPORT_ERROR: ImportError | None = exc
else:
    CRYPTOGRAPHY_IMPORT_ERROR = None

# The options that say how to reach AWS; documented in the fragment ``_kms``.
CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "region": {"type": "str"},
    "endpoint_url": {"type": "str"},
    "profile": {"type": "str"},
    "access_key": {"type": "str", "no_log": True},
    "secret_key": {"type": "str", "no_log": True},
    "session_token": {"type": "str", "no_log": True},
}
CONNECTION_RULES: dict[str, t.Any] = {
    "required_together": [("access_key", "secret_key")],
    "required_by": {"session_token": ("access_key",)},
    "mutually_exclusive": [("profile", "access_key")],
}

AWS_SPECS = {
    "ec_p256": "ECC_NIST_P256",
    "ec_p384": "ECC_NIST_P384",
    "ec_secp256k1": "ECC_SECG_P256K1",
    "ec_curve25519": "ECC_NIST_EDWARDS25519",
    "rsa_2048": "RSA_2048",
    "symmetric": "SYMMETRIC_DEFAULT",
}
_OUR_SPECS = {theirs: ours for ours, theirs in AWS_SPECS.items()}
# What Canton signs and decrypts with (kms 2)
SIGNING_ALGORITHMS = {"ec_p256": "ECDSA_SHA_256", "ec_secp256k1": "ECDSA_SHA_256", "ec_p384": "ECDSA_SHA_384"}
ENCRYPTION_ALGORITHMS = {"rsa_2048": "RSAES_OAEP_SHA_256", "symmetric": "SYMMETRIC_DEFAULT"}

_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
_ARN = re.compile(r"arn:[^:]+:kms:([^:]+):")
_PROBE = b"ledgerops.canton asks whether this key works"


def check_dependencies() -> None:
    """Raise DependencyMissing when boto3 or cryptography is not importable here."""
    if BOTO3_IMPORT_ERROR is not None:
        raise DependencyMissing("boto3", str(BOTO3_IMPORT_ERROR))
    if CRYPTOGRAPHY_IMPORT_ERROR is not None:
        raise DependencyMissing("cryptography", str(CRYPTOGRAPHY_IMPORT_ERROR))


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


def connect(params: t.Mapping[str, t.Any]) -> AwsKeys:
    """Keys of the account and region that ``params`` (see CONNECTION_SPEC) lead to. Sends nothing yet."""
    check_dependencies()
    # the SDK itself reads AWS_DEFAULT_REGION only; whatever else is unset here it finds in AWS's usual places
    region = params["region"] or os.environ.get("AWS_REGION") or None
    try:
        session = boto3.session.Session(
            profile_name=params["profile"],
            region_name=region,
            aws_access_key_id=params["access_key"],
            aws_secret_access_key=params["secret_key"],
            aws_session_token=params["session_token"],
        )
        config = botocore.config.Config(
            connect_timeout=10,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 5},
            user_agent_extra="ledgerops.canton",
        )
        return AwsKeys(session.client("kms", endpoint_url=params["endpoint_url"], config=config))
    except botocore.exceptions.BotoCoreError as exc:
        raise aws_errors.failed("The connection", exc) from exc
    except ValueError as exc:
        raise CantonError(
            str(exc), "endpoint_invalid", "Give endpoint_url as https://HOST or http://HOST:PORT."
        ) from exc


class AwsKeys:
    """One method for each thing that can be done to a key. Refusals are a CantonError with AWS's code as id."""

    def __init__(self, client: t.Any) -> None:
        self._client = client
        self.region: str | None = client.meta.region_name

    # -- reading --------------------------------------------------------------------------------------------------

    def identify(self, name: str) -> str | None:
        """The ARN of the key with this id, ARN, alias or alias ARN; None when there is none."""
        metadata = self._metadata(name)
        return None if metadata is None else str(metadata["Arn"])

    def find(self, name: str) -> Key | None:
        """All that can be read of the key with this id, ARN, alias or alias ARN; None when there is none."""
        metadata = self._metadata(name)
        if metadata is None:
            return None
        notes: list[str] = []
        aliases = self._list_if_allowed("list_aliases", "Aliases", metadata["Arn"], notes)
        tags = self._list_if_allowed("list_resource_tags", "Tags", metadata["Arn"], notes)
        return Key(
            state=_snake(metadata["KeyState"]),
            spec=_OUR_SPECS.get(metadata["KeySpec"], metadata["KeySpec"].lower()),
            usage=metadata["KeyUsage"].lower(),
            description=metadata.get("Description", ""),
            tags=None if tags is None else {tag["TagKey"]: tag["TagValue"] for tag in tags},
            aliases=None if aliases is None else tuple(alias["AliasName"] for alias in aliases),
            key_id=metadata["KeyId"],
            arn=metadata["Arn"],
            origin=metadata.get("Origin", "").lower(),
            multi_region=bool(metadata.get("MultiRegion")),
            created=_utc(metadata.get("CreationDate")),
            deletion_date=_utc(metadata.get("DeletionDate")),
            public_key_der=self._public_key(metadata),
            managed_by_provider=metadata.get("KeyManager") == "AWS",
            notes=tuple(notes),
        )

    def names(self) -> list[str]:
        """The ARNs of all keys of the account in this region."""
        return [key["KeyArn"] for key in self._pages("list_keys", "Keys")]

    def _metadata(self, name: str) -> dict[str, t.Any] | None:
        arn = _ARN.match(name)
        if arn and arn.group(1) != self.region:
            raise CantonError(
                f"{name} is in the region {arn.group(1)}, but {self.region} was asked for",
                error_id="region_mismatch",
                hint=f"Set region to {arn.group(1)}, or name a key of {self.region}.",
            )
        try:
            answer = self._call("describe_key", KeyId=name)
        except CantonError as exc:
            if exc.error_id == aws_errors.NOT_FOUND:
                return None
            raise
        if "KeyMetadata" not in answer:
            raise CantonError(
                f"{self._client.meta.endpoint_url} does not answer like AWS KMS",
                "endpoint_invalid",
                "Check endpoint_url.",
            )
        return t.cast("dict[str, t.Any]", answer["KeyMetadata"])

    def _public_key(self, metadata: dict[str, t.Any]) -> bytes | None:
        if metadata["KeySpec"].startswith(("SYMMETRIC", "HMAC")):
            return None
        try:
            return bytes(self._call("get_public_key", KeyId=metadata["Arn"])["PublicKey"])
        except CantonError as exc:
            # a key that can't be used at the moment may keep its public key to itself
            if metadata["KeyState"] != "Enabled" and exc.error_id in (aws_errors.DISABLED, aws_errors.INVALID_STATE):
                return None
            raise

    def _list_if_allowed(self, method: str, part: str, arn: str, notes: list[str]) -> list[dict[str, t.Any]] | None:
        """Aliases and tags help people but no node needs them, and of another account's key AWS never shows them."""
        try:
            return self._pages(method, part, KeyId=arn)
        except CantonError as exc:
            if exc.error_id != aws_errors.ACCESS_DENIED:
                raise
            notes.append(f"{part} of {arn} can't be read: the permission {exc.details['action']} is missing.")
            return None

    # -- changing -------------------------------------------------------------------------------------------------

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
    ) -> str:
        """The ARN of a new key. ``origin`` is ``external`` for a key whose material is imported afterwards."""
        optional: dict[str, t.Any] = {"Tags": _tag_list(tags)} if tags else {}
        if origin is not None:
            optional["Origin"] = origin.upper()
        if multi_region:
            optional["MultiRegion"] = True
        if policy is not None:
            optional["Policy"] = policy
        answer = self._call(
            "create_key", KeySpec=AWS_SPECS[spec], KeyUsage=usage.upper(), Description=description, **optional
        )
        return str(answer["KeyMetadata"]["Arn"])

    def add_alias(self, arn: str, alias: str) -> None:
        self._call("create_alias", AliasName=alias, TargetKeyId=arn)

    def describe(self, arn: str, description: str) -> None:
        self._call("update_key_description", KeyId=arn, Description=description)

    def tag(self, arn: str, tags: t.Mapping[str, str]) -> None:
        self._call("tag_resource", KeyId=arn, Tags=_tag_list(tags))

    def untag(self, arn: str, names: t.Iterable[str]) -> None:
        self._call("untag_resource", KeyId=arn, TagKeys=sorted(names))

    def enable(self, arn: str) -> None:
        self._call("enable_key", KeyId=_own_id(arn))

    def disable(self, arn: str) -> None:
        self._call("disable_key", KeyId=_own_id(arn))

    def schedule_deletion(self, arn: str, days: int) -> None:
        self._call("schedule_key_deletion", KeyId=_own_id(arn), PendingWindowInDays=days)

    def cancel_deletion(self, arn: str) -> None:
        """Afterwards the key is disabled."""
        self._call("cancel_key_deletion", KeyId=_own_id(arn))

    # -- proving --------------------------------------------------------------------------------------------------

    def probe(self, key: Key) -> str:
        """Use the key as Canton would, check the result, and say which use that was. CantonError: it doesn't work."""
        good = self._probe_encryption(key) if key.usage == ENCRYPT else self._probe_signing(key)
        if not good:
            raise CantonError(
                f"Key {key.arn} answers, but what it answers is wrong ({key.usage})",
                error_id="probe_failed",
                hint="Don't give this key to a node. Check that endpoint_url leads to the KMS which the node will use.",
            )
        return key.usage

    def _probe_signing(self, key: Key) -> bool:
        algorithm = _algorithm(SIGNING_ALGORITHMS, key)
        answer = self._call("sign", KeyId=key.arn, Message=_PROBE, MessageType="RAW", SigningAlgorithm=algorithm)
        public = serialization.load_der_public_key(key.public_key_der or b"")
        digest = hashes.SHA384() if algorithm.endswith("384") else hashes.SHA256()
        try:
            t.cast("ec.EllipticCurvePublicKey", public).verify(answer["Signature"], _PROBE, ec.ECDSA(digest))
        except InvalidSignature:
            return False
        return True

    def _probe_encryption(self, key: Key) -> bool:
        algorithm = _algorithm(ENCRYPTION_ALGORITHMS, key)
        sealed = self._call("encrypt", KeyId=key.arn, Plaintext=_PROBE, EncryptionAlgorithm=algorithm)
        opened = self._call(
            "decrypt", KeyId=key.arn, CiphertextBlob=sealed["CiphertextBlob"], EncryptionAlgorithm=algorithm
        )
        return bool(opened["Plaintext"] == _PROBE)

    # -- calls ----------------------------------------------------------------------------------------------------

    def _call(self, method: str, **arguments: t.Any) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self._guarded(method, lambda: getattr(self._client, method)(**arguments)))

    def _pages(self, method: str, part: str, **arguments: t.Any) -> list[dict[str, t.Any]]:
        paginator = self._client.get_paginator(method)
        pages = self._guarded(method, lambda: paginator.paginate(**arguments).build_full_result())
        return t.cast("list[dict[str, t.Any]]", pages.get(part, []))

    def _guarded(self, method: str, act: t.Callable[[], t.Any]) -> t.Any:
        operation = self._client.meta.method_to_api_mapping[method]
        try:
            return act()
        except botocore.exceptions.ClientError as exc:
            error = exc.response.get("Error", {})
            raise aws_errors.refused(operation, error.get("Code", ""), error.get("Message", ""), self.region) from exc
        except botocore.exceptions.BotoCoreError as exc:
            raise aws_errors.failed(operation, exc) from exc


def _algorithm(algorithms: t.Mapping[str, str], key: Key) -> str:
    if key.spec not in algorithms:
        raise CantonError(
            f"Key {key.arn} has spec {key.spec}, which Canton has no use for in AWS KMS, so it can't be probed",
            error_id="key_spec_unfit",
            hint="Name a key of a spec that Canton uses, or set probe to false.",
        )
    return algorithms[key.spec]


def _own_id(arn: str) -> str:
    """What changes a key's state works in the key's own account only, where the id is its name."""
    return arn.rpartition("/")[2]


def _tag_list(tags: t.Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in sorted(tags.items())]


def _snake(state: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", state).lower()


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
