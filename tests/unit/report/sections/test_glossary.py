from loadlab.report.sections.glossary import Glossary, Term, sections_of
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed
from loadlab.results.trial import Round

from ..laid_out import run_of


def names(document: RunDocument) -> set[str]:
    [section] = sections_of(run_of(document))
    return {term.name for term in section.terms}


def test_a_run_has_the_terms_of_its_kind_and_its_load_model(
    sample_run: RunDirectory, open_load: RunDocument, wait_cost: RunDocument, switch_cost: RunDocument
) -> None:
    closed, of_open = names(sample_run.read_document()), names(open_load)
    assert {"Trial", "Handler", "Closed model", "Idle connection", "Run-queue wait"} <= closed
    assert {"Open model", "Lateness", "Service time", "Cut", "Dropped"} <= of_open
    assert not {"Open model", "Lateness"} & closed
    assert not {"Closed model", "Idle connection"} & of_open
    assert {"Cost", "Operation"} <= names(wait_cost)
    assert "Law" in names(wait_cost)
    assert not {"Law", "Response time"} & names(switch_cost)
    assert {"Unit", "Switch"} <= names(switch_cost)


def test_rounds_and_the_machines_speed_are_explained_where_they_were_measured(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert not {"Round", "95 % interval", "Machine speed"} & names(document)
    rounds = [Round(at=0, window_ns=10**8, requests=9, requests_per_second=90.0)]
    measured = [trial.model_copy(update={"rounds": rounds}) for trial in document.trials]
    changes = {"trials": measured, "speed": MachineSpeed(readings=[])}
    assert {"Round", "95 % interval", "Machine speed"} <= names(document.model_copy(update=changes))
    assert Term("95 % interval", "").id == "term-95-interval"


def test_terms_stand_in_alphabetical_order_and_have_ids_of_their_own(sample_run: RunDirectory) -> None:
    [section] = sections_of(run_of(sample_run.read_document()))
    listed = [term.name.lower() for term in section.terms]
    assert listed == sorted(listed)
    assert len({term.id for term in section.terms}) == len(listed)


GLOSSARY = Glossary(
    (
        Term("PSS", "Memory, <shared> in parts."),
        Term("Idle connection", "Open and silent.", ("idle connections",)),
        Term("Connection", "Any."),
    )
)


def test_the_first_mention_of_a_term_is_a_link_to_it() -> None:
    assert GLOSSARY.link("PSS grows with idle connections; PSS is memory.") == (
        '<a href="#term-pss" title="Memory, &lt;shared&gt; in parts.">PSS</a> grows with '
        '<a href="#term-idle-connection" title="Open and silent.">idle connections</a>; PSS is memory.'
    )


def test_the_longest_form_wins_and_parts_of_words_are_no_terms() -> None:
    linked = GLOSSARY.link("An idle connection, reconnections, PSSX, PSS.9")
    assert linked.count("<a ") == 1
    assert 'href="#term-idle-connection"' in linked


def test_a_text_from_outside_stays_text() -> None:
    assert GLOSSARY.link("<b>PSS</b>").startswith("&lt;b&gt;<a ")
    assert GLOSSARY.link("<script>") == "&lt;script&gt;"
