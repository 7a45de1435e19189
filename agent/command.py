"""A command of one object: every field of a frozen model is an option of its own on the command line.

What typer has to know of an option stands in the field's annotation. Knows no command.
"""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import TypeVar, get_type_hints

from pydantic import BaseModel

Given = TypeVar("Given", bound=BaseModel)


def takes(kind: type[Given]) -> Callable[[Callable[[Given], None]], Callable[..., None]]:
    """Makes a function of one such object a command with an option, or argument, for each of its fields."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.is_required() else field.default,
            annotation=hints[name],
        )
        for name, field in kind.model_fields.items()
    ]

    def wrap(function: Callable[[Given], None]) -> Callable[..., None]:
        def command(**given: object) -> None:
            function(kind(**given))

        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__annotations__ = {name: hints[name] for name in kind.model_fields}
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        return command

    return wrap
