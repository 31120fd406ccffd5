#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_package
short_description: Copy DARs from one participant to another and vet them there
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - Compares the DARs of two participants, uploads missing DARs to the target, and vets on the target's synchronizer
    what the source vets on its synchronizer. Packages of these DARs that the source does not vet are not vetted, and the
    bounds in time of a vetting are those of the source.
  - What the target vets already stays vetted. Packages that the source vets with other bounds get the bounds of the source.
  - Built-in administrative workflows are not changed. Further DARs can be set as files.
  - A Canton 2 target vets while it is disconnected. Until it is connected, the result is verified in its own store.
  - An import of contracts requires their packages in the target's store. Every transaction requires them vetted.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._participant.synchronizers
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  exclude:
    description: Names or main package ids of DARs that are not copied.
    type: list
    elements: str
    default: []
  files:
    description: DAR files, on the host that runs the module, to upload in addition to the source's DARs. All packages of such
      a file are vetted, unless the source vets its main package.
    type: list
    elements: path
    default: []
  vet:
    description: Whether to vet the packages. V(false) is for a target with the identity of the source. The vetting of that
      identity exists on the synchronizer, and the target must not be connected yet.
    type: bool
    default: true
    version_added: 0.3.0
  wait_timeout:
    description: Seconds to wait until the change is visible on the synchronizer.
    type: float
    default: 120.0
"""

EXAMPLES = r"""
- name: Copy all DARs to the new participant
  ledgerops.canton.participant_package:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
    source_synchronizer: old
    target_synchronizer: new
"""

RETURN = r"""
uploaded:
  description: Main package ids of the DARs that the target lacked.
  returned: always
  type: list
  elements: str
vetted:
  description: Main package ids of the DARs with packages that were not vetted on the target's synchronizer as the source
    vets them.
  returned: always
  type: list
  elements: str
unreachable_packages:
  description: Packages that the source vets but that are in no DAR of the source. Upload them manually if contracts use them.
  returned: always
  type: list
  elements: str
"""

import os

from ..module_utils._connection import SYNCHRONIZERS, Params
from ..module_utils._outcome import Outcome
from ..module_utils._participant.copying import packages
from ..module_utils._participant.model.interface import Reader
from ..module_utils._runner import read_file, run_pair

SPEC = {
    **SYNCHRONIZERS,
    "exclude": {"type": "list", "elements": "str", "default": []},
    "files": {"type": "list", "elements": "path", "default": []},
    "vet": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 120.0},
}


def ensure(params: Params, source: Reader, target: Reader, check: bool) -> Outcome:
    files = {os.path.basename(path): read_file(path) for path in params["files"]}
    return packages.ensure_copied(params, source, target, check, files, params["vet"])


def main() -> None:
    run_pair(SPEC, ensure)


if __name__ == "__main__":
    main()
