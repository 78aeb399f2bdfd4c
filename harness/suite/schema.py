"""JSON Schemas of suite and adapter files, made from the models of everything that is registered."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import BaseModel

from harness.registry import registry
from harness.spec.answer import TemporalAnswer
from harness.spec.models import AdapterSpec, SuiteSpec
from harness.suite.checks.gates import DataGates

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE: Final = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}


def suite_schema() -> dict[str, Any]:
    """Return the schema of a suite file, with every registered dataset type and task kind."""
    schema = SuiteSpec.model_json_schema()
    properties, definitions = schema["properties"], schema.setdefault("$defs", {})
    whole: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for key, kind, tag in (("datasets", "datasets", "type"), ("tasks", "tasks", "kind")):
        options = [_tagged(tag, names, config, definitions) for names, config in _configs(kind)]
        if key == "tasks":
            options = [_with_matrix(option) for option in options]
        else:
            definitions["DataGates"] = DataGates.model_json_schema()
            options = [_with_gates(option) for option in options]
        whole[key] = {"additionalProperties": {"oneOf": options}}
        loose = [{**option, "required": []} for option in options]
        parts[key] = {"additionalProperties": {"anyOf": [{"type": "null"}, *loose]}}
        properties[key].pop("patternProperties", None)
        properties[key].pop("additionalProperties", None)
    names = {"type": "string"}
    properties["extends"] = {
        "description": "A suite, or several, to start from: a path or a name.",
        "anyOf": [names, {"type": "array", "items": names}],
    }
    # A file that extends another says only what differs, and removes with null.
    schema["if"] = {"required": ["extends"]}
    schema["then"] = {"properties": parts}
    schema["else"] = {"properties": whole, "required": schema.pop("required")}
    return {"$schema": _DIALECT, **_with_variables(schema)}


def adapter_schema() -> dict[str, Any]:
    """Return the schema of an adapter file, with the keys of every registered type."""
    definitions: dict[str, Any] = {}
    shared = AdapterSpec.model_json_schema()
    options = []
    for names, config in _configs("adapters"):
        option = _tagged("type", names, config, definitions)
        option["properties"] = {**shared["properties"], **option["properties"]}
        option["required"] = sorted({*shared["required"], *option["required"]})
        options.append(option)
    schema = {"title": "Adapter", "description": "An adapter file.", "oneOf": options, "$defs": definitions}
    return {"$schema": _DIALECT, **_with_variables(schema)}


def answer_schema() -> dict[str, Any]:
    """Return the schema of a structured answer to a question about a clip."""
    return {"$schema": _DIALECT, **TemporalAnswer.model_json_schema(by_alias=True)}


def _configs(kind: str) -> Iterable[tuple[Sequence[str], type[BaseModel]]]:
    """Yield the configurations of a kind, each with the names that share it."""
    found: dict[type[BaseModel], list[str]] = {}
    for entry in registry(kind):
        found.setdefault(entry.load().Config, []).append(entry.name)
    return ((names, config) for config, names in found.items())


def _tagged(tag: str, names: Sequence[str], config: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    schema = config.model_json_schema(ref_template="#/$defs/{model}")
    definitions |= schema.pop("$defs", {})
    said = {"const": names[0]} if len(names) == 1 else {"enum": list(names)}
    schema["properties"] = {tag: said, **schema.get("properties", {})}
    schema["required"] = [tag, *schema.get("required", [])]
    return schema


def _with_matrix(option: dict[str, Any]) -> dict[str, Any]:
    """Let a task say ``matrix``: a list, or a mapping of labels, for any of its own keys."""
    choices = {"anyOf": [{"type": "array", "minItems": 1}, {"type": "object", "minProperties": 1}]}
    own = {name: choices for name in option["properties"] if name != "kind"}
    matrix = {
        "description": "One task for each combination: keys of the task, each with values or labels to values.",
        "type": "object",
        "properties": own,
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {**option, "properties": {**option["properties"], "matrix": matrix}}


def _with_gates(option: dict[str, Any]) -> dict[str, Any]:
    """Let a dataset say ``gates``, whatever its type is."""
    said = "How many rows `harness data check` may find something wrong with, by kind."
    gates = {"description": said, "$ref": "#/$defs/DataGates"}
    return {**option, "properties": {**option["properties"], "gates": gates}}


def _with_variables(schema: Any) -> Any:
    """Allow ``${VARIABLE}`` wherever a number, a truth value or one of several words is asked for."""
    if isinstance(schema, list):
        return [_with_variables(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("integer", "number", "boolean") or "enum" in schema:
        kept = {key: schema[key] for key in ("title", "description", "default") if key in schema}
        bare = {key: value for key, value in schema.items() if key not in kept}
        return {**kept, "anyOf": [bare, _VARIABLE]}
    return {key: _with_variables(value) for key, value in schema.items()}
