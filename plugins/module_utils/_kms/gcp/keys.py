# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in GCP KMS. Beside ``gcp_session`` the only file that imports Google's libraries, and only when it sends something.

It knows GCP's calls and words; what should happen to a key is decided elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t
from datetime import datetime, timedelta, timezone

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import errors as gcp_errors
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp import session as gcp_session
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.model import (
    ALGORITHMS,
    DESTROYED,
    PENDING_IMPORT,
    PROTECTION_LEVELS,
    GcpKey,
    Ring,
    Version,
    days,
    purpose_of,
    ring,
    spec_of,
    state_of,
    usage_of,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import ENCRYPT, Rotation, proven

# The options that say what a key is to be; documented in the fragment ``_kms_gcp``.
KEY_SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "create_key_ring": {"type": "bool", "default": False},
    "protection_level": {"type": "str", "choices": list(PROTECTION_LEVELS)},
    "labels": {"type": "dict"},
}
KEEPING_SPEC: dict[str, dict[str, t.Any]] = {
    "purge_labels": {"type": "bool", "default": True},
    "destroy_scheduled_duration": {"type": "int"},
}
_PLACE = ("project", "location", "key_ring")
PLACE_REQUIRED = ("provider", "gcp", _PLACE)
REQUIRED = ("provider", "gcp", (*_PLACE, "name"))

_CALL_SECONDS = 30.0
# how long a call is repeated that was throttled, or that reads and got no answer
RETRY_SECONDS = 20.0
_FIRST_PAUSE_SECONDS = 0.3
_LONGEST_PAUSE_SECONDS = 5.0

FIRST = 1  # the only version that Canton uses (docs/canton/kms-gcp.md#version-1)
# those whose public keys come as PEM
_ASYMMETRIC = ("EC_SIGN_", "RSA_")
_PROBE = b"ledgerops.canton asks whether this key works"
_CONDITIONAL_POLICIES = 3


def connect(params: t.Mapping[str, t.Any]) -> GcpKeys:
    """Keys of the ring that ``params`` (see ``gcp_session.CONNECTION_SPEC``) lead to. Sends nothing to the KMS yet."""
    where = ring(params["project"], params["location"], params["key_ring"])
    return GcpKeys(gcp_session.open_client(params), where)


class GcpKeys:
    """One method for each thing that can be done to a key. Refusals are a CantonError with gRPC's code as id."""

    def __init__(self, client: t.Any, where: Ring) -> None:
        self._client = client
        self.ring = where

    # -- reading --------------------------------------------------------------------------------------------------

    def ring_exists(self) -> bool:
        return self._found("get_key_ring", {"name": self.ring.path}) is not None

    def names(self) -> list[str]:
        """The names of all keys of the ring."""
        return [_last(key.name) for key in self._call("list_crypto_keys", {"parent": self.ring.path}, pages=True)]

    def identify(self, name: str) -> str | None:
        """The resource name of the key with this name; None when there is none."""
        answer = self._found("get_crypto_key", {"name": self.ring.key(name)})
        return None if answer is None else str(answer.name)

    def find(self, name: str) -> GcpKey | None:
        """All that can be read of the key of this name, its policy aside; None when there is none."""
        key = self._found("get_crypto_key", {"name": self.ring.key(name)})
        if key is None:
            return None
        versions = self._versions(key)
        shown = _shown(key, versions)
        algorithm = _word((key.version_template if shown is None else shown).algorithm)
        state = PENDING_IMPORT if shown is None else state_of(_word(shown.state))
        imported = key.import_only or (shown is not None and bool(shown.import_job))
        return GcpKey(
            state=state,
            spec=spec_of(algorithm),
            usage=usage_of(_word(key.purpose)),
            tags=dict(key.labels),
            key_id=name,
            arn=key.name,
            origin="external" if imported else "gcp_kms",
            created=_utc(key.create_time),
            deletion_date=None if shown is None else _utc(shown.destroy_time),
            public_key_der=None if shown is None else self._public_key(shown),
            rotation=_rotation(key) if _word(key.purpose) == "ENCRYPT_DECRYPT" else None,
            protection_level=_word((key.version_template if shown is None else shown).protection_level).lower(),
            algorithm=algorithm,
            destroy_days=days(_seconds(key.destroy_scheduled_duration)) or None,
            versions=_ordered(versions, shown),
            failure="" if shown is None else shown.import_failure_reason or shown.generation_failure_reason,
        )

    def _versions(self, key: t.Any) -> list[t.Any]:
        if _word(key.purpose) == "ENCRYPT_DECRYPT":
            return self.versions(key.name)
        first = self._found("get_crypto_key_version", {"name": _version(key.name, FIRST)})
        return [] if first is None else [first]

    def versions(self, arn: str) -> list[t.Any]:
        """All versions of a key, as GCP tells them."""
        return list(self._call("list_crypto_key_versions", {"parent": arn}, pages=True))

    def _public_key(self, version: t.Any) -> bytes | None:
        if _word(version.state) not in ("ENABLED", "DISABLED") or not _word(version.algorithm).startswith(_ASYMMETRIC):
            return None
        try:
            answer = self._call("get_public_key", {"name": version.name})
        except CantonError as exc:
            # a key that can't be used at the moment may keep its public key to itself
            if _word(version.state) != "ENABLED" and exc.error_id == gcp_errors.FAILED_PRECONDITION:
                return None
            raise
        if answer.name != version.name or not _intact(answer.pem.encode(), answer.pem_crc32c):
            raise _damaged("GetPublicKey")
        return der(answer.pem)

    def policy(self, arn: str) -> tuple[dict[str, t.Any], bytes]:
        """The key's own IAM policy, and its etag."""
        options = {"requested_policy_version": _CONDITIONAL_POLICIES}
        answer = self._call("get_iam_policy", {"resource": arn, "options": options})
        bindings: list[dict[str, t.Any]] = []
        for each in answer.bindings:
            binding: dict[str, t.Any] = {"role": each.role, "members": list(each.members)}
            if each.condition.expression:
                texts = {name: getattr(each.condition, name) for name in ("title", "description", "expression")}
                binding["condition"] = {name: text for name, text in texts.items() if text}
            bindings.append(binding)
        return {"version": answer.version or 1, "bindings": bindings}, answer.etag

    def version_state(self, arn: str, number: int) -> str:
        return state_of(_word(self._call("get_crypto_key_version", {"name": _version(arn, number)}).state))

    # -- changing -------------------------------------------------------------------------------------------------

    def create_ring(self) -> None:
        try:
            self._change(
                "create_key_ring", {"parent": self.ring.parent, "key_ring_id": self.ring.key_ring, "key_ring": {}}
            )
        except CantonError as exc:
            # another task of the same run may have been quicker
            if exc.error_id != gcp_errors.ALREADY_EXISTS:
                raise

    def create(
        self,
        name: str,
        spec: str,
        protection_level: str,
        labels: t.Mapping[str, str],
        *,
        destroy_days: int | None = None,
        rotation_days: int | None = None,
        import_only: bool = False,
    ) -> None:
        """A new key with its first version; with ``import_only`` it has none and waits for the import of one."""
        key: dict[str, t.Any] = {
            "purpose": purpose_of(spec),
            "version_template": {"algorithm": ALGORITHMS[spec], "protection_level": protection_level.upper()},
            "labels": dict(labels),
            "import_only": import_only,
        }
        if destroy_days is not None:
            key["destroy_scheduled_duration"] = timedelta(days=destroy_days)
        if rotation_days is not None:
            key.update(_schedule(rotation_days))
        request = {"parent": self.ring.path, "crypto_key_id": name, "crypto_key": key}
        self._change("create_crypto_key", {**request, "skip_initial_version_creation": import_only})

    def label(self, arn: str, labels: t.Mapping[str, str]) -> None:
        """These labels and no others."""
        self._update(arn, {"labels": dict(labels)}, ["labels"])

    def rotate(self, arn: str, period: int | None) -> None:
        """New material every so many days, first after as many; None: never."""
        schedule = {} if period is None else _schedule(period)
        self._update(arn, schedule, ["rotation_period", "next_rotation_time"])

    def _update(self, arn: str, key: dict[str, t.Any], paths: list[str]) -> None:
        self._change("update_crypto_key", {"crypto_key": {"name": arn, **key}, "update_mask": {"paths": paths}})

    def set_policy(self, arn: str, policy: t.Mapping[str, t.Any], etag: bytes) -> None:
        """Replace the key's policy, if it still is the one that had this etag."""
        self._change("set_iam_policy", {"resource": arn, "policy": {**policy, "etag": etag}})

    def enable(self, arn: str, number: int) -> None:
        self._set_state(arn, number, "ENABLED")

    def disable(self, arn: str, number: int) -> None:
        self._set_state(arn, number, "DISABLED")

    def _set_state(self, arn: str, number: int, state: str) -> None:
        version = {"name": _version(arn, number), "state": state}
        self._change("update_crypto_key_version", {"crypto_key_version": version, "update_mask": {"paths": ["state"]}})

    def destroy(self, arn: str, number: int) -> None:
        """The version is destroyed when the key's time for that is over."""
        self._change("destroy_crypto_key_version", {"name": _version(arn, number)})

    def restore(self, arn: str, number: int) -> None:
        """Afterwards the version is disabled."""
        self._change("restore_crypto_key_version", {"name": _version(arn, number)})

    # -- importing ------------------------------------------------------------------------------------------------

    def import_jobs(self) -> list[t.Any]:
        return list(self._call("list_import_jobs", {"parent": self.ring.path}, pages=True))

    def import_job(self, name: str) -> t.Any:
        return self._call("get_import_job", {"name": name})

    def create_import_job(self, job_id: str, method: str, protection_level: str) -> t.Any:
        job = {"import_method": method, "protection_level": protection_level.upper()}
        return self._change("create_import_job", {"parent": self.ring.path, "import_job_id": job_id, "import_job": job})

    def import_version(self, arn: str, number: int | None, algorithm: str, job: str, wrapped: bytes) -> t.Any:
        """Material into a new version, or into the version ``number`` whose import has failed."""
        request = {"parent": arn, "algorithm": algorithm, "import_job": job, "wrapped_key": wrapped}
        if number is not None:
            request["crypto_key_version"] = _version(arn, number)
        return self._change("import_crypto_key_version", request)

    # -- proving --------------------------------------------------------------------------------------------------

    def probe(self, key: GcpKey) -> str:
        """Use the key as Canton would, check the result, and say which use that was. CantonError: it doesn't work."""
        if key.spec not in ALGORITHMS:
            raise CantonError(
                f"Key {key.arn} has algorithm {key.algorithm}, which Canton has no use for, so it can't be probed",
                error_id="key_spec_unfit",
                hint="Name a key of a spec that Canton uses, or set probe to false.",
            )
        if key.spec == "symmetric":
            good = self._probe_symmetric(str(key.arn))
        elif key.usage == ENCRYPT:
            good = self._probe_decryption(key)
        else:
            good = self._probe_signing(key)
        return proven(key, good)

    def _probe_signing(self, key: GcpKey) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        request = {"name": _version(str(key.arn), FIRST), "data": _PROBE, "data_crc32c": crc32c(_PROBE)}
        answer = self._call("asymmetric_sign", request)
        if not answer.verified_data_crc32c or not _intact(answer.signature, answer.signature_crc32c):
            raise _damaged("AsymmetricSign")
        public: t.Any = serialization.load_der_public_key(key.public_key_der or b"")
        scheme = [] if key.spec not in _DIGESTS else [ec.ECDSA(getattr(hashes, _DIGESTS[key.spec])())]
        try:
            public.verify(answer.signature, _PROBE, *scheme)
        except InvalidSignature:
            return False
        return True

    def _probe_decryption(self, key: GcpKey) -> bool:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding

        public: t.Any = serialization.load_der_public_key(key.public_key_der or b"")
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
        sealed = public.encrypt(_PROBE, oaep)
        request = {"name": _version(str(key.arn), FIRST), "ciphertext": sealed, "ciphertext_crc32c": crc32c(sealed)}
        answer = self._call("asymmetric_decrypt", request)
        if not answer.verified_ciphertext_crc32c or not _intact(answer.plaintext, answer.plaintext_crc32c):
            raise _damaged("AsymmetricDecrypt")
        return bool(answer.plaintext == _PROBE)

    def _probe_symmetric(self, arn: str) -> bool:
        sealed = self._call("encrypt", {"name": arn, "plaintext": _PROBE, "plaintext_crc32c": crc32c(_PROBE)})
        if not sealed.verified_plaintext_crc32c or not _intact(sealed.ciphertext, sealed.ciphertext_crc32c):
            raise _damaged("Encrypt")
        request = {"name": arn, "ciphertext": sealed.ciphertext, "ciphertext_crc32c": crc32c(sealed.ciphertext)}
        opened = self._call("decrypt", request)
        if not _intact(opened.plaintext, opened.plaintext_crc32c):
            raise _damaged("Decrypt")
        return bool(opened.plaintext == _PROBE)

    # -- calls ----------------------------------------------------------------------------------------------------

    def _found(self, method: str, request: dict[str, t.Any]) -> t.Any:
        """What is there, or None."""
        try:
            return self._call(method, request)
        except CantonError as exc:
            if exc.error_id == gcp_errors.NOT_FOUND:
                return None
            raise

    def _call(self, method: str, request: dict[str, t.Any], pages: bool = False) -> t.Any:
        """Read, or use a key: repeated when it was throttled or got no answer."""
        return self._send(method, request, pages, "ResourceExhausted", "ServiceUnavailable", "DeadlineExceeded")

    def _change(self, method: str, request: dict[str, t.Any]) -> t.Any:
        """Repeated only when it was throttled, that is, not carried out."""
        return self._send(method, request, False, "ResourceExhausted")

    def _send(self, method: str, request: dict[str, t.Any], pages: bool, *passing: str) -> t.Any:
        from google.api_core import exceptions, retry
        from google.auth import exceptions as auth

        operation = "".join(part.capitalize() for part in method.split("_"))
        again = retry.Retry(
            predicate=retry.if_exception_type(*(getattr(exceptions, name) for name in passing)),
            initial=_FIRST_PAUSE_SECONDS,
            maximum=_LONGEST_PAUSE_SECONDS,
            timeout=RETRY_SECONDS,
        )
        try:
            answer = getattr(self._client, method)(request=request, retry=again, timeout=_CALL_SECONDS)
            return list(answer) if pages else answer
        except exceptions.RetryError as exc:
            cause = exc.cause if isinstance(exc.cause, exceptions.GoogleAPICallError) else None
            raise _refused(operation, cause) if cause else gcp_errors.failed(operation, exc) from exc
        except exceptions.GoogleAPICallError as exc:
            raise _refused(operation, exc) from exc
        except (exceptions.GoogleAPIError, auth.GoogleAuthError) as exc:
            raise gcp_errors.failed(operation, exc) from exc
        except (ValueError, TypeError) as exc:
            # what Google's message classes say to a value that they can't hold
            raise gcp_errors.refused(operation, "INVALID_ARGUMENT", str(exc)) from exc


_DIGESTS = {"ec_p256": "SHA256", "ec_secp256k1": "SHA256", "ec_p384": "SHA384"}


def _refused(operation: str, exc: t.Any) -> CantonError:
    code = exc.grpc_status_code.name if exc.grpc_status_code is not None else type(exc).__name__
    reason = getattr(exc, "reason", None) or ""
    text = str(exc.message)
    return gcp_errors.refused(operation, code, f"{text} [{reason}]" if reason and reason not in text else text)


def _damaged(operation: str) -> CantonError:
    return CantonError(
        f"The answer to {operation} was damaged on its way: its checksum is wrong",
        error_id="answer_damaged",
        hint="Run again. If it stays, look at what is between this host and GCP KMS, and at endpoint_url.",
        retryable=True,
    )


def _word(value: t.Any) -> str:
    """GCP's name of an enum's value; a number for one that this release of its library doesn't know."""
    return str(getattr(value, "name", value))


def _shown(key: t.Any, versions: t.Sequence[t.Any]) -> t.Any:
    """The version whose state is the key's: the primary one of a symmetric key, else the first; None when there is none yet."""
    primary = key.primary.name
    by_name = {each.name: each for each in versions}
    if primary in by_name:
        return by_name[primary]
    alive = [each for each in versions if state_of(_word(each.state)) != DESTROYED]
    return (alive or list(versions) or [None])[-1]


def _ordered(versions: t.Sequence[t.Any], shown: t.Any) -> tuple[Version, ...]:
    """The one that is shown comes last: when it has changed, all have, even if a run was interrupted."""
    ordered = sorted(versions, key=lambda each: (each is shown, number(each.name)))
    return tuple(Version(number(each.name), state_of(_word(each.state))) for each in ordered)


def _version(arn: str, number: int) -> str:
    return f"{arn}/cryptoKeyVersions/{number}"


def number(name: str) -> int:
    return int(_last(name))


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _schedule(period: int) -> dict[str, t.Any]:
    first = datetime.now(timezone.utc) + timedelta(days=period)
    return {"rotation_period": timedelta(days=period), "next_rotation_time": first}


def _rotation(key: t.Any) -> Rotation:
    seconds = _seconds(key.rotation_period)
    return Rotation(True, days(seconds)) if seconds else Rotation(False)


def _seconds(duration: t.Any) -> float:
    return 0.0 if duration is None else float(duration.total_seconds())


def _utc(moment: t.Any) -> str | None:
    return (
        None
        if not moment or moment.timestamp() == 0
        else moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def der(pem: str) -> bytes:
    """The DER inside a PEM, with every byte as it was sent."""
    body = re.sub(r"-----[A-Z ]+-----|\s", "", pem)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise _damaged("GetPublicKey") from None


def _intact(data: bytes, checksum: t.Any) -> bool:
    """Whether the checksum, an Int64Value that proto-plus shows as int or None, is the data's. Without one nothing is said."""
    return checksum is not None and int(checksum) == crc32c(data)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _bit in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC32C = _table()


def crc32c(data: bytes) -> int:
    """The checksum (Castagnoli) that GCP KMS sends along with what it answers."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _CRC32C[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF
