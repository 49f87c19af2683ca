"""What surrounds the program does not change what it measures: files in the current directory, locale, environment."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from .program import ANY_VERDICT, QUICK, Program

SWITCHES = "name: switches\nkind: switch-cost\nswitch: {unit: coroutine, count: 50}\n"


@pytest.mark.parametrize("content", ["import random\nprint(random.randint(1, 6))\n", "print('a script of my own')\n"])
@pytest.mark.parametrize("profile", [QUICK, SWITCHES])
def test_files_of_the_user_named_like_modules_are_not_imported(program: Program, profile: str, content: str) -> None:
    here = program.directory / "here"
    here.mkdir()
    for name in ("random", "json", "struct", "http_protocol", "loadlab"):
        (here / f"{name}.py").write_text(content)
    ended = replace(program, current=here).measure(profile, ANY_VERDICT)
    assert (ended.code, "own" in ended.stdout + ended.stderr) == (0, False)
    assert [trial["state"] for trial in program.document()["trials"]] == ["done"]


def test_bundled_servers_find_their_neighbours_where_pythons_path_is_safe(program: Program) -> None:
    assert replace(program, settings={"PYTHONSAFEPATH": "1"}).measure(QUICK, ANY_VERDICT).code == 0
    assert [trial["state"] for trial in program.document()["trials"]] == ["done"]


@pytest.mark.parametrize(
    "settings", [{}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_profile_may_have_a_name_in_any_script(program: Program, settings: dict[str, str]) -> None:
    ended = replace(program, settings=settings).measure(QUICK.replace("name: quick", "name: 事件驱动"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    name = program.run_directory().name
    assert name.endswith("事件驱动" if "PYTHONUTF8" not in settings else "run")
    assert program.document()["profile"]["name"] == "事件驱动"
    program.check_drawable()


@pytest.fixture(scope="session")
def comma_locale(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the settings of a locale in which one half is written 0,5."""
    directory = tmp_path_factory.mktemp("locale")
    compiler = shutil.which("localedef")
    made = directory / "de_DE.UTF-8"
    if compiler is None or subprocess.run([compiler, "-i", "de_DE", "-f", "UTF-8", made], check=False).returncode > 1:
        pytest.skip("no locale with a decimal comma can be made here")
    return {"LOCPATH": str(directory), "LC_ALL": "de_DE.UTF-8"}


@pytest.mark.parametrize("tracer", ["perf", "strace"])
def test_a_locale_with_a_decimal_comma_costs_no_probe(
    program: Program, comma_locale: dict[str, str], tracer: str
) -> None:
    ended = replace(program, settings=comma_locale).measure(QUICK, "--set", f"probes=[syscalls:{tracer}]", ANY_VERDICT)
    (trial,) = program.document()["trials"]
    probe = trial["probes"]["syscalls"]
    if probe["backend"] is None:
        pytest.skip(f"{tracer} does not work here: {probe['missed']}")
    assert ended.code == 0
    assert probe["problems"] == []
    assert sum(probe["calls_per_request"].values()) > 0
