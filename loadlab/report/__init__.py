"""The page of a run: from a run directory to one HTML file.

`layout` says what stands on x and what the lines are, `measures` what can be shown, `panels` and `tables` hold it as
plain data, `sections` say it in words, tables and charts, `drawing` draws the charts, and `page` puts all together.
"""

from loadlab.results.directory import RunDirectory


def render(run_dir: RunDirectory) -> str:
    """Return the page of a run as HTML, from what is in its directory and nothing else.

    Raises ReportError when the directory cannot be read.
    """
    from loadlab.report import page  # plotly and jinja2 take long to import: only where a page is made

    return page.render(run_dir)
