"""The page: one HTML file that works offline, from the data of `build_page` and the figures drawn of it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from loadlab.report.data import Page, build_page
from loadlab.report.drawing.charts import draw_chart, draw_stacked
from loadlab.report.drawing.curves import draw_curves, draw_distributions
from loadlab.report.drawing.figure import mark_of
from loadlab.report.layout import format_scalar
from loadlab.results.directory import RunDirectory

_TEMPLATES = Path(__file__).parent / "templates"


def render(run_dir: RunDirectory) -> str:
    """Return the page of a run as HTML, from what is in its directory and nothing else.

    Raises ReportError when the directory cannot be read.
    """
    page = build_page(run_dir.read_document(), run_dir.read_profile_text(), run_dir.read_latencies, run_dir.read_stacks)
    return _fill_template(page)


@dataclass(frozen=True, slots=True)
class _Script:
    """A script that the page carries. Its hash is in the page's security policy: no other script runs."""

    text: Markup

    @property
    def hash(self) -> str:
        digest = hashlib.sha256(self.text.encode()).digest()
        return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _fill_template(page: Page) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["scalar"] = format_scalar
    environment.filters["mark"] = mark_of
    parts = ["page"]
    if page.why and page.why.has_flames:
        parts.append("flame")
    if page.over_time:
        parts.append("over_time")
    return environment.get_template("page.html").render(
        page=page,
        figures=_embed(_draw(page)),
        over_time=_embed(page.over_time.plain) if page.over_time else None,
        style=Markup("").join(_read(f"{name}.css") for name in parts),
        scripts=(_plotly_script(), *(_Script(_read(f"{name}.js")) for name in parts)),
    )


def _read(name: str) -> Markup:
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def _draw(page: Page) -> dict[str, Any]:
    """Every figure, by the id of the element that it is drawn in."""
    figures: dict[str, go.Figure] = {}
    for captioned in page.charts:
        for number, figure in enumerate(draw_chart(page.drawn, captioned.chart)):
            figures[f"{captioned.chart.key}-{number}"] = figure
        if captioned.split:
            for number, figure in enumerate(draw_stacked(page.drawn, captioned.split)):
                figures[f"{captioned.chart.key}-split-{number}"] = figure
    if page.calls:
        for number, figure in enumerate(draw_stacked(page.drawn, page.calls)):
            figures[f"calls-{number}"] = figure
    for series, told in enumerate(page.why.series if page.why else ()):
        for number, figure in enumerate(draw_distributions(told.distributions)):
            figures[f"why-{series}-{number}"] = figure
    if page.curves:
        for number, figure in enumerate(draw_curves(page.curves)):
            figures[f"curves-{number}"] = figure
    return {key: json.loads(figure.to_json()) for key, figure in figures.items()}


def _embed(data: Mapping[str, object]) -> Markup:
    """JSON that may stand in a script element: no tag or comment can begin in it, whatever the data hold."""
    text = json.dumps(data, allow_nan=False)  # ASCII only, so U+2028 and U+2029 are escaped already
    return Markup(text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026"))


@cache
def _plotly_script() -> _Script:
    return _Script(Markup(get_plotlyjs()))
