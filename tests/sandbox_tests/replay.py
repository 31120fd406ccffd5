# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares answers of the sandbox with recorded ones, and learns on the way what stands for what.

Ids, keys, times, offsets and signatures differ between any two networks. What was recorded for them is paired with what
the sandbox answered in the same place; from then on requests are sent with the sandbox's values. Everything else has to
be equal, the structure inside `bytes` included.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from sandbox.daml.acs_stream import NotGzip, SnapshotAltered, SnapshotCut, SnapshotReader
from sandbox.wire import crypto
from sandbox.wire.definitions import Messages

_TOKENS = {
    "time": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "contract": r"\b00[0-9a-f]{136}\b",
    "fingerprint": r"1220[0-9a-f]{64}(?![0-9a-f])",
    "short": r"1220[0-9a-f]{8}(?=\.\.\.)",
    "package": r"\b[0-9a-f]{64}\b",
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "trace": r"\b[0-9a-f]{32}\b",
    "correlation": r"(?<=,)[0-9a-f]{8}(?=\))",
    "port": r"(?<=127\.0\.0\.1:)\d+",
    "offset": r"(?<=Offset\()\d+(?=\))|(?<=ledger end \()\d+(?=\))",
}
# Sets, and lists that are sorted by fingerprint: their order says nothing.
_UNORDERED = re.compile(r"(?:Set|Seq)\(([^()]*)\)")
_TOKEN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _TOKENS.items()))
# One recorded value of these stands for one value of the sandbox, always the same.
_STABLE = {"contract", "fingerprint", "short", "package"}

_ANY_VALUE = {"uptime", "ping_time", "stream_continuation_token"}
_OFFSETS = {"offset", "active_at_offset", "ledger_offset", "begin_offset_exclusive"}
_OPAQUE = {"public_key", "signature", "transaction_hash"}
_ED25519 = "SIGNING_KEY_SPEC_EC_CURVE25519"
# How much of an encoded key or signature says what kind it is.
_HEAD_BYTES = {"public_key": 12, "transaction_hash": 2, "signature": 0}


class Replay:
    """What was learned so far in one network."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.tokens: dict[str, str] = {}
        self.bytes: dict[bytes, bytes] = {}
        self.offsets: dict[tuple[str, str], str] = {}
        self.snapshots: dict[bytes, bytes] = {}

    # --- requests

    def request(self, node: str, recorded: Any, key: str = "") -> Any:
        """A recorded request with the sandbox's values. Snapshots are not touched."""
        if isinstance(recorded, dict):
            return {self.text(k): self.request(node, v, k) for k, v in recorded.items()}
        if isinstance(recorded, list):
            return [self.request(node, each, key) for each in recorded]
        if not isinstance(recorded, str) or key in ("acs_snapshot", "bytes"):
            return recorded
        if key in _OFFSETS:
            return self.offsets.get((node, recorded), recorded)
        if key in ("public_key", "transaction", "signature"):
            return base64.b64encode(self._raw(base64.b64decode(recorded))).decode()
        return self.text(recorded)

    def text(self, recorded: str) -> str:
        """A recorded text with the sandbox's ids."""
        return _TOKEN.sub(lambda match: self._known(match) or match[0], recorded)

    def _known(self, recorded: re.Match[str]) -> str | None:
        if recorded.lastgroup == "short":
            whole = (new for old, new in self.tokens.items() if len(old) == 68 and old.startswith(recorded[0]))
            return next((new[: len(recorded[0])] for new in whole), self.tokens.get(recorded[0]))
        return self.tokens.get(recorded[0])

    def _raw(self, recorded: bytes) -> bytes:
        """Known bytes as a whole, or with known parts of the same length replaced inside."""
        if recorded in self.bytes:
            return self.bytes[recorded]
        for old, new in self.bytes.items():
            if len(old) == len(new) > 32:
                recorded = recorded.replace(old, new)
        return recorded

    # --- answers

    def differences(self, node: str, recorded: Any, actual: Any) -> list[str]:
        """Each as `path: recorded … sandbox …`; learns from all that agrees."""
        return list(self._compare(node, recorded, actual, "", ""))

    def _compare(self, node: str, recorded: Any, actual: Any, path: str, key: str) -> Iterator[str]:
        if isinstance(recorded, dict) and isinstance(actual, dict):
            yield from self._compare_dicts(node, recorded, actual, path, key)
        elif isinstance(recorded, list) and isinstance(actual, list):
            if len(recorded) != len(actual):
                yield f"{path}: {len(recorded)} entries recorded, {len(actual)} from the sandbox: {_brief(actual)}"
                return
            for position, (left, right) in enumerate(zip(recorded, actual, strict=True)):
                yield from self._compare(node, left, right, f"{path}[{position}]", key)
        elif isinstance(recorded, str) and isinstance(actual, str):
            yield from self._compare_texts(node, recorded, actual, path, key)
        elif recorded != actual and key not in _ANY_VALUE:
            yield f"{path}: recorded {_brief(recorded)}, sandbox {_brief(actual)}"

    def _compare_dicts(self, node: str, recorded: Any, actual: Any, path: str, key: str) -> Iterator[str]:
        if key == "ports":
            if set(recorded) != set(actual):
                yield f"{path}: recorded {sorted(recorded)}, sandbox {sorted(actual)}"
            return
        self._learn_fingerprint(recorded, actual)
        by_name = {self.text(name): name for name in recorded}
        for name in sorted(set(by_name) | set(actual)):
            if name not in actual:
                yield f"{path}.{name}: recorded {_brief(recorded[by_name[name]])}, not from the sandbox"
            elif name not in by_name:
                yield f"{path}.{name}: not recorded, sandbox {_brief(actual[name])}"
            else:
                yield from self._compare(node, recorded[by_name[name]], actual[name], f"{path}.{name}", name)

    def _learn_fingerprint(self, recorded: Any, actual: Any) -> None:
        """A key message does not hold its fingerprint, but later requests may."""
        spec = recorded.get("key_spec")
        if spec and "public_key" in recorded and actual.get("key_spec") == spec:
            left, right = (base64.b64decode(each["public_key"]) for each in (recorded, actual))
            self.tokens[fingerprint(left, spec)] = fingerprint(right, spec)

    def _compare_texts(self, node: str, recorded: str, actual: str, path: str, key: str) -> Iterator[str]:
        if key in _ANY_VALUE:
            return
        if key in _OFFSETS:
            self.offsets[node, recorded] = actual
        elif key in _OPAQUE:
            yield from self._compare_opaque(recorded, actual, path, key)
        elif key in ("transaction", "serialized_transaction"):
            yield from self._compare_transactions(node, recorded, actual, path)
        elif key == "chunk":
            yield from self._compare_snapshots(node, recorded, actual, path)
        else:
            yield from self._compare_plain(recorded, actual, path)

    def _compare_plain(self, recorded: str, actual: str, path: str) -> Iterator[str]:
        recorded = _UNORDERED.sub(lambda match: self._sorted(match, self.text), recorded)
        actual = _UNORDERED.sub(lambda match: self._sorted(match, str), actual)
        left, right = list(_TOKEN.finditer(recorded)), list(_TOKEN.finditer(actual))
        same = [m.lastgroup for m in left] == [m.lastgroup for m in right]
        if not same or _TOKEN.sub("*", recorded) != _TOKEN.sub("*", actual):
            yield f"{path}: recorded {recorded!r}, sandbox {actual!r}"
            return
        for old, new in zip(left, right, strict=True):
            known = self._known(old) or self.tokens.setdefault(old[0], new[0])
            if old.lastgroup in _STABLE and known != new[0]:
                yield f"{path}: {old[0]} was {known} before, now {new[0]}"

    @staticmethod
    def _sorted(match: re.Match[str], order: Callable[[str], str]) -> str:
        items = sorted(match[1].split(", "), key=order)
        return match[0].replace(match[1], ", ".join(items))

    def _compare_opaque(self, recorded: str, actual: str, path: str, key: str) -> Iterator[str]:
        left, right = base64.b64decode(recorded), base64.b64decode(actual)
        head = _HEAD_BYTES[key]
        # the length of a DER signature depends on its numbers
        fits = len(left) == len(right) or (key == "signature" and left[0] == right[0] == 0x30)
        if not fits or left[:head] != right[:head]:
            yield f"{path}: recorded {left.hex()}, sandbox {right.hex()}"
        self.bytes[left] = right

    def _compare_transactions(self, node: str, recorded: str, actual: str, path: str) -> Iterator[str]:
        left, right = base64.b64decode(recorded), base64.b64decode(actual)
        self.bytes[left] = right
        yield from self._compare(node, self.transaction(left), self.transaction(right), path, "")

    def transaction(self, data: bytes) -> Any:
        """What is in a wrapped SignedTopologyTransaction or TopologyTransaction."""
        inner = self._messages.unwrap(data)
        try:
            signed = self._messages.cls("protocol.v30.SignedTopologyTransaction").FromString(inner)
            if signed.transaction:
                return _to_json(signed)
        except DecodeError:
            pass
        return _to_json(self._messages.cls("protocol.v30.TopologyTransaction").FromString(inner))

    def _compare_snapshots(self, node: str, recorded: str, actual: str, path: str) -> Iterator[str]:
        left, right = base64.b64decode(recorded), base64.b64decode(actual)
        yield from self.pair_snapshots(node, left, right, path)

    def pair_snapshots(self, node: str, recorded: bytes, actual: bytes, path: str = "") -> Iterator[str]:
        """Compare two snapshots record by record, and remember the second in place of the first."""
        self.snapshots[recorded] = actual
        yield from self._compare(node, self._records(recorded), self._records(actual), path, "")
        if recorded[:10] != actual[:10]:
            yield f"{path}: gzip header recorded {recorded[:10].hex()}, sandbox {actual[:10].hex()}"

    def _records(self, snapshot: bytes) -> list[Any]:
        outer = self._messages.cls("admin.participant.v30.ActiveContract")
        inner = self._messages.cls("v2.ActiveContract")
        found = []
        for record in SnapshotReader([snapshot]):
            wrapped = outer.FromString(self._messages.unwrap(record))
            entry = _to_json(inner.FromString(wrapped.active_contract))
            entry["created_event"].pop("created_event_blob")
            found.append(entry)
        return found

    # --- snapshots in requests

    def synchronizers_in(self, snapshot: bytes) -> set[str]:
        """The logical ids, as recorded, that the contracts of a whole snapshot name; empty when it can't be read."""
        try:
            return {entry["synchronizer_id"] for entry in self._records(snapshot)}
        except (NotGzip, SnapshotCut, SnapshotAltered):
            return set()

    def damaged(self, recorded: bytes) -> bytes | None:
        """The sandbox's counterpart of a recorded snapshot that is whole, cut short or altered in one byte."""
        for old, new in self.snapshots.items():
            if recorded == old:
                return new
            if old.startswith(recorded):
                return new[: len(recorded) - len(old)]
            changed = [i for i, (a, b) in enumerate(zip(old, recorded, strict=False)) if a != b]
            if len(old) == len(recorded) and len(changed) == 1:
                position = changed[0]
                flipped = new[position] ^ old[position] ^ recorded[position]
                return new[:position] + bytes([flipped]) + new[position + 1 :]
        return None


def fingerprint(public_key: bytes, spec: str) -> str:
    # of all other kinds of keys, for signing or encryption, the fingerprint is made in the same way
    return crypto.signing_fingerprint(public_key, crypto.ED25519 if spec == _ED25519 else crypto.P256)


def _to_json(message: Any) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 400 else text[:400] + "…"
