"""Options that several verbs share: a dataclass declares them, and a verb takes it as one parameter.

Where it has a `heading`, its options are a section of the help.
"""

import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import is_dataclass
from functools import wraps
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from typer.core import TyperCommand, TyperOption
from typer.models import OptionInfo

_OTHERS: Final = "Options"


class CommandInSections(TyperCommand):
    """A verb whose help has a section for each heading of its options, and one for those that have none.

    typer has this for its rich markup only, which is off.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - classes of typer's own copy of click
        """Write them, in the order of their headings' first options."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is None:
                continue
            if parameter.param_type_name == "argument":
                sections["Arguments"].append(record)
            else:
                heading = parameter.rich_help_panel if isinstance(parameter, TyperOption) else None
                sections.setdefault(heading or _OTHERS, []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def with_option_groups(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb whose parameters that are dataclasses are replaced by their fields, for typer to read.

    A field is annotated as a parameter of typer's is. One that is a tuple may be repeated on the command line.
    """
    parameters = inspect.signature(verb).parameters.values()
    groups = {each.name: group for each in parameters if (group := _group_of(each)) is not None}

    @wraps(verb)
    def call(**values: Any) -> None:  # noqa: ANN401 - options are as different as their types
        made = {}
        for name, group in groups.items():
            given = {field: values.pop(field) for field in inspect.signature(group).parameters}
            made[name] = group(**{key: tuple(each) if isinstance(each, list) else each for key, each in given.items()})
        verb(**made, **values)

    expanded = [each for parameter in parameters for each in _expand(parameter)]
    # By keyword only, so that options that have a default may stand before arguments that have none.
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in expanded]
    )
    call.__annotations__ = {each.name: each.annotation for each in expanded}
    return call


def _group_of(parameter: inspect.Parameter) -> type | None:
    annotation = parameter.annotation
    return annotation if isinstance(annotation, type) and is_dataclass(annotation) else None


def _expand(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    group = _group_of(parameter)
    if group is None:
        return [parameter]
    hints = get_type_hints(group, include_extras=True)
    fields = inspect.signature(group).parameters.values()
    headings = _headings_of(group)
    return [
        field.replace(annotation=_under(headings.get(field.name), _repeatable(hints[field.name]))) for field in fields
    ]


def _headings_of(group: type) -> dict[str, str]:
    """Return the heading of each field: that of the class which declares it."""
    return {
        name: heading
        for each in reversed(group.__mro__)
        if (heading := vars(each).get("heading")) is not None
        for name in inspect.get_annotations(each)
    }


def _under(heading: str | None, annotation: Any) -> Any:  # noqa: ANN401 - an annotation has no type of its own
    """Return the annotation of an option with that heading, unless it has one."""
    if heading is None or get_origin(annotation) is not Annotated:
        return annotation
    kind, *marks = get_args(annotation)
    for number, mark in enumerate(marks):
        if isinstance(mark, OptionInfo) and mark.rich_help_panel is None:
            marks[number] = copy(mark)
            marks[number].rich_help_panel = heading
    return Annotated[kind, *marks]


def _repeatable(annotation: Any) -> Any:  # noqa: ANN401 - an annotation has no type of its own
    """Return the annotation with a list in place of a tuple of any length: typer knows only the former."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, *marks = get_args(annotation)
    if get_origin(kind) is tuple:
        kind = list[get_args(kind)[0]]  # type: ignore[misc]
    return Annotated[kind, *marks]
