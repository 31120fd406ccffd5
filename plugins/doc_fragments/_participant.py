# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection options: for one participant at the top level, for two inside C(source) and C(target)."""

from __future__ import annotations

import textwrap

_OPTIONS = """\
ledger_endpoint:
  description: Address of the ledger API, as V(host:port). Required to read or write contracts, users or parties of the ledger API.
  type: str
tls:
  description: Whether to use TLS. When not set, TLS is used if a CA or client certificate is set.
  type: bool
ledger_tls:
  description: Whether to use TLS for the ledger API, if it differs from the admin API.
  type: bool
ca_cert:
  description: PEM file with the CA of the node's certificate. Default is gRPC's own CA bundle.
  type: path
client_cert:
  description: PEM file with the client certificate, for mutual TLS.
  type: path
client_key:
  description: PEM file with the private key of the client certificate.
  type: path
server_name:
  description: Expected name in the node's certificate, if it differs from the host in the address.
  type: str
token:
  description:
    - Bearer token of the admin API, and of the ledger API unless a separate token is set.{token}
  type: str
token_file:
  description: File with the bearer token. It is read at every call, so a short-lived token can be renewed during the run.
  type: path
ledger_token:
  description:
    - Bearer token of the ledger API.{ledger_token}
  type: str
ledger_token_file:
  description: File with the bearer token of the ledger API.
  type: path
timeout:
  description: Deadline of one call in seconds. Streams have no deadline.
  type: float
  default: 60.0
ready_timeout:
  description: Seconds to wait for a node that is starting.
  type: float
  default: 60.0
api_descriptors:
  description: Descriptor-set file of the node's API, with all imports. Required only without gRPC reflection.
  type: path
description_cache:
  description: File in which the node's description of its API, read by gRPC reflection, is kept for the tasks after this one. It is used for ten
    minutes, while the node at this address has the same id and release, and has mode 0600. Its folder must exist. Not for Canton 2.
  type: path
  version_added: 0.4.0
"""
_RUNS_WHERE = """
requirements:
  - grpcio and protobuf on the host that runs the module
notes:
  - The module runs on a host that reaches both APIs and has the libraries, usually the controller (C(connection=local)
    with C(ansible_python_interpreter={{ ansible_playbook_python }})).
  - It supports Canton 2.8 to 2.10, 3.4 and 3.5. A synchronizer is called domain in Canton 2.
"""


def _options(depth: int, *variables: str) -> str:
    """The options of a connection but ``endpoint``, indented by ``depth``; ``variables`` are the defaults of both tokens."""
    defaults = [f"\n    - Default is the environment variable E({name})." for name in variables] or ["", ""]
    return textwrap.indent(_OPTIONS.format(token=defaults[0], ledger_token=defaults[1]), " " * depth)


def _node(name: str, *text: str) -> str:
    """The option ``name`` with the connection of one participant that must be reached: no dossier stands in for it."""
    lines = "".join(f"\n      - {line}" for line in text)
    return f"""
options:
  {name}:
    description:{lines}
    type: dict
    suboptions:
      endpoint:
        description: Address of the admin API, as V(host:port).
        type: str
        required: true
{_options(6)}"""


def _side(
    name: str, *more: str, text: str = "", kind: str = "dict\n    required: true", member: str = "", besides: str = ""
) -> str:
    """The option ``name`` with the connection of one participant, or of each ``member`` of a list; ``more`` are paragraphs,
    ``besides`` are further options of that participant."""
    text = "".join(f"\n      - {line}" for line in (text or f"Connection options of the {name} participant.", *more))
    return f"""
options:
  {name}:
    description:{text}
    type: {kind}
    suboptions:
      endpoint:
        description:
          - Address of the admin API, as V(host:port).
          - Either this or O({name}{member}.dossier) is required.
        type: str
      dossier:
        description: File written by M(ledgerops.canton.participant_dossier), on the host that runs the module. It replaces a participant that cannot
          be reached from this host. Changes of the participant are then refused.
        type: path
      dossier_uid:
        description: Expected id of the participant in the dossier. The dossier of another participant is refused.
        type: str
{_options(6)}{textwrap.indent(besides, " " * 6)}"""


class ModuleDocFragment:
    # what is computed has a type: ansible-test parses plain assignments as text
    DOCUMENTATION: str = f"""
options:
  endpoint:
    description: Address of the admin API, as V(host:port).
    type: str
    required: true
{_options(2, "CANTON_TOKEN", "CANTON_LEDGER_TOKEN")}{_RUNS_WHERE}"""

    SOURCE: str = _side("source")

    OPTIONAL_SOURCE: str = _side("source", "Not needed with O(state=imported) and O(state=verified).", kind="dict")

    TARGET: str = _side("target") + _RUNS_WHERE

    IN_USE_BY: str = _side(
        "in_use_by",
        "Requires grpcio and protobuf where the module runs.",
        text="Participants that may use the key. Before the key or a replica is deleted, and before an alias is moved or "
        "removed, the keys of each participant are read. If one lists the key, under any name or as its wrapper key, or "
        "cannot be reached, the task fails and changes nothing.",
        kind="list\n    elements: dict",
        member="[]",
    )

    ROOT_HOLDERS: str = _side(
        "root_holders",
        text="Participants that hold the root keys of further namespaces whose parties move, without a synchronizer connection. They are read only "
        "while such a delegation is missing.",
        kind="list\n    elements: dict\n    default: []",
        member="[]",
        besides="""\
namespace:
  description: Fingerprint of the namespace. Default is the participant's own.
  type: str
""",
    )

    BROADCAST_BY: str = _node(
        "broadcast_by",
        "Connection options of another participant, connected to synchronizers of this one. It hands them the signed change.",
        "Required if this participant cannot send it itself, because it holds none of the keys that are in force on its "
        "synchronizers, or is not connected. The change is then also verified on those synchronizers.",
    )

    SYNCHRONIZERS = r"""
options:
  source_synchronizer:
    description: Alias or id of the source's synchronizer.
    type: str
    required: true
  target_synchronizer:
    description: Alias or id of the target's synchronizer.
    type: str
    required: true
"""
