# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only keys of AWS have."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.model import AwsKey, Grant, Replica, facts

NODE = "arn:aws:iam::111122223333:role/canton"


ONE, TWO, NAMELESS = Grant("one", NODE, ("Sign",)), Grant("two", NODE, ("Sign",)), Grant("", NODE, ("Sign",))


def test_the_id_of_a_grant_is_no_part_of_what_it_says() -> None:
    given = Grant("one", NODE, ("Sign",), grant_id="1")
    assert given == ONE
    assert facts([given, ONE, TWO]) == [ONE.facts(), TWO.facts()]
    assert given.as_result()["grant_id"] == "1"


def test_result_has_what_only_aws_has() -> None:
    key = AwsKey(
        "enabled", "ec_p256", "sign_verify", {"n": "1"}, "1", "arn:1", description="d", aliases=("alias/b", "alias/a")
    )
    shown = replace(key, grants=(ONE,), primary_region="here", replicas=(Replica("there", "arn:2"),)).as_result()
    assert (shown["arn"], shown["description"], shown["tags"]) == ("arn:1", "d", {"n": "1"})
    assert shown["aliases"] == ["alias/a", "alias/b"]
    assert (shown["primary_region"], shown["replicas"]) == ("here", [{"region": "there", "arn": "arn:2"}])
    assert shown["grants"] == [ONE.as_result()]
    assert AwsKey("enabled", "ec_p256", "sign_verify").as_result()["aliases"] is None
