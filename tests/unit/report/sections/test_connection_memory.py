from loadlab.report.idle_memory import MEMORY_OF_ONE, MEMORY_PARTS
from loadlab.report.layout import Arrangement, arrange
from loadlab.report.panels import Split, stack
from loadlab.report.sections.connection_memory import describe_split, memory_table, note_on
from loadlab.report.sections.figures import figures_of
from loadlab.results.idle import IdleSummary
from loadlab.results.run import RunDocument


def disturbed_at(million: RunDocument, dead: int) -> Arrangement:
    """The run, but with as many idle connections the target had less memory in use than before."""
    trials = [
        trial.model_copy(
            update={"connection_memory": trial.connection_memory.model_copy(update={"target_bytes": -2_000 * dead})}
        )
        if trial.connection_memory and trial.factors["load.idle"] == dead
        else trial
        for trial in million.trials
    ]
    return arrange(million.profile, trials)


def only_at(arrangement: Arrangement, dead: int) -> Arrangement:
    """A run of that one setting."""
    trials = [
        trial for setting in arrangement.settings for trial in setting.trials if trial.factors["load.idle"] == dead
    ]
    return arrange({}, trials)


def test_of_one_setting_the_parts_are_rows_of_its_table(million: RunDocument) -> None:
    table = figures_of(only_at(arrange(million.profile, million.trials), 1_000_000))
    assert table is not None
    assert table.rows[-6:] == (
        ("Memory of one idle connection", "6.88 KiB"),
        ("Memory of one idle connection: kernel, both ends", "6.15 KiB"),
        ("Memory of one idle connection: target", "500 B"),
        ("Memory of one idle connection: client", "250 B"),
        ("Number of idle connections in a GiB, the server's end", "294,000"),
        ("Number of idle connections in a GiB, both ends", "152,000"),
    )
    assert "the kernel holds it twice" in table.note


def test_a_part_below_zero_leaves_the_trial_without_any_part(million: RunDocument) -> None:
    table = figures_of(only_at(disturbed_at(million, 1_000_000), 1_000_000))
    assert table is not None
    assert "idle connection" not in " ".join(name for name, _ in table.rows)
    assert table.note.startswith("There are no figures where a part came out below zero")


def test_the_note_says_only_what_is_due(million: RunDocument) -> None:
    undisturbed = note_on(arrange(million.profile, million.trials))
    assert "divided by their number" in undisturbed
    assert "below zero" not in undisturbed
    assert "Few connections" not in undisturbed
    assert "below zero" in note_on(disturbed_at(million, 1_000_000))
    assert note_on(only_at(arrange(million.profile, million.trials), 0)) == ""


def test_too_few_connections_have_no_figure_and_the_note_says_so(million: RunDocument) -> None:
    *many, last = million.trials
    idle = IdleSummary(wanted=100, opened=100, alive_at_start=100, alive=100, open_seconds=0.1, holders=1)
    few = last.model_copy(update={"idle": idle, "connection_memory": None})
    assert "Few connections have no figure" in note_on(arrange(million.profile, [*many, few]))


def test_a_disturbed_trial_is_neither_drawn_nor_told(million: RunDocument) -> None:
    arrangement = disturbed_at(million, 1_000_000)
    [text] = describe_split(arrangement)
    assert "1,000,000" not in text
    drawn = stack(arrangement, Split("Where it is", MEMORY_PARTS, "per connection"))
    assert drawn is not None
    assert [heights[-1] for heights in drawn.panels[0].heights] == [None, None, None]
    assert MEMORY_OF_ONE.read(arrangement.settings[-1].trials[0]) is None


def test_a_single_server_is_named_where_its_memory_is_told(million: RunDocument) -> None:
    last = million.trials[-1]
    factors = {"target.server": "epoll", **last.factors}
    [text] = describe_split(arrange(million.profile, [last.model_copy(update={"factors": factors})]))
    assert text.startswith("One idle connection takes 6.88 KiB of memory with epoll at 1,000,000 idle connections: ")


def of_two_servers(million: RunDocument) -> Arrangement:
    """Of WebSockets, of which the second server keeps more."""
    last = million.trials[-1]
    assert last.connection_memory is not None
    idle = IdleSummary(wanted=9, opened=9, alive_at_start=9, alive=9, open_seconds=0.1, holders=1, protocol="websocket")
    memory = last.connection_memory
    heavy = memory.model_copy(
        update={
            "target_bytes": memory.target_bytes + 1000 * memory.connections,
            "bytes_per_connection": memory.bytes_per_connection + 1000,
        }
    )
    trials = [
        last.model_copy(
            update={"factors": {**last.factors, "target.server": server}, "idle": idle, "connection_memory": each}
        )
        for server, each in (("epoll", memory), ("node", heavy))
    ]
    return arrange({"plot": {"x": "load.idle"}}, trials)


def test_of_several_servers_each_has_a_row_and_its_number_in_a_gib(million: RunDocument) -> None:
    table = memory_table(of_two_servers(million))
    assert table is not None
    assert table.title == "How many idle WebSockets fit into a GiB, and what one takes, at 1,000,000 idle WebSockets"
    assert table.rows == (
        ("epoll", "294,000", "152,000", "6.88 KiB", "6.15 KiB", "500 B", "250 B"),
        ("node", "231,000", "133,000", "7.86 KiB", "6.15 KiB", "1.46 KiB", "250 B"),
    )
    [text] = describe_split(of_two_servers(million))
    assert text == (
        "A GiB holds so many idle WebSockets at the server's end: epoll 294,000 and node 231,000; with both ends: "
        "152,000 and 133,000."
    )


def test_lines_over_names_have_one_figure_each_where_the_place_does_not_matter(million: RunDocument) -> None:
    two = of_two_servers(million)
    trials = [
        trial.model_copy(update={"factors": {"load.connection": connection, "target.server": server}})
        for setting, server in zip(two.settings, ("epoll", "node"), strict=True)
        for trial in setting.trials
        for connection in ("keep-alive", "per-request")
    ]
    [text] = describe_split(arrange({"plot": {"x": "load.connection"}}, trials))
    assert "at the server's end: epoll 294,000 and node 231,000; with both ends" in text
    elsewhere = arrange({"plot": {"x": "target.server"}}, trials)
    assert "keep-alive" not in text
    [mixed] = describe_split(elsewhere)
    assert mixed.count("connections kept alive") == 2


def test_a_single_server_needs_no_table_of_its_memory(million: RunDocument) -> None:
    assert memory_table(arrange(million.profile, million.trials)) is None
