# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach a key management service."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  region:
    description:
      - AWS region that holds the keys, for example V(eu-central-1).
      - When it is not set, the environment variables E(AWS_REGION) and E(AWS_DEFAULT_REGION) and then the profile
        decide.
    type: str
  endpoint_url:
    description:
      - Another address for AWS KMS than AWS's own, such as a VPC endpoint.
      - When it is not set, E(AWS_ENDPOINT_URL_KMS), E(AWS_ENDPOINT_URL) and then the profile may name one.
    type: str
  profile:
    description:
      - Name of a profile in AWS's shared files, of the user that runs the module.
      - When neither this nor O(access_key) is set, AWS's own sources are used in their usual order, from
        E(AWS_ACCESS_KEY_ID) and E(AWS_PROFILE) to the role of the instance.
    type: str
  access_key:
    description: Access key id. Needs O(secret_key).
    type: str
  secret_key:
    description: Secret access key. Needs O(access_key).
    type: str
  session_token:
    description: Session token of temporary credentials. Needs O(access_key).
    type: str
requirements:
  - boto3 >= 1.28, where the module runs
  - cryptography >= 42, where the module runs
notes:
  - The module runs most often on the controller. Set C(ansible_python_interpreter) to C({{ ansible_playbook_python
    }}) there, so that the Python libraries are found.
  - Every refusal of AWS names the permission that is missing. RV(ignore:error_id) then holds AWS's error code.
"""
