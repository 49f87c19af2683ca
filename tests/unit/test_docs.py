"""What README and docs/ say that the tree can confirm: links, paths, commands, codes of findings, names in run.json."""

import ast
import itertools
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import typer.main
from pydantic import BaseModel
from typer.core import TyperGroup

import loadlab
from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.cli.verbs import app
from loadlab.profile import load_profile
from loadlab.profile.finding import find_profile
from loadlab.report.sections import glossary
from loadlab.results.idle import IdleProtocol
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadProtocol
from loadlab.results.vocabulary import vocabulary_for

ROOT: Final = Path(loadlab.__file__).parents[1]
DOCUMENTS: Final = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
SOURCES: Final = sorted(
    path for top in ("loadlab", "targets", "benchmarks", "tests") for path in ROOT.glob(f"{top}/**/*.py")
)

LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
NAMED_PATH: Final = re.compile(r"(?<![\w./-])((?:loadlab|targets|benchmarks|profiles|docs|tests)/[\w./-]*\w)")
CODE_BLOCK: Final = re.compile(r"```.*?```", re.DOTALL)
PLACEHOLDERS: Final = ("profiles/x.yaml",)


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if not link.startswith(("http:", "https:", "mailto:"))]
    assert [link for link in links if not leads_somewhere(document, link)] == []


def leads_somewhere(document: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    path = document.parent / file if file else document
    return path.exists() and (not anchor or anchor in anchors_of(path.read_text()))


def anchors_of(markdown: str) -> set[str]:
    """The anchors of the headings of a file, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    assert missing_files(document.read_text()) == []


def test_every_file_that_a_docstring_or_a_comment_names_exists() -> None:
    assert [f"{by_name(source)}: {path}" for source in SOURCES for path in missing_files(prose_of(source))] == []


def missing_files(text: str) -> list[str]:
    named = set(NAMED_PATH.findall(text)).difference(PLACEHOLDERS)
    return sorted(path for path in named if not exists(path))


def prose_of(source: Path) -> str:
    """What of a module is written for readers: its docstrings and comments."""
    text = source.read_text()
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, holders)]
    return "\n".join([*docstrings, *re.findall(r"^\s*# .*$", text, re.MULTILINE)])


def exists(path: str) -> bool:
    """Whether a path of the project exists; in prose a module goes without its ending."""
    return (ROOT / path).exists() or (ROOT / f"{path}.py").exists()


def documented_commands() -> set[tuple[Path, str]]:
    """The lines of code blocks that run loadlab, without what is explained behind them, each with its directory.

    That is the root of the project, or for a recipe its own.
    """
    found = set()
    for document in DOCUMENTS:
        directory = document.parent if (document.parent / "profile.yaml").exists() else ROOT
        lines = re.findall(r"^(?: {4,}|\$ )(?:\.venv/bin/)?loadlab (\S.*)$", document.read_text(), re.MULTILINE)
        found |= {(directory, re.split(r" {2,}| # ", line)[0]) for line in lines}
    return found


COMMANDS: Final = sorted(documented_commands())
RUNS: Final = [
    (directory, line)
    for directory, line in COMMANDS
    if line.startswith("run ") and not line.startswith(("run my.", "run http"))
    # A profile whose certificates its reader makes is tested with them, by tests/integration/recipes.
    if not (directory / "make-certificates.sh").exists()
]


@pytest.mark.parametrize("line", sorted({line for _, line in COMMANDS}))
def test_every_command_that_is_shown_exists(line: str) -> None:
    """One line may name several verbs: `loadlab targets | profiles | schema`. What it is piped to is not ours."""
    command = shlex.split(line)
    if command[1:2] != ["|"]:
        command = [*itertools.takewhile(lambda word: word != "|", command)]
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    verbs = {command[0], *(word for before, word in itertools.pairwise(command) if before == "|")}
    assert verbs <= group.commands.keys()
    verb = group.commands[command[0]]
    known = {name for parameter in verb.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    options = {word.partition("=")[0] for word in command if word.startswith("--")}
    # What follows the name of a server is for that server.
    assert options <= known or not verb.context_settings.get("allow_interspersed_args", True)


@pytest.mark.parametrize(("directory", "line"), RUNS)
def test_every_run_that_is_shown_is_a_valid_profile(directory: Path, line: str) -> None:
    _verb, name, *options = shlex.split(line)
    changes = [word for before, word in itertools.pairwise(options) if before == "--set"]
    profile = directory / name if name.endswith(".yaml") else find_profile(name)
    load_profile(profile, changes, servers=targets.catalog(), metrics=metric_names())


def test_every_shipped_profile_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [path.stem for path in ROOT.glob("profiles/*.yaml") if f"`{path.stem}`" not in readme] == []


def test_every_finding_is_documented_with_its_severities() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` ([\w, ]+?) \|", (ROOT / "docs/verdict.md").read_text(), re.MULTILINE))
    documented = {code: set(severities.split(", ")) for code, severities in rows.items()}
    assert documented == dict(findings_of(ROOT.glob("loadlab/analysis/verdict/*.py")))


def findings_of(modules: Iterable[Path]) -> Iterator[tuple[str, set[str]]]:
    """The code of each Finding that is made in the modules, with the severities that it can have."""
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                (code,) = strings_in(given["code"])
                yield code, set(strings_in(given["severity"]))


def strings_in(expression: ast.expr) -> list[str]:
    # The condition of `x if condition else y` holds no severity.
    if isinstance(expression, ast.IfExp):
        return [*strings_in(expression.body), *strings_in(expression.orelse)]
    return [expression.value] if isinstance(expression, ast.Constant) and isinstance(expression.value, str) else []


def test_every_term_of_the_page_is_in_the_glossary() -> None:
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    documented = {term.strip().lower() for heading in headings for term in heading.split(",")}
    assert {term.name.lower() for term in terms_of_the_page()} <= documented


def terms_of_the_page() -> Iterator[glossary.Term]:
    """All of its terms, whatever the run: those of its module, and those that depend on what the load speaks."""
    protocols: tuple[LoadProtocol, ...] = get_args(LoadProtocol)
    idle: tuple[IdleProtocol, ...] = get_args(IdleProtocol)
    for words in (vocabulary_for(protocol) for protocol in protocols):
        yield from (*glossary.load_terms(words), *glossary.open_terms(words), glossary.first_term(words))
    yield from (glossary.idle_term(vocabulary_for("http", each)) for each in idle)
    for value in vars(glossary).values():
        yield from (
            each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, glossary.Term)
        )


RUN_DIRECTORY: Final = (ROOT / "docs/run-directory.md").read_text()


def test_every_name_in_run_json_is_documented() -> None:
    prose = set(re.findall(r"[\w.]+", " ".join(re.findall(r"`([^`\n]+)`", RUN_DIRECTORY)).replace("|", " ")))
    example = set(re.findall(r'"([\w.]+)":', RUN_DIRECTORY))
    words = prose | example | {part for word in prose for part in word.split(".")}
    undocumented = {name for name in names_of(RunDocument) if name not in words and not is_documented_as_group(name)}
    assert undocumented == set()


def is_documented_as_group(name: str) -> bool:
    return name.endswith(("_per_request", "_interval"))


def names_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for member in members_of(field.annotation):
            yield from names_of(member)


def members_of(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation has no type of its own
    """The models in an annotation, in unions and containers too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from members_of(argument)


def test_the_example_of_run_json_has_only_names_that_exist() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", RUN_DIRECTORY, re.DOTALL)
    assert list(unknown_names(json.loads(example), RunDocument, "run.json")) == []


def unknown_names(data: object, model: type[BaseModel], place: str) -> Iterator[str]:
    """The names of an example, shortened where "..." stands, that its model does not have."""
    if isinstance(data, list):
        for number, each in enumerate(data):
            yield from unknown_names(each, model, f"{place}.{number}")
        return
    if not isinstance(data, dict):
        return
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for name, value in data.items():
        if name == "...":
            continue
        if name not in fields:
            yield f"{place}.{name}"
        for member in members_of(fields[name].annotation) if name in fields else ():
            yield from unknown_names(value, member, f"{place}.{name}")
