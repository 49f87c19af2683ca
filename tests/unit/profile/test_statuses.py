"""Statuses that count as success: a number, a class, a list."""

from pathlib import Path

import pytest

from loadlab.profile import LoadProfile, plan_trials
from tests.unit.profile.reading import find_mistakes, read_load_profile

PROFILE = """\
name: x
target: {server: epoll}
load: {connections: 1, duration: 1s, expect_status: %s}
"""


@pytest.mark.parametrize(
    ("written", "some", "others"),
    [
        ("204", {204}, {200, 205}),
        ("'204'", {204}, {200}),
        ("2xx", {200, 204, 299}, {199, 300}),
        ("4XX", {400, 499}, {399, 500}),
        ("[200, 404]", {200, 404}, {201}),
        ("[2xx, 301]", {200, 299, 301}, {300, 302}),
        ("[5xx, 500]", {500, 599}, {499}),
    ],
)
def test_all_that_are_meant(tmp_path: Path, written: str, some: set[int], others: set[int]) -> None:
    (request,) = read_load_profile(tmp_path, PROFILE % written).requests
    assert some <= request.expected_statuses
    assert not others & request.expected_statuses


def test_by_default_success_and_redirects(tmp_path: Path) -> None:
    (request,) = read_load_profile(tmp_path, PROFILE.replace(", expect_status: %s", "")).requests
    assert request.expected_statuses == frozenset(range(200, 400))


@pytest.mark.parametrize("written", ["204", "2xx", "[2xx, 404]"])
def test_dumped_as_json_they_mean_the_same(tmp_path: Path, written: str) -> None:
    profile = read_load_profile(tmp_path, PROFILE % written)
    assert LoadProfile.model_validate(profile.model_dump(mode="json", by_alias=True)) == profile


def test_one_status_or_class_may_be_swept(tmp_path: Path) -> None:
    profile = read_load_profile(tmp_path, PROFILE % "200" + "sweep: {load.expect_status: [404, 5xx]}\n")
    swept = {trial.factors["load.expect_status"] for trial in plan_trials(profile, seed=1)}
    assert swept == {404, "5xx"}


RULE = "must be a status such as 200, a class such as 2xx, or a list of them, not"


@pytest.mark.parametrize(
    ("written", "reported"),
    [
        ("20", "x.yaml:3:53: load.expect_status: must be at least 100, not 20"),
        ("600", "x.yaml:3:53: load.expect_status: must be at most 599, not 600"),
        ("6xx", f"x.yaml:3:53: load.expect_status: {RULE} '6xx'"),
        ("2x", f"x.yaml:3:53: load.expect_status: {RULE} '2x'"),
        ("2.5", f"x.yaml:3:53: load.expect_status: {RULE} 2.5"),
        ("2k", f"x.yaml:3:53: load.expect_status: {RULE} '2k'"),
        ("true", f"x.yaml:3:53: load.expect_status: {RULE} true"),
        ("{a: 1}", f"x.yaml:3:53: load.expect_status: {RULE} a mapping"),
        ("[200, ok]", f"x.yaml:3:59: load.expect_status: {RULE} 'ok'"),
        ("[[200]]", f"x.yaml:3:54: load.expect_status: {RULE} a list"),
        ("[]", "x.yaml:3:53: load.expect_status: must not be empty"),
    ],
)
def test_what_is_no_status(tmp_path: Path, written: str, reported: str) -> None:
    assert find_mistakes(tmp_path, PROFILE % written) == [reported]
