# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection options of modules, and the participant that they name."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from ._api.endpoint import Endpoint
from ._participant.dialects.factory import open_participant
from ._participant.model.interface import Participant, Reader

Params = dict[str, t.Any]
Spec = dict[str, t.Any]

# Which synchronizer becomes which; documented in ``_participant.synchronizers``.
SYNCHRONIZERS: Spec = {
    "source_synchronizer": {"type": "str", "required": True},
    "target_synchronizer": {"type": "str", "required": True},
}


def check_dependencies() -> None:
    """Raise DependencyMissing without gRPC. It is loaded late, so that modules that connect to no participant start faster."""
    from ._api import channel

    channel.check_dependencies()


def connection_spec(required: bool = True, from_environment: bool = True) -> Spec:
    """The options that say how to reach one participant; documented in the ``_participant`` fragments."""

    def token_option(variable: str) -> Spec:
        return {"type": "str", "no_log": True, **({"fallback": (env_fallback, [variable])} if from_environment else {})}

    return {
        "endpoint": {"type": "str", "required": required},
        "ledger_endpoint": {"type": "str"},
        "tls": {"type": "bool"},
        "ledger_tls": {"type": "bool"},
        "ca_cert": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path"},
        "server_name": {"type": "str"},
        "token": token_option("CANTON_TOKEN"),
        "token_file": {"type": "path"},
        "ledger_token": token_option("CANTON_LEDGER_TOKEN"),
        "ledger_token_file": {"type": "path"},
        "timeout": {"type": "float", "default": 60.0},
        "ready_timeout": {"type": "float", "default": 60.0},
        "api_descriptors": {"type": "path"},
        "description_cache": {"type": "path"},
    }


def pair_spec() -> Spec:
    """``source`` and ``target``: two participants with the same options inside."""
    return {name: side_spec(required=True) for name in ("source", "target")}


def side_spec(required: bool) -> Spec:
    """One of two participants: how to reach it, or its dossier where it cannot be reached."""
    dossier: Spec = {"dossier": {"type": "path"}, "dossier_uid": {"type": "str"}}
    return {
        "type": "dict",
        "required": required,
        "options": {**connection_spec(required=False, from_environment=False), **dossier},
        "required_together": [("client_cert", "client_key")],
        "required_one_of": [("endpoint", "dossier")],
        "mutually_exclusive": [("endpoint", "dossier")],
    }


def reader_of(options: Params, label: str) -> Reader:
    """The participant or its dossier, by the options of ``side_spec``, checked; ``label`` names it in errors."""
    if not options["dossier"]:
        return participant_of(options, label)
    from ._participant.offline.participant import OfflineParticipant

    return OfflineParticipant(options["dossier"], label, options["dossier_uid"])


def participant_of(options: Params, label: str) -> Participant:
    """The participant at the endpoints in the options of ``connection_spec``, checked; ``label`` names it in errors."""
    tls = options["tls"] if options["tls"] is not None else bool(options["ca_cert"] or options["client_cert"])
    shared = {
        "ca_cert": options["ca_cert"],
        "client_cert": options["client_cert"],
        "client_key": options["client_key"],
        "server_name": options["server_name"],
        "timeout": options["timeout"],
        "ready_timeout": options["ready_timeout"],
        "descriptors_file": options["api_descriptors"],
        "description_cache": options["description_cache"],
    }
    admin = Endpoint(
        options["endpoint"], label, tls=tls, token=options["token"], token_file=options["token_file"], **shared
    )
    ledger = None
    if options["ledger_endpoint"]:
        own_token = options["ledger_token"] or options["ledger_token_file"]
        ledger = Endpoint(
            options["ledger_endpoint"],
            label + "'s ledger API",
            tls=tls if options["ledger_tls"] is None else options["ledger_tls"],
            token=options["ledger_token"] if own_token else options["token"],
            token_file=options["ledger_token_file"] if own_token else options["token_file"],
            **shared,
        )
    return open_participant(admin, ledger)
