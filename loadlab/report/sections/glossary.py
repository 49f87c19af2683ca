"""The terms that the page uses, each defined once; the page's sentences link to them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from markupsafe import Markup, escape

from loadlab.report.scenario import has_scenario
from loadlab.report.sections.section import Run, Section
from loadlab.results.vocabulary import Vocabulary


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
    yield from load_terms(run.words)
    if "closed" in run.models:
        yield _CLOSED
    if has_scenario(run.trials):
        yield from _SCENARIO
    if "open" in run.models:
        yield from _OPEN_SCENARIO if has_scenario(run.trials) else open_terms(run.words)
    yield from _stream_terms(run)
    if any(trial.idle for trial in run.trials):
        yield idle_term(run.words)
    if any(trial.target and trial.target.pss_bytes is not None for trial in run.trials):
        yield _PSS


def load_terms(words: Vocabulary) -> Iterator[Term]:
    """Yield the terms that every load has, by the words for what it counts."""
    yield Term("Target", "The server under test.")
    yield Term(
        "Client",
        "loadlab's own processes that read the streams and measure them: the load generator."
        if words.pushed
        else f"loadlab's own processes that send the {words.message}s and measure them: the load generator.",
    )
    yield Term("Handler", "What a bundled server does to answer a request, such as hello, disk-read or upstream.")
    if words.pushed:
        yield Term(
            words.time,
            "From the event before until an event was read; of the first of a stream, from its request being sent.",
            ("times between events",),
        )
    else:
        yield Term(
            words.time,
            f"From the moment that a {words.message} was meant to be sent to its complete answer: what a user feels.",
            ("response times",),
        )
    yield Term("p99", f"The 99th percentile: 99 % of the {words.many} took at most that long, 1 % took longer.")
    yield Term(
        f"CPU time per {words.one}",
        f"The target's CPU time, user and system, as the kernel counts it, divided by the {words.many} "
        f"{words.answered}. Unlike throughput it hardly depends on the client.",
        (f"CPU time of the target per {words.one}", f"CPU per {words.one}"),
    )
    if not words.are_requests and not words.pushed:
        yield Term("Round trip", "A message and its answer, over a connection that stays open.", ("round trips",))
    yield Term("Run-queue wait", "The time in which a process was ready to run and had no core.")


def _stream_terms(run: Run) -> Iterator[Term]:
    if run.words.pushed:
        yield from _EVENTS
    if any(trial.delay_ns.count for trial in run.trials):
        yield _DELAY
    if any(trial.first_ns.count for trial in run.trials):
        yield first_term(run.words)
    if any(trial.upgrade_ns.count for trial in run.trials):
        yield _UPGRADE


def open_terms(words: Vocabulary) -> Iterator[Term]:
    """Yield the terms of an open load."""
    things, thing = f"{words.message}s", words.message
    yield Term(
        "Open model",
        f"{things.capitalize()} are due at a given rate, whatever the server does, as from many independent users.",
    )
    yield Term(
        "Service time",
        f"From the moment that a {thing} was really sent to its complete answer: what most tools report. It is shorter "
        "than the response time by the lateness.",
        ("service times",),
    )
    yield Term(
        "Lateness", f"From when a {thing} was due until it was sent; waiting for a free connection is part of it."
    )
    yield Term(
        "Server and wire",
        f"From when a {thing} was sent until the kernel reported its answer to the client: server, network and kernel.",
    )
    yield Term("Dispatch", "From when the kernel reported the answer until the client had read it.")
    yield Term(
        "Dropped",
        f"{things.capitalize()} that were due and never sent, as no connection was free until the window ended.",
    )
    yield Term("Cut", f"{words.fill('{Many}')} that were in flight when the window ended.")


def first_term(words: Vocabulary) -> Term:
    """Return what the beginning of a stream is, or of an answer that is streamed."""
    return Term(
        f"Time to the {words.first}",
        f"From the request being sent until the {words.first} was read. Connecting is not part of it.",
    )


def idle_term(words: Vocabulary) -> Term:
    """Return what an idle connection is, by what it speaks."""
    definition = "A connection that is open and silent. The server has nothing to do for it but to watch it."
    if words.idle == "idle WebSocket":
        definition = "A WebSocket that is open and sends nothing but answers to pings."
    elif words.idle == "idle subscriber":
        definition = "A connection on which a stream of events is read, and nothing else is done with them."
    return Term(f"I{words.idle[1:]}", definition, (f"{words.idle}s",))


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
_CLOSED: Final = Term(
    "Closed model",
    "A fixed number of users, each of whom waits for an answer before sending again. A slow server slows its own load "
    "down, so that slow moments are sampled too rarely: coordinated omission.",
    ("coordinated omission",),
)
_SCENARIO: Final = (
    Term("Iteration", "One execution of the scenario's function by one user, from begin to end.", ("iterations",)),
    Term(
        "Step",
        "A named part of a scenario (user.step), with times and outcomes of its own.",
        ("steps",),
    ),
    Term(
        "Check",
        "A condition that a scenario looks at (user.check). One that does not hold is counted, and fails nothing.",
        ("checks",),
    ),
)
_OPEN_SCENARIO: Final = (
    Term(
        "Open model",
        "Iterations are due at a given rate, whatever the server does, as from many independent users.",
    ),
    Term(
        "Service time",
        "From when an iteration really began to its end. It is shorter than the response time by the lateness.",
        ("service times",),
    ),
    Term("Lateness", "From when an iteration was due until it began: no user was free, or the client was late."),
    Term("Dropped", "Iterations that were due and never begun, as no user was free until the window ended."),
    Term("Cut", "What was under way when the window ended."),
)
_EVENTS: Final = (
    Term("Event", "One server-sent event, or one piece of a body that comes in pieces.", ("events",)),
    Term("Subscriber", "A connection on which one stream of events is read.", ("subscribers",)),
)
_DELAY: Final = Term(
    "Delivery delay",
    "From the server's sending of an event, by the clock of its machine, until the client had read it: how long a "
    "subscriber waits for news.",
)
_UPGRADE: Final = Term(
    "WebSocket upgrade",
    "From the opening request being sent until the server had agreed to speak WebSocket. Connecting is not part of it.",
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
