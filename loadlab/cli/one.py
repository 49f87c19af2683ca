"""What `loadlab run PROFILE --one` does: run one iteration of a scenario, and print all that it does."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from loadlab.cli.lines import print_lines
from loadlab.cli.trace_lines import TraceLines, user_line
from loadlab.errors import ExitCode, ScenarioError
from loadlab.experiment.context import RunContext, Unobserved
from loadlab.experiment.interruption import Interruption
from loadlab.experiment.one import first_trial, run_iteration
from loadlab.experiment.run_plan import RunPlan
from loadlab.profile import LoadedProfile
from loadlab.recording.outcomes import Outcome
from loadlab.recording.trace import FunctionEnds, TraceEvent


def run_one(loaded: LoadedProfile, allow_remote: Collection[str]) -> ExitCode:
    """Run one iteration in the foreground; return how that ends the program.

    Raises LoadlabError where it cannot be run at all.
    """
    masker, lines, ends = loaded.masker, TraceLines(loaded.masker), dict[str, str]()
    plan = RunPlan.of(replace(loaded, profile=first_trial(loaded.profile)), allow_remote)

    def begin(authority: str, row: Mapping[str, str]) -> None:
        print_lines([user_line(authority, row, masker)])

    def show(event: TraceEvent) -> None:
        print_lines(lines.of(event))
        if isinstance(event, FunctionEnds):
            ends[event.name] = event.outcome

    with Interruption() as interruption:
        context = RunContext(
            plan.resources, Unobserved(), interruption.check, plan.names, check_insistent=interruption.check_insistent
        )
        try:
            iteration = run_iteration(plan.trials[0], context, begin, show)
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
        except ScenarioError as error:
            raise error.masked(masker.mask) from None
        finally:
            print_lines(lines.rest())
    return exit_code_of(ends, iteration, lines.failed + lines.failed_checks)


def exit_code_of(ends: Mapping[str, str], iteration: str, failed: int) -> ExitCode:
    """Return how the outcomes of a scenario's functions, and `failed` requests and checks, end the program.

    `iteration` is the name of the function that a user repeats; the others have to end well, as for a whole run.
    """
    others = {outcome for name, outcome in ends.items() if name != iteration}
    outcome = ends.get(iteration, Outcome.OK)
    if outcome == Outcome.SCRIPT_ERROR or others - {Outcome.OK}:
        return ExitCode.USAGE
    return ExitCode.DONE if outcome == Outcome.OK and not failed else ExitCode.EXPECTATION_FAILED
