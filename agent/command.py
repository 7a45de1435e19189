"""A command of one object: the fields of a frozen model are options of their own on the command line.

What typer has to know of an option stands in the field's annotation. Knows no command.
"""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

from pydantic import BaseModel


def takes(kind: type[BaseModel], *names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a function of one such object a command with an option, or argument, for each of its fields, or for some.

    Further parameters of the function are options of its own.
    """
    hints = get_type_hints(kind, include_extras=True)
    taken = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.is_required() else field.default,
            annotation=hints[name],
        )
        for name, field in kind.model_fields.items()
        if name in names or not names
    ]

    def wrap(function: Callable[..., None]) -> Callable[..., None]:
        own = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in list(signature(function).parameters.values())[1:]]

        def command(**given: Any) -> None:
            asked = kind(**{one.name: given.pop(one.name) for one in taken})
            function(asked, **given)

        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__annotations__ = {one.name: one.annotation for one in [*own, *taken]}
        command.__signature__ = Signature([*own, *taken])  # type: ignore[attr-defined]
        return command

    return wrap
