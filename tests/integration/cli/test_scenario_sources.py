"""What was checked of a scenario is what runs, and what the run directory keeps."""

from .program import ANY_VERDICT, Program

PROFILE = """\
name: sources
target: {server: coroutine}
load: {scenario: shop.py:greet, connections: 2, warmup: 50ms, duration: 300ms, timeout: 2s, workers: 1}
sweep: {load.scenario: [shop.py:greet, shop.py:greet_twice]}
"""
# The first of its processes spoils the file for all others that would read it.
SHOP = """\
import helpers

FILE = {file!r}

async def setup(shared):
    with open(FILE, "w") as file:
        file.write("this is no Python")

async def greet(user):
    await helpers.get(user)

async def greet_twice(user):
    await helpers.get(user)
    await helpers.get(user)
"""
HELPERS = "async def get(user):\n    await user.http.get('/hello')\n"


def test_a_file_that_changes_during_a_run_changes_nothing(program: Program) -> None:
    shop, helpers = program.directory / "shop.py", program.directory / "helpers.py"
    source = SHOP.format(file=str(shop))
    shop.write_text(source)
    helpers.write_text(HELPERS)
    ended = program.measure(PROFILE, ANY_VERDICT)
    assert ended.code == 0, ended
    assert shop.read_text() == "this is no Python"
    document = program.document()
    assert [trial["state"] for trial in document["trials"]] == ["done", "done"]
    assert {trial["factors"]["load.scenario"] for trial in document["trials"]} == {
        "shop.py:greet",
        "shop.py:greet_twice",
    }
    assert all(kind["requests"] > 0 for trial in document["trials"] for kind in trial["kinds"])
    kept = program.run_directory() / "scenario"
    assert {file.name: file.read_text() for file in kept.iterdir()} == {"shop.py": source, "helpers.py": HELPERS}
    assert program.run("report", str(program.run_directory())).code == 0
