# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in GCP KMS: find, create, change, probe. Imports Google's libraries only when it sends something, as ``session`` does.

It knows GCP's calls and words; what should happen to a key is decided elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import typing as t
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ..._errors import CantonError
from ..._participant.model.keys import SIGNATURE_FORMS
from ..errors import AlreadyExists, InvalidState, NotFound, PermissionDenied
from ..model import ENCRYPT, NO_ROTATION, PENDING_IMPORT, Key, Params, Rotation, probed_usage
from ..signing import verifies
from . import errors as gcp_errors
from . import session as gcp_session
from .model import (
    ALGORITHMS,
    DESTROYED,
    GcpKey,
    Ring,
    Version,
    days,
    key_name,
    purpose_of,
    ring,
    spec_of,
    state_of,
    usage_of,
)

_CALL_SECONDS = 30.0
_REPEATABLE = ("ResourceExhausted", "ServiceUnavailable", "DeadlineExceeded")
# how long a call is repeated that was throttled, or that reads and got no answer
RETRY_SECONDS = 20.0
_FIRST_PAUSE_SECONDS = 0.3
_LONGEST_PAUSE_SECONDS = 5.0

FIRST = 1  # the only version that Canton uses (docs/canton/kms-gcp.md#version-1)
# those whose public keys come as PEM
_ASYMMETRIC = ("EC_SIGN_", "RSA_")
_PROBE = b"ledgerops.canton asks whether this key works"
_CONDITIONAL_POLICIES = 3


def connect(params: Params) -> GcpKeys:
    """Keys of the ring that ``params`` (see ``options``) name. Sends nothing to the KMS yet."""
    where = ring(params["project"], params["location"], params["key_ring"])
    return GcpKeys(gcp_session.open_client(params), where)


class GcpKeys:
    """One method for each operation on a key. Refusals are a CantonError with gRPC's code as id."""

    def __init__(self, client: t.Any, where: Ring) -> None:
        self._client = client
        self.ring = where

    def ring_exists(self) -> bool:
        return self._found("get_key_ring", {"name": self.ring.path}) is not None

    def names(self) -> list[str]:
        return [_last(key.name) for key in self._pages("list_crypto_keys", {"parent": self.ring.path})]

    def full_name(self, name: str) -> str:
        return self.ring.key(name)

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
            full_name=key.name,
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

    def with_details(self, key: GcpKey) -> GcpKey:
        """With its policy, if it may be read."""
        try:
            return replace(key, policy=self.policy(str(key.full_name))[0])
        except PermissionDenied as exc:
            note = f"The policy of {key.full_name} can't be read: the permission {exc.details['action']} is missing."
            return replace(key, notes=(*key.notes, note))

    def _versions(self, key: t.Any) -> list[t.Any]:
        if _word(key.purpose) == "ENCRYPT_DECRYPT":
            return self._pages("list_crypto_key_versions", {"parent": key.name})
        first = self._found("get_crypto_key_version", {"name": _version(key.name, FIRST)})
        return [] if first is None else [first]

    def public(self, name: str) -> GcpKey | None:
        resource = self.ring.key(key_name(name))
        answer = self._found("get_public_key", {"name": _version(resource, FIRST)})
        if answer is None:
            return None
        algorithm = _word(answer.algorithm)
        spec = spec_of(algorithm)
        return GcpKey(
            state="enabled",  # GCP returns the public key of no other
            spec=spec,
            usage=usage_of(purpose_of(spec)),
            key_id=name,
            full_name=resource,
            public_key_der=_der_of(answer, _version(resource, FIRST)),
            algorithm=algorithm,
        )

    def _public_key(self, version: t.Any) -> bytes | None:
        if _word(version.state) not in ("ENABLED", "DISABLED") or not _word(version.algorithm).startswith(_ASYMMETRIC):
            return None
        try:
            answer = self._call("get_public_key", {"name": version.name})
        except InvalidState:
            # GCP may not return the public key of a key that can't be used at the moment
            if _word(version.state) != "ENABLED":
                return None
            raise
        return _der_of(answer, version.name)

    def policy(self, resource: str) -> tuple[dict[str, t.Any], bytes]:
        """The key's own IAM policy, and its etag."""
        options = {"requested_policy_version": _CONDITIONAL_POLICIES}
        answer = self._call("get_iam_policy", {"resource": resource, "options": options})
        bindings: list[dict[str, t.Any]] = []
        for each in answer.bindings:
            binding: dict[str, t.Any] = {"role": each.role, "members": list(each.members)}
            if each.condition.expression:
                texts = {name: getattr(each.condition, name) for name in ("title", "description", "expression")}
                binding["condition"] = {name: text for name, text in texts.items() if text}
            bindings.append(binding)
        return {"version": answer.version or 1, "bindings": bindings}, answer.etag

    def version_state(self, resource: str, number: int) -> str:
        return state_of(_word(self._call("get_crypto_key_version", {"name": _version(resource, number)}).state))

    def create_ring(self) -> None:
        # another task of the same run may create it first
        with suppress(AlreadyExists):
            self._change(
                "create_key_ring", {"parent": self.ring.parent, "key_ring_id": self.ring.key_ring, "key_ring": {}}
            )

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

    def label(self, resource: str, labels: t.Mapping[str, str]) -> None:
        """These labels and no others."""
        self._update(resource, {"labels": dict(labels)}, ["labels"])

    def rotate(self, resource: str, period: int | None) -> None:
        """New material every so many days, first after as many; None: never."""
        schedule = {} if period is None else _schedule(period)
        self._update(resource, schedule, ["rotation_period", "next_rotation_time"])

    def _update(self, resource: str, key: dict[str, t.Any], paths: list[str]) -> None:
        self._change("update_crypto_key", {"crypto_key": {"name": resource, **key}, "update_mask": {"paths": paths}})

    def set_policy(self, resource: str, policy: t.Mapping[str, t.Any], etag: bytes) -> None:
        """Replace the key's policy, if it still is the one that had this etag."""
        self._change("set_iam_policy", {"resource": resource, "policy": {**policy, "etag": etag}})

    def enable(self, resource: str, number: int) -> None:
        self._set_state(resource, number, "ENABLED")

    def disable(self, resource: str, number: int) -> None:
        self._set_state(resource, number, "DISABLED")

    def _set_state(self, resource: str, number: int, state: str) -> None:
        version = {"name": _version(resource, number), "state": state}
        self._change("update_crypto_key_version", {"crypto_key_version": version, "update_mask": {"paths": ["state"]}})

    def destroy(self, resource: str, number: int) -> None:
        """The version is destroyed when the key's time for that is over."""
        self._change("destroy_crypto_key_version", {"name": _version(resource, number)})

    def restore(self, resource: str, number: int) -> None:
        """Afterwards the version is disabled."""
        self._change("restore_crypto_key_version", {"name": _version(resource, number)})

    def import_jobs(self) -> list[t.Any]:
        return self._pages("list_import_jobs", {"parent": self.ring.path})

    def import_job(self, name: str) -> t.Any:
        return self._call("get_import_job", {"name": name})

    def create_import_job(self, job_id: str, method: str, protection_level: str) -> t.Any:
        job = {"import_method": method, "protection_level": protection_level.upper()}
        return self._change("create_import_job", {"parent": self.ring.path, "import_job_id": job_id, "import_job": job})

    def import_version(self, resource: str, number: int | None, algorithm: str, job: str, wrapped: bytes) -> t.Any:
        """Material into a new version, or into the version ``number`` whose import has failed."""
        request = {"parent": resource, "algorithm": algorithm, "import_job": job, "wrapped_key": wrapped}
        if number is not None:
            request["crypto_key_version"] = _version(resource, number)
        return self._change("import_crypto_key_version", request)

    def probe(self, key: GcpKey) -> str:
        """Use the key as Canton would, check the result, and return its usage. CantonError when it does not work."""
        if key.spec not in ALGORITHMS:
            raise CantonError(
                f"Key {key.full_name} has algorithm {key.algorithm}, which Canton can't use, so it can't be probed",
                error_id="key_spec_unfit",
                hint="Name a key of a spec that Canton uses, or set probe to false.",
            )
        if key.spec == "symmetric":
            works = self._probe_symmetric(str(key.full_name))
        elif key.usage == ENCRYPT:
            works = self._probe_decryption(key)
        else:
            works = self._probe_signing(key)
        return probed_usage(key, works=works)

    def _probe_signing(self, key: GcpKey) -> bool:
        return verifies(key, _PROBE, self.sign(key, _PROBE))

    def sign(self, key: Key, message: bytes) -> bytes:
        """The signature of a message: of its digest, or of itself with Ed25519 (docs/canton/kms-gcp.md#algorithms-in-use)."""
        form = SIGNATURE_FORMS[key.spec]
        version = _version(str(key.full_name), FIRST)
        request: dict[str, t.Any] = {"name": version}
        if form.digest is None:
            request.update(data=message, data_crc32c=crc32c(message))
        else:
            digest = hashlib.new(form.digest, message).digest()
            request.update(digest={form.digest: digest}, digest_crc32c=crc32c(digest))
        answer = self._call("asymmetric_sign", request)
        checked = answer.verified_data_crc32c if form.digest is None else answer.verified_digest_crc32c
        if not checked or answer.name != version or not _intact(answer.signature, answer.signature_crc32c):
            raise _corrupted("AsymmetricSign")
        return bytes(answer.signature)

    def _probe_decryption(self, key: GcpKey) -> bool:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding

        public: t.Any = serialization.load_der_public_key(key.public_key_der or b"")
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
        sealed = public.encrypt(_PROBE, oaep)
        request = {
            "name": _version(str(key.full_name), FIRST),
            "ciphertext": sealed,
            "ciphertext_crc32c": crc32c(sealed),
        }
        answer = self._call("asymmetric_decrypt", request)
        if not answer.verified_ciphertext_crc32c or not _intact(answer.plaintext, answer.plaintext_crc32c):
            raise _corrupted("AsymmetricDecrypt")
        return bool(answer.plaintext == _PROBE)

    def _probe_symmetric(self, resource: str) -> bool:
        sealed = self._call("encrypt", {"name": resource, "plaintext": _PROBE, "plaintext_crc32c": crc32c(_PROBE)})
        if not sealed.verified_plaintext_crc32c or not _intact(sealed.ciphertext, sealed.ciphertext_crc32c):
            raise _corrupted("Encrypt")
        request = {"name": resource, "ciphertext": sealed.ciphertext, "ciphertext_crc32c": crc32c(sealed.ciphertext)}
        opened = self._call("decrypt", request)
        if not _intact(opened.plaintext, opened.plaintext_crc32c):
            raise _corrupted("Decrypt")
        return bool(opened.plaintext == _PROBE)

    def _found(self, method: str, request: dict[str, t.Any]) -> t.Any:
        """What is there, or None."""
        try:
            return self._call(method, request)
        except NotFound:
            return None

    def _call(self, method: str, request: dict[str, t.Any]) -> t.Any:
        """Read, or use a key: repeated when it was throttled or got no answer."""
        return self._send(method, request, *_REPEATABLE)

    def _pages(self, method: str, request: dict[str, t.Any]) -> list[t.Any]:
        """All pages of a list; the calls for further pages are made while it is read."""
        return t.cast("list[t.Any]", self._send(method, request, *_REPEATABLE, read=list))

    def _change(self, method: str, request: dict[str, t.Any]) -> t.Any:
        """Repeated only when it was throttled, that is, not carried out."""
        return self._send(method, request, "ResourceExhausted")

    def _send(
        self, method: str, request: dict[str, t.Any], *repeatable: str, read: t.Callable[[t.Any], t.Any] | None = None
    ) -> t.Any:
        from google.api_core import exceptions, retry
        from google.auth import exceptions as auth

        operation = "".join(part.capitalize() for part in method.split("_"))
        again = retry.Retry(
            predicate=retry.if_exception_type(*(getattr(exceptions, name) for name in repeatable)),
            initial=_FIRST_PAUSE_SECONDS,
            maximum=_LONGEST_PAUSE_SECONDS,
            timeout=RETRY_SECONDS,
        )
        try:
            answer = getattr(self._client, method)(request=request, retry=again, timeout=_CALL_SECONDS)
            return read(answer) if read else answer
        except exceptions.RetryError as exc:
            cause = exc.cause if isinstance(exc.cause, exceptions.GoogleAPICallError) else None
            raise _refused(operation, cause) if cause else gcp_errors.failed(operation, exc) from exc
        except exceptions.GoogleAPICallError as exc:
            raise _refused(operation, exc) from exc
        except (exceptions.GoogleAPIError, auth.GoogleAuthError) as exc:
            raise gcp_errors.failed(operation, exc) from exc
        except (ValueError, TypeError) as exc:
            # Google's message classes refuse a value that they can't hold
            raise gcp_errors.refused(operation, "INVALID_ARGUMENT", str(exc)) from exc


def _refused(operation: str, exc: t.Any) -> CantonError:
    code = exc.grpc_status_code.name if exc.grpc_status_code is not None else type(exc).__name__
    reason = getattr(exc, "reason", None) or ""
    text = str(exc.message)
    return gcp_errors.refused(operation, code, f"{text} [{reason}]" if reason and reason not in text else text)


def _corrupted(operation: str) -> CantonError:
    return CantonError(
        f"Checksum mismatch: the answer of GCP KMS to {operation} was corrupted in transit",
        error_id="answer_damaged",
        hint="Run again. If it persists, check endpoint_url and the proxies between this host and GCP KMS.",
        retryable=True,
    )


def _der_of(answer: t.Any, version: str) -> bytes:
    """The public key in an answer about this version."""
    if answer.name != version or not _intact(answer.pem.encode(), answer.pem_crc32c):
        raise _corrupted("GetPublicKey")
    return der(answer.pem)


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
    """The one that is shown is the last: when it has changed, all have, even if a run was interrupted."""
    ordered = sorted(versions, key=lambda each: (each is shown, number(each.name)))
    return tuple(Version(number(each.name), state_of(_word(each.state))) for each in ordered)


def _version(resource: str, number: int) -> str:
    return f"{resource}/cryptoKeyVersions/{number}"


def number(name: str) -> int:
    return int(_last(name))


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _schedule(period: int) -> dict[str, t.Any]:
    first = datetime.now(timezone.utc) + timedelta(days=period)
    return {"rotation_period": timedelta(days=period), "next_rotation_time": first}


def _rotation(key: t.Any) -> Rotation:
    seconds = _seconds(key.rotation_period)
    return Rotation(days(seconds)) if seconds else NO_ROTATION


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
        raise _corrupted("GetPublicKey") from None


def _intact(data: bytes, checksum: t.Any) -> bool:
    """Whether the checksum, an Int64Value that proto-plus shows as int or None, is the data's. Without one it is not."""
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
    """The checksum (Castagnoli) that GCP KMS sends with its answers."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _CRC32C[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF
