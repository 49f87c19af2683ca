"""Too few open files: told before anything is opened, or met with more processes."""

import resource

from .program import ANY_VERDICT, QUICK, Program


def test_a_target_that_cannot_hold_so_many_is_not_possible(program: Program) -> None:
    ended = program.measure(
        QUICK + "sweep: {load.idle: [5000, 6000]}\n", "--seed", "1", limits={resource.RLIMIT_NOFILE: 64}
    )
    assert ended.code == 3
    for trial in program.document()["trials"]:
        wanted = trial["factors"]["load.idle"] + 4
        assert (trial["state"], trial["requests"]) == ("not possible", 0)
        assert trial["reason"].startswith(f"{wanted:,} connections are needed; the target can hold 48 here")
        assert f"not possible: {trial['reason']}" in ended.stderr
    program.check_drawable()


def test_what_is_possible_is_measured_beside_it(program: Program) -> None:
    profile = QUICK + "sweep: {load.idle: [0, 5000]}\n"
    ended = program.measure(profile, ANY_VERDICT, limits={resource.RLIMIT_NOFILE: 256})
    states = {trial["factors"]["load.idle"]: trial["state"] for trial in program.document()["trials"]}
    assert ended.code == 0
    assert states == {0: "done", 5000: "not possible"}


def test_several_holders_share_what_one_cannot_hold(program: Program) -> None:
    ended = program.driven("--fleet-open-files", "300").measure(QUICK, "--set", "load.idle=1000", ANY_VERDICT)
    (trial,) = program.document()["trials"]
    assert ended.code == 0
    assert (trial["idle"]["holders"], trial["idle"]["opened"], trial["idle"]["alive"]) == (4, 1000, 1000)


def test_more_than_all_holders_can_hold_is_not_possible(program: Program) -> None:
    ended = program.driven("--fleet-open-files", "50").measure(QUICK, "--set", "load.idle=5k")
    (trial,) = program.document()["trials"]
    assert ended.code == 3
    assert trial["state"] == "not possible"
    assert trial["reason"] == (
        "5,000 idle connections do not fit in 256 processes with 50 open files each: "
        "raise the hard limit (ulimit -Hn) or ask for fewer"
    )
    program.check_drawable()
