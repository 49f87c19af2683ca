"""The terms that the page uses, each defined once; the page's sentences link to them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from markupsafe import Markup, escape

from loadlab.report.sections.section import Run, Section


@dataclass(frozen=True, slots=True)
class Term:
    """`name` heads the definition; `forms` are further words that link to it."""

    name: str
    definition: str
    forms: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of its element."""
        return f"term-{re.sub('[^a-z0-9]+', '-', self.name.lower())}"


@dataclass(frozen=True, slots=True)
class Glossary(Section):
    """The terms that apply to a run, by name."""

    terms: tuple[Term, ...]
    template: ClassVar[str] = "glossary.html"

    def link(self, text: str) -> Markup:
        """Return a sentence as HTML in which the first mention of each term is a link to its definition."""
        by_form = {form.lower(): term for term in self.terms for form in (term.name, *term.forms)}
        longest_first = sorted(by_form, key=len, reverse=True)
        linked: set[str] = set()
        parts, done = [], 0
        for found in re.finditer(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b(?!\.\w)", text, re.IGNORECASE):
            term = by_form[found[0].lower()]
            if term.name not in linked:
                linked.add(term.name)
                parts.append(escape(text[done : found.start()]))
                parts.append(Markup('<a href="#{}" title="{}">{}</a>').format(term.id, term.definition, found[0]))
                done = found.end()
        return Markup("").join([*parts, escape(text[done:])])


def sections_of(run: Run) -> Iterator[Glossary]:
    """Yield the section."""
    yield Glossary(tuple(sorted(terms_of(run), key=lambda term: term.name.lower())))


def terms_of(run: Run) -> Iterable[Term]:
    """Yield the terms that apply to a run: those of its kind, its load model, and its probes."""
    yield from _ALWAYS
    if any(trial.rounds for trial in run.trials):
        yield from _ROUNDS
    if run.document.speed:
        yield _SPEED
    if run.document.laws:
        yield _LAW
    match run.kind:
        case "wait-cost":
            yield from _WAIT_COST
            return
        case "switch-cost":
            yield from _SWITCH_COST
            return
    yield from _LOAD
    if "closed" in run.models:
        yield _CLOSED
    if "open" in run.models:
        yield from _OPEN
    if any(trial.idle for trial in run.trials):
        yield _IDLE
    if any(trial.target and trial.target.pss_bytes is not None for trial in run.trials):
        yield _PSS


_ALWAYS: Final = (
    Term("Trial", "One combination of the swept values, measured once. A repeat is another trial of the same values."),
    Term(
        "Verdict",
        "Whether a trial measured what it was meant to. Suspect: read its figures with the finding in mind. Invalid: "
        "they do not describe the target, and its throughput is not shown.",
    ),
)
_ROUNDS: Final = (
    Term(
        "Round",
        "One of several windows of a trial. Those of all trials that stand at the same time alternate, in an order "
        "drawn anew for each round, so that a moment in which the machine is slow meets all of them alike.",
        ("rounds",),
    ),
    Term(
        "95 % interval",
        "The range that covers the true figure in 95 of 100 such runs, by how much the rounds differ from each other. "
        "Two figures whose intervals are apart differ; of others that cannot be said.",
        ("95 % intervals",),
    ),
)
_SPEED: Final = Term(
    "Machine speed",
    "How fast the same piece of arithmetic runs on the cores of each side, against the median of the run. On a "
    "virtual machine it changes by itself, and with it every figure.",
    ("machine's speed",),
)
_LAW: Final = Term(
    "Law",
    "How a cost follows the number on the x axis: constant, linear, or a power, whichever fits best. “95 %” is the "
    "confidence interval of what was fitted.",
    ("fitted law", "fitted laws"),
)
_LOAD: Final = (
    Term("Target", "The server under test."),
    Term("Client", "loadlab's own processes that send the requests and measure them: the load generator."),
    Term("Handler", "What a bundled server does to answer a request, such as hello, disk-read or upstream."),
    Term(
        "Response time",
        "From the moment that a request was meant to be sent to its complete answer: what a user feels.",
        ("response times",),
    ),
    Term("p99", "The 99th percentile: 99 % of the requests took at most that long, 1 % took longer."),
    Term(
        "CPU time per request",
        "The target's CPU time, user and system, as the kernel counts it, divided by the requests answered. Unlike "
        "throughput it hardly depends on the client.",
        ("CPU time of the target per request", "CPU per request"),
    ),
    Term("Run-queue wait", "The time in which a process was ready to run and had no core."),
)
_CLOSED: Final = Term(
    "Closed model",
    "A fixed number of users, each of whom waits for an answer before sending again. A slow server slows its own load "
    "down, so that slow moments are sampled too rarely: coordinated omission.",
    ("coordinated omission",),
)
_OPEN: Final = (
    Term("Open model", "Requests are due at a given rate, whatever the server does, as from many independent users."),
    Term(
        "Service time",
        "From the moment that a request was really sent to its complete answer: what most tools report. It is shorter "
        "than the response time by the lateness.",
        ("service times",),
    ),
    Term("Lateness", "From when a request was due until it was sent; waiting for a free connection is part of it."),
    Term(
        "Server and wire",
        "From when a request was sent until the kernel reported its answer to the client: server, network and kernel.",
    ),
    Term("Dispatch", "From when the kernel reported the answer until the client had read it."),
    Term("Dropped", "Requests that were due and never sent, as no connection was free until the window ended."),
    Term("Cut", "Requests that were in flight when the window ended."),
)
_IDLE: Final = Term(
    "Idle connection",
    "A connection that is open and silent. The server has nothing to do for it but to watch it.",
    ("idle connections",),
)
_PSS: Final = Term(
    "PSS",
    "Proportional set size: a process's memory, with what it shares divided by the number of sharers, so that the sum "
    "over processes is right.",
)
_WAIT_COST: Final = (
    Term(
        "Cost",
        "The time of the waiting call alone, as the median of many batches, with the overhead of measuring. There is "
        "no network: one process watches n descriptors, makes some of them ready, and asks the kernel which.",
    ),
    Term("Operation", "One round of making ready, waiting and reading."),
)
_SWITCH_COST: Final = (
    Term("Unit", "A unit of execution: a call, a generator, a coroutine, a thread or a process.", ("units",)),
    Term("Switch", "Passing control from one unit to another on one core; the median of many batches."),
    Term("Memory of one", "What the process grows by for one more unit alive, in user space."),
)
