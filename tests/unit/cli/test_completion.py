"""What a shell offers on Tab, asked as bash asks."""

import pytest
from typer.testing import CliRunner

from loadlab.cli.completion import complete_profiles, complete_servers, complete_settings
from loadlab.cli.verbs import app
from loadlab.installation import bundled_directory
from loadlab.targets import catalog


def offered(line: str) -> list[str]:
    """Return what is offered for the last word of a line."""
    asked = {"_LOADLAB_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    shown = CliRunner().invoke(app, env=asked, prog_name="loadlab")
    assert shown.exit_code == 0
    return shown.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("loadlab ser", ["serve"]),
        ("loadlab run select-", ["select-vs-epoll"]),
        ("loadlab doctor slow", ["slow-senders"]),
        ("loadlab serve epoll-", ["epoll-processes", "epoll-threads"]),
        ("loadlab run my.yaml --set load.conn", ["load.connection=", "load.connections="]),
        ("loadlab hit --unix", ["--unix-socket"]),
        ("loadlab hit --c", ["--connections", "--cacert", "--cert", "--cluster", "--calibrate"]),
        ("loadlab hit -m P", ["PATCH", "POST", "PUT"]),
        ("loadlab hit --probes procfs,s", ["procfs,sockets", "procfs,syscalls"]),
        ("loadlab export RUN --format j", ["json", "junit"]),
        ("loadlab ab select-", ["select-vs-epoll"]),
        ("loadlab ab my.yaml --a target.pool", ["target.pool="]),
        ("loadlab ab A B --on p9", ["p90", "p99"]),
        ("loadlab run my", []),  # so the shell offers files
    ],
)
def test_the_word_at_the_cursor_is_completed(line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_all_that_ships_is_offered() -> None:
    assert complete_profiles("") == sorted(path.stem for path in bundled_directory("profiles").glob("*.yaml"))
    assert complete_servers("") == list(catalog())


def test_settings_are_those_of_all_kinds_of_profiles_and_of_all_servers() -> None:
    settings = complete_settings("")
    assert {"load.idle=", "target.server=", "target.pool=", "wait.descriptors=", "repeat=", "probes="} <= set(settings)
    assert not {"name=", "kind=", "sweep="} & set(settings)
    assert settings == sorted(set(settings))
