"""The page: one HTML file that works offline, of a heading and the sections of a run."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from loadlab.report.certainty import Clause, describe_certainty
from loadlab.report.contents import contents_of
from loadlab.report.drawing.figure import mark_of
from loadlab.report.layout import format_scalar
from loadlab.report.load_model import describe_load, model_suffix
from loadlab.report.sections import sections_of
from loadlab.report.sections.glossary import Glossary
from loadlab.report.sections.overview import overview_of
from loadlab.report.sections.provenance import facts_of
from loadlab.report.sections.section import Run, Section
from loadlab.results.directory import RunDirectory

_HERE: Final = Path(__file__).parent


def render(run_dir: RunDirectory) -> str:
    """Return the page of a run as HTML, from what is in its directory and nothing else.

    Raises ReportError when the directory cannot be read.
    """
    readers = (run_dir.read_latencies, run_dir.read_stacks, run_dir.read_latency_rounds)
    return _fill_template(build_page(Run.of(run_dir.read_document(), *readers)))


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows, in its order, and nothing of how it looks.

    The first screen has the question (`about`), the answer, and how sure that is. `model` is what the headings of its
    load model end with, which the contents leave out.
    """

    title: str
    about: str
    answer: tuple[str, ...]
    verdict: str
    certainty: tuple[Clause, ...]
    facts: tuple[str, ...]
    model: str
    sections: tuple[Section, ...]


def build_page(run: Run) -> Page:
    """Return the page of a run."""
    document = run.document
    return Page(
        title=str(document.profile.get("name") or "loadlab run"),
        about=str(document.profile.get("about") or ""),
        answer=overview_of(run).head,
        verdict=document.verdict,
        certainty=tuple(describe_certainty(document)),
        facts=(*describe_load(document.profile, run.models, run.words), *facts_of(document)),
        model=model_suffix(run.models),
        sections=tuple(sections_of(run)),
    )


@dataclass(frozen=True, slots=True)
class _Script:
    """A script that the page carries. Its hash is in the page's security policy: no other script runs."""

    text: Markup

    @property
    def hash(self) -> str:
        digest = hashlib.sha256(self.text.encode()).digest()
        return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _fill_template(page: Page) -> str:
    figures = {key: json.loads(figure.to_json()) for section in page.sections for key, figure in section.draw().items()}
    data = {"figures": figures} | {key: found for section in page.sections for key, found in section.data().items()}
    assets = ["page", *dict.fromkeys(asset for section in page.sections for asset in section.assets)]
    return (
        _environment(_link_terms(page.sections))
        .get_template("page.html")
        .render(
            page=page,
            data={key: _embed(found) for key, found in data.items()},
            style=Markup("").join(_read(f"{asset}.css") for asset in assets),
            scripts=(_plotly_script(), *(_Script(_read(f"{asset}.js")) for asset in assets)),
        )
    )


def _environment(link_terms: Callable[[str], Markup]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE / "templates", _HERE / "sections"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"scalar": format_scalar, "mark": mark_of, "terms": link_terms, "contents": contents_of}
    return environment


def _link_terms(sections: Sequence[Section]) -> Callable[[str], Markup]:
    """The filter for sentences: it links to the page's glossary."""
    return next((section.link for section in sections if isinstance(section, Glossary)), escape)


def _read(name: str) -> Markup:
    folder = "templates" if name.startswith("page.") else "sections"
    return Markup((_HERE / folder / name).read_text(encoding="utf-8"))


def _embed(data: object) -> Markup:
    """JSON that may stand in a script element: no tag or comment can begin in it, whatever the data hold."""
    text = json.dumps(data, allow_nan=False)  # ASCII only, so U+2028 and U+2029 are escaped already
    return Markup(text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026"))


@cache
def _plotly_script() -> _Script:
    return _Script(Markup(get_plotlyjs()))
