# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a running network: knobs, which are in force at once, and the parts of a participant's configuration that may
change, which a node reads when it starts, as a real one reads its configuration file."""

from __future__ import annotations

from typing import Any

from sandbox.cli import topology_file
from sandbox.cli.control import NetworkError
from sandbox.state import participants
from sandbox.state.store import Store
from sandbox.wire.release import release

_READ_AT_START = ("crypto", "kms_provider", "kms_endpoint", "kms_region", "kms_ring", "preview_commands")


def turn(store: Store, name: str, key: str, value: Any) -> None:
    """Turn a knob, or change the configuration with which a participant starts the next time. Raises NetworkError."""
    if key in _READ_AT_START:
        _check(store, name, key, value)
    store.set_knob(name, key, value)


def _check(store: Store, name: str, key: str, value: Any) -> None:
    with store.read() as db:
        config = participants.config(db, name)
    if config is None:
        raise NetworkError(f"this network has no participant {name}")
    if release(config["release"]).dialect == "v0":
        # nobody has seen yet what a node of Canton 2 does then
        raise NetworkError(f"the {key} of a participant of Canton {config['release']} can't be changed")
    try:
        topology_file.check_value(key, value)
    except topology_file.TopologyError as error:
        raise NetworkError(str(error)) from error


def coming(store: Store, name: str) -> dict[str, Any]:
    """The configuration with which a participant starts the next time; ``KeyError`` for an unknown name."""
    with store.read() as db:
        config = participants.config(db, name)
    if config is None:
        raise KeyError(f"this network has no participant {name}")
    return {**config, **{key: store.knob(name, key, config[key]) for key in _READ_AT_START}}


def take_effect(store: Store, name: str) -> None:
    """What a start does: from now on this is the configuration in force."""
    config = coming(store, name)
    with store.write() as db:
        participants.set_config(db, name, config)
