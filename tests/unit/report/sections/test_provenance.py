import yaml

from loadlab.report.sections.provenance import Fact, facts_of, format_profile, machine_of, sections_of
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument

from ..laid_out import run_of


def test_the_key_facts(sample_run: RunDirectory) -> None:
    assert [*facts_of(sample_run.read_document())] == [
        "15 trials (13 done, 1 failed, 1 not possible)",
        "2026-10-14 17:05 UTC",
        "1 min 18 s",
        "bench-1, 2 cores",
    ]


def test_a_server_that_ran_already_is_named_unless_the_sweep_does(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    running = {**document.profile, "target": {"address": "127.0.0.1:8080", "pid": None}}
    assert "the server at 127.0.0.1:8080" in facts_of(document.model_copy(update={"profile": running}))
    compared = {**running, "sweep": {"target.address": ["127.0.0.1:8080", "127.0.0.1:8081"]}}
    facts = facts_of(document.model_copy(update={"profile": compared}))
    assert not any("server at" in fact for fact in facts)


def test_an_interrupted_run_says_what_is_missing(sample_run: RunDirectory) -> None:
    document = sample_run.read_document().model_copy(update={"finished": None, "trials_planned": 20})
    counted, *others = facts_of(document)
    assert counted == "20 trials (13 done, 1 failed, 1 not possible, 5 not run)"
    assert "did not finish" in others
    assert "interrupted" in facts_of(document.model_copy(update={"interrupted": True}))


def test_the_machine_and_which_cores_each_side_had(sample_run: RunDirectory) -> None:
    machine = [*machine_of(sample_run.read_document())]
    assert Fact("Placement", "client on CPU 1; target on CPU 0") in machine
    assert Fact("Memory", "24 GiB") in machine


def test_a_microbenchmark_has_one_side(wait_cost: RunDocument) -> None:
    trials = [trial.model_copy(update={"placement": {"load": [0, 1]}}) for trial in wait_cost.trials]
    assert Fact("Placement", "CPU 0, 1") in [*machine_of(wait_cost.model_copy(update={"trials": trials}))]


def test_the_profile_is_shown_as_it_was_run(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    changed = {**document.profile, "load": {**document.profile["load"], "connections": 77, "rate": None}, "expect": []}
    [section] = sections_of(run_of(document.model_copy(update={"profile": changed})))
    assert yaml.safe_load(section.profile)["load"]["connections"] == 77
    assert "  load.idle: [0, 1000, 5000, 10000, 19000]\n" in section.profile
    # What was left open or empty is not shown.
    assert not {"rate", "expect"} & {line.strip().partition(":")[0] for line in section.profile.splitlines()}
    assert section.profile.index("target:") < section.profile.index("sweep:")
    assert section.command == "loadlab run profiles/select-vs-epoll.yaml"
    assert section.machine[0].name == "Machine"


def test_lists_of_mappings_stay_readable() -> None:
    assert format_profile({"load": {"mix": [{"path": "/a", "weight": 2}]}, "probes": ["procfs"], "none": None}) == (
        "load:\n  mix:\n  - path: /a\n    weight: 2\nprobes: [procfs]\n"
    )
