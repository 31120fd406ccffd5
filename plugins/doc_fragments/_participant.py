# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection options: for one participant at the top level, for two inside C(source) and C(target).

The options stand here three times because documentation tools read only plain strings.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  endpoint:
    description:
      - Address of the admin API, as V(host:port).
    type: str
    required: true
  ledger_endpoint:
    description:
      - Address of the ledger API, as V(host:port).
      - Needed where contracts, users or parties of the ledger API are read or written.
    type: str
  tls:
    description:
      - Whether to use TLS.
      - When it is not set, TLS is used if a CA or client certificate is given.
    type: bool
  ledger_tls:
    description:
      - Whether to use TLS for the ledger API, when it differs from the admin API.
    type: bool
  ca_cert:
    description:
      - PEM file with the CA that signed the node's certificate. Without it the CAs of gRPC's own bundle are trusted.
    type: path
  client_cert:
    description:
      - PEM file with the client certificate, for mutual TLS.
    type: path
  client_key:
    description:
      - PEM file with the private key of the client certificate.
    type: path
  server_name:
    description:
      - Name to expect in the node's certificate, when it differs from the host in the address.
    type: str
  token:
    description:
      - Bearer token of the admin API, and of the ledger API when that has no token of its own here.
      - The environment variable E(CANTON_TOKEN) is used when this is not set.
    type: str
  token_file:
    description:
      - File with the bearer token. It is read at every call, so that a short-lived token may be renewed meanwhile.
    type: path
  ledger_token:
    description:
      - Bearer token of the ledger API.
      - The environment variable E(CANTON_LEDGER_TOKEN) is used when this is not set.
    type: str
  ledger_token_file:
    description:
      - File with the bearer token of the ledger API.
    type: path
  timeout:
    description:
      - Seconds after which one call is given up. Streams have no deadline.
    type: float
    default: 60.0
  ready_timeout:
    description:
      - Seconds to wait for a node that is still starting.
    type: float
    default: 60.0
  api_descriptors:
    description:
      - Descriptor-set file of the node's API, made with all imports. Needed only where gRPC reflection is not available.
    type: path

requirements:
  - grpcio and protobuf on the host that runs the module
notes:
  - The module runs wherever both APIs can be reached and the libraries are installed, most often the controller itself
    (C(connection=local) with C(ansible_python_interpreter={{ ansible_playbook_python }})).
  - It speaks to Canton 2.8 to 2.10, 3.4 and 3.5. What Canton 2 calls a domain is a synchronizer here.
"""

    SOURCE = r"""
options:
  source:
    description:
      - How to reach the participant that is moved away from.
    type: dict
    required: true
    suboptions:
      endpoint:
        description:
          - Address of the admin API, as V(host:port).
          - Either this or O(source.dossier) has to be given.
        type: str
      dossier:
        description:
          - File that M(ledgerops.canton.participant_dossier) has written, on the host that runs the module.
          - It stands for a participant that cannot be reached from there. Whatever changes the participant is refused then.
        type: path
      dossier_uid:
        description:
          - Id of the participant that the dossier has to tell of. The dossier of another one is refused.
        type: str
      ledger_endpoint:
        description:
          - Address of the ledger API, as V(host:port).
          - Needed where contracts, users or parties of the ledger API are read or written.
        type: str
      tls:
        description:
          - Whether to use TLS.
          - When it is not set, TLS is used if a CA or client certificate is given.
        type: bool
      ledger_tls:
        description:
          - Whether to use TLS for the ledger API, when it differs from the admin API.
        type: bool
      ca_cert:
        description:
          - PEM file with the CA that signed the node's certificate. Without it the CAs of gRPC's own bundle are trusted.
        type: path
      client_cert:
        description:
          - PEM file with the client certificate, for mutual TLS.
        type: path
      client_key:
        description:
          - PEM file with the private key of the client certificate.
        type: path
      server_name:
        description:
          - Name to expect in the node's certificate, when it differs from the host in the address.
        type: str
      token:
        description:
          - Bearer token of the admin API, and of the ledger API when that has no token of its own here.
        type: str
      token_file:
        description:
          - File with the bearer token. It is read at every call, so that a short-lived token may be renewed meanwhile.
        type: path
      ledger_token:
        description:
          - Bearer token of the ledger API.
        type: str
      ledger_token_file:
        description:
          - File with the bearer token of the ledger API.
        type: path
      timeout:
        description:
          - Seconds after which one call is given up. Streams have no deadline.
        type: float
        default: 60.0
      ready_timeout:
        description:
          - Seconds to wait for a node that is still starting.
        type: float
        default: 60.0
      api_descriptors:
        description:
          - Descriptor-set file of the node's API, made with all imports. Needed only where gRPC reflection is not available.
        type: path
"""

    OPTIONAL_SOURCE = r"""
options:
  source:
    description:
      - How to reach the participant that is moved away from.
      - Not needed with O(state=imported) and O(state=verified).
    type: dict
    suboptions:
      endpoint:
        description:
          - Address of the admin API, as V(host:port).
          - Either this or O(source.dossier) has to be given.
        type: str
      dossier:
        description:
          - File that M(ledgerops.canton.participant_dossier) has written, on the host that runs the module.
          - It stands for a participant that cannot be reached from there. Whatever changes the participant is refused then.
        type: path
      dossier_uid:
        description:
          - Id of the participant that the dossier has to tell of. The dossier of another one is refused.
        type: str
      ledger_endpoint:
        description:
          - Address of the ledger API, as V(host:port).
          - Needed where contracts, users or parties of the ledger API are read or written.
        type: str
      tls:
        description:
          - Whether to use TLS.
          - When it is not set, TLS is used if a CA or client certificate is given.
        type: bool
      ledger_tls:
        description:
          - Whether to use TLS for the ledger API, when it differs from the admin API.
        type: bool
      ca_cert:
        description:
          - PEM file with the CA that signed the node's certificate. Without it the CAs of gRPC's own bundle are trusted.
        type: path
      client_cert:
        description:
          - PEM file with the client certificate, for mutual TLS.
        type: path
      client_key:
        description:
          - PEM file with the private key of the client certificate.
        type: path
      server_name:
        description:
          - Name to expect in the node's certificate, when it differs from the host in the address.
        type: str
      token:
        description:
          - Bearer token of the admin API, and of the ledger API when that has no token of its own here.
        type: str
      token_file:
        description:
          - File with the bearer token. It is read at every call, so that a short-lived token may be renewed meanwhile.
        type: path
      ledger_token:
        description:
          - Bearer token of the ledger API.
        type: str
      ledger_token_file:
        description:
          - File with the bearer token of the ledger API.
        type: path
      timeout:
        description:
          - Seconds after which one call is given up. Streams have no deadline.
        type: float
        default: 60.0
      ready_timeout:
        description:
          - Seconds to wait for a node that is still starting.
        type: float
        default: 60.0
      api_descriptors:
        description:
          - Descriptor-set file of the node's API, made with all imports. Needed only where gRPC reflection is not available.
        type: path
"""

    TARGET = r"""
options:
  target:
    description:
      - How to reach the participant that is moved to.
    type: dict
    required: true
    suboptions:
      endpoint:
        description:
          - Address of the admin API, as V(host:port).
          - Either this or O(target.dossier) has to be given.
        type: str
      dossier:
        description:
          - File that M(ledgerops.canton.participant_dossier) has written, on the host that runs the module.
          - It stands for a participant that cannot be reached from there. Whatever changes the participant is refused then.
        type: path
      dossier_uid:
        description:
          - Id of the participant that the dossier has to tell of. The dossier of another one is refused.
        type: str
      ledger_endpoint:
        description:
          - Address of the ledger API, as V(host:port).
          - Needed where contracts, users or parties of the ledger API are read or written.
        type: str
      tls:
        description:
          - Whether to use TLS.
          - When it is not set, TLS is used if a CA or client certificate is given.
        type: bool
      ledger_tls:
        description:
          - Whether to use TLS for the ledger API, when it differs from the admin API.
        type: bool
      ca_cert:
        description:
          - PEM file with the CA that signed the node's certificate. Without it the CAs of gRPC's own bundle are trusted.
        type: path
      client_cert:
        description:
          - PEM file with the client certificate, for mutual TLS.
        type: path
      client_key:
        description:
          - PEM file with the private key of the client certificate.
        type: path
      server_name:
        description:
          - Name to expect in the node's certificate, when it differs from the host in the address.
        type: str
      token:
        description:
          - Bearer token of the admin API, and of the ledger API when that has no token of its own here.
        type: str
      token_file:
        description:
          - File with the bearer token. It is read at every call, so that a short-lived token may be renewed meanwhile.
        type: path
      ledger_token:
        description:
          - Bearer token of the ledger API.
        type: str
      ledger_token_file:
        description:
          - File with the bearer token of the ledger API.
        type: path
      timeout:
        description:
          - Seconds after which one call is given up. Streams have no deadline.
        type: float
        default: 60.0
      ready_timeout:
        description:
          - Seconds to wait for a node that is still starting.
        type: float
        default: 60.0
      api_descriptors:
        description:
          - Descriptor-set file of the node's API, made with all imports. Needed only where gRPC reflection is not available.
        type: path

requirements:
  - grpcio and protobuf on the host that runs the module
notes:
  - The module runs wherever both APIs can be reached and the libraries are installed, most often the controller itself
    (C(connection=local) with C(ansible_python_interpreter={{ ansible_playbook_python }})).
  - It speaks to Canton 2.8 to 2.10, 3.4 and 3.5. What Canton 2 calls a domain is a synchronizer here.
"""

    SYNCHRONIZERS = r"""
options:
  source_synchronizer:
    description:
      - Alias or id of the synchronizer on the source that is moved away from.
    type: str
    required: true
  target_synchronizer:
    description:
      - Alias or id of the synchronizer on the target that is moved to.
    type: str
    required: true
"""
