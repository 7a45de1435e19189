"""The form an answer must have: a JSON schema, from a file or a pydantic model.

What was read from a screen is fitted to it where that is plain (numbers, dates left as they are, true and false); then it
is validated, and what is wrong is one sentence for whoever answers. Knows no planner.
"""

import json
import re
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from deixis.browser.errors import UsageError

_NUMBER = re.compile(r"[-+]?\d[\d.,' \u00a0\u202f]*")
YES, NO = {"yes", "true", "on", "checked", "1"}, {"no", "false", "off", "unchecked", "0"}


class Form:
    """One schema; make it with `of`."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    @classmethod
    def of(cls, given: "Path | dict[str, Any] | type[BaseModel]") -> Self:
        """UsageError when it is no JSON schema."""
        from jsonschema import SchemaError
        from jsonschema.validators import validator_for

        schema = _loaded(given)
        try:
            validator_for(schema).check_schema(schema)
        except SchemaError as error:
            raise UsageError(f"--schema is no JSON schema: {error.message}") from error
        return cls(schema)

    def filled(self, answer: str | None) -> str | None:
        """The answer as JSON, its parts fitted to the schema."""
        if answer is None:
            return None
        try:
            value = json.loads(answer)
        except ValueError:
            value = answer
        return json.dumps(fitted(value, self.schema, self.schema), ensure_ascii=False)

    def fault(self, answer: str | None) -> str | None:
        """What is wrong with an answer, in one sentence; None when nothing is."""
        from jsonschema.exceptions import best_match
        from jsonschema.validators import validator_for

        if answer is None:
            return "there is no answer"
        try:
            value = json.loads(answer)
        except ValueError:
            return f"the answer is no JSON: {answer[:80]!r}"
        error = best_match(validator_for(self.schema)(self.schema).iter_errors(value))
        if error is None:
            return None
        where = "/".join(map(str, error.absolute_path))
        return f"the answer does not fit the schema{f' at {where}' if where else ''}: {error.message[:200]}"


def _loaded(given: Any) -> dict[str, Any]:
    if isinstance(given, type) and issubclass(given, BaseModel):
        return given.model_json_schema()
    if isinstance(given, dict):
        return given
    try:
        data = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--schema {str(given)!r} cannot be read as JSON: {error}") from error
    if not isinstance(data, dict):
        raise UsageError(f"--schema {str(given)!r} is no JSON schema: it has to be an object")
    return data


def fitted(value: Any, schema: Any, root: dict[str, Any]) -> Any:
    """A value as near to a schema as it can be brought without guessing."""
    schema = _resolved(schema, root)
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        known = schema.get("properties", {})
        return {name: fitted(part, known.get(name, {}), root) for name, part in _named(value, known).items()}
    if kind == "array" and isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), list):
        value = next(iter(value.values()))  # {"rows": [...]} where only the rows are wanted
    if kind == "array" and isinstance(value, list):
        return [fitted(part, schema.get("items", {}), root) for part in value]
    return _plain(value, kind) if isinstance(value, str) else value


def _named(value: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The parts under the schema's own names: `Unit price` is unit_price."""
    by_word = {_word(name): name for name in known}
    return {name if name in known else by_word.get(_word(name), name): part for name, part in value.items()}


def _word(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed, and of `X or null` the X."""
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref", "")
    if reference.startswith("#/"):
        found: Any = root
        for part in reference[2:].split("/"):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}
    options = [one for one in schema.get("anyOf", []) if isinstance(one, dict) and one.get("type") != "null"]
    return _resolved(options[0], root) if len(options) == 1 else schema


def _plain(text: str, kind: Any) -> Any:
    """A text as a number or a truth, where the schema wants one and the text is one."""
    if kind in {"number", "integer"} and len(found := _NUMBER.findall(text)) == 1:
        number = number_in(found[0])
        return text if number is None else int(number) if kind == "integer" and number == int(number) else number
    if kind == "boolean" and text.strip().casefold() in YES | NO:
        return text.strip().casefold() in YES
    return text


def number_in(text: str) -> float | None:
    """A number as people write it: 1,234.50 or 1.234,50 or 1 234; None when that is not clear."""
    bare = re.sub(r"[ '\u00a0\u202f]", "", text).rstrip(".,")
    marks = [sign for sign in bare if sign in ".,"]
    if len(set(marks)) == 2:
        decimal = marks[-1]
        bare = bare.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif len(marks) > 1 or (marks and re.fullmatch(r"[-+]?\d{1,3},\d{3}", bare)):
        bare = bare.replace(marks[0], "")
    else:
        bare = bare.replace(",", ".")
    try:
        return float(bare)
    except ValueError:
        return None
