# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology file of a sandbox: read, checked, defaults filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sandbox.wire.release import RELEASES, highest_common, release

# Without a protocol version it gets the highest that all participants on it support.
_SYNCHRONIZER = {"protocol_version": 0}
_KMS = {"region": "eu-central-1", "always": False}
_PARTICIPANT: dict[str, Any] = {
    "release": "3.5",
    "version": "",
    "crypto": "jce",
    "key_spec": "ed25519",
    "admin_port": 0,
    "ledger_port": 0,
    "storage": "persistent",
    "identity": "auto",
    "start": True,
    "starting_ms": 0,
    "tls": "none",
    "admin_token": None,
    "preview_commands": False,
    "wrapper_key": False,
    "connections": [],
    "parties": [],
    "dars": [],
    "contracts": [],
    "users": [],
    "idps": [],
    "kms_keys": "auto",
    "kms_provider": "aws",
    "kms_ring": "",
    "kms_endpoint": "",
    "kms_region": "",
}
_CHOICES = {
    "release": tuple(RELEASES),
    "crypto": ("jce", "kms"),
    "key_spec": ("ed25519", "ec_p256"),
    "storage": ("persistent", "memory"),
    "identity": ("auto", "manual"),
    "kms_provider": ("aws", "gcp"),
    "tls": ("none", "server", "mutual"),
}
_FLAGS = ("preview_commands", "wrapper_key")
_TEXTS = ("kms_endpoint", "kms_region", "kms_ring")
_CONNECTION = {"synchronizer": None, "alias": None, "manual_connect": False, "connect": True}


class TopologyError(Exception):
    """The topology file does not say what it should; the text names the place."""


def load(path: Path) -> dict[str, Any]:
    """The topology of a YAML file; ``TopologyError`` when it is not right."""
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise TopologyError(f"{path}: {error}") from error
    return check(data)


def check(data: Any) -> dict[str, Any]:
    """The same from what YAML made of it."""
    top = _filled(data, {"synchronizers": None, "participants": None, "kms": {}}, "the topology")
    synchronizers = _named(top["synchronizers"], "synchronizers")
    participants = _named(top["participants"], "participants")
    checked = {name: _participant(name, entry, synchronizers) for name, entry in participants.items()}
    return {
        "synchronizers": {name: _synchronizer(name, entry, checked) for name, entry in synchronizers.items()},
        "kms": _filled(top["kms"], _KMS, "kms"),
        "participants": checked,
    }


def _synchronizer(name: str, entry: Any, participants: dict[str, Any]) -> dict[str, Any]:
    where = f"synchronizers.{name}"
    filled = _filled(entry, _SYNCHRONIZER, where)
    known = {version for line in RELEASES.values() for version in line.protocol_versions}
    if filled["protocol_version"] == 0:
        filled["protocol_version"] = _protocol_version(name, participants, where)
    if filled["protocol_version"] not in known:
        raise TopologyError(f"{where}.protocol_version: {filled['protocol_version']!r} is none of {sorted(known)}")
    return filled


def _protocol_version(name: str, participants: dict[str, Any], where: str) -> int:
    on_it = {
        participant["release"]
        for participant in participants.values()
        if any(connection["synchronizer"] == name for connection in participant["connections"])
    }
    found = highest_common(on_it or {participant["release"] for participant in participants.values()})
    if found is None:
        raise TopologyError(f"{where}.protocol_version: its participants have none in common, so it has to be given")
    return found


def _named(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise TopologyError(f"{where}: a mapping of names is wanted")
    for name in value:
        if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
            raise TopologyError(f"{where}: {name!r} is no name (letters, digits, - and _)")
    return value


def _filled(entry: Any, defaults: dict[str, Any], where: str) -> dict[str, Any]:
    """The entry with defaults; unknown and missing keys are errors (a default of ``None`` marks what is required)."""
    if entry is None:
        entry = {}
    if not isinstance(entry, dict):
        raise TopologyError(f"{where}: a mapping is wanted")
    unknown = sorted(set(map(str, entry)) - set(defaults))
    if unknown:
        raise TopologyError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(defaults))}")
    return {**defaults, **entry}


def _participant(name: str, entry: Any, synchronizers: dict[str, Any]) -> dict[str, Any]:
    where = f"participants.{name}"
    filled = _filled(entry, _PARTICIPANT, where)
    for key in (*_CHOICES, *_FLAGS, *_TEXTS):
        check_value(key, filled[key], f"{where}.")
    for key in ("admin_port", "ledger_port", "starting_ms"):
        if not isinstance(filled[key], int) or filled[key] < 0:
            raise TopologyError(f"{where}.{key}: a number from 0 on is wanted")
    for key in ("connections", "parties", "dars", "contracts", "users", "idps"):
        if not isinstance(filled[key], list):
            raise TopologyError(f"{where}.{key}: a list is wanted")
    filled["release"] = str(filled["release"])
    _check_kms_keys(filled, where)
    filled["version"] = _version(filled, where)
    filled["connections"] = [
        _connection(one, synchronizers, f"{where}.connections[{index}]")
        for index, one in enumerate(filled["connections"])
    ]
    return filled


def check_value(key: str, value: Any, where: str = "") -> None:
    """A choice, a flag or a text; other keys are not looked at. Raises TopologyError."""
    if key in _TEXTS and not isinstance(value, str):
        raise TopologyError(f"{where}{key}: a text is wanted")
    if key in _FLAGS and not isinstance(value, bool):
        raise TopologyError(f"{where}{key}: true or false is wanted")
    choices = _CHOICES.get(key)
    if choices is not None and str(value) not in choices:
        raise TopologyError(f"{where}{key}: {value!r} is none of {', '.join(choices)}")


def _version(filled: dict[str, Any], where: str) -> str:
    """The exact version: that of the release unless the file names another of the same line."""
    line, version = filled["release"], str(filled["version"])
    if not version:
        return release(line).version
    if not version.startswith(f"{line}."):
        raise TopologyError(f"{where}.version: {version} is no version of the line {line}")
    return version


def _check_kms_keys(filled: dict[str, Any], where: str) -> None:
    keys = filled["kms_keys"]
    if keys == "auto":
        return
    wanted = release(filled["release"]).own_keys
    if not isinstance(keys, dict) or sorted(keys) != sorted(wanted):
        raise TopologyError(f"{where}.kms_keys: 'auto' or a key id for each of {', '.join(wanted)} is wanted")


def _connection(entry: Any, synchronizers: dict[str, Any], where: str) -> dict[str, Any]:
    filled = _filled(entry, _CONNECTION, where)
    if filled["synchronizer"] not in synchronizers:
        raise TopologyError(f"{where}.synchronizer: {filled['synchronizer']!r} is not among the synchronizers")
    filled["alias"] = filled["alias"] or filled["synchronizer"]
    return filled
