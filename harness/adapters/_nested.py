"""An adapter in another one's file: its type and keys under ``model``."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import ConfigError, Issue, UsageError, did_you_mean
from harness.registry import registry
from harness.types import Adapter


def load_nested(keys: Mapping[str, Any], folder: Path) -> Adapter:
    """Load the adapter that another one's file holds under ``model``.

    Raises:
        AdapterError: if it cannot be loaded.
        ConfigError: if its type is unknown, or a key is, or its keys ask for something impossible.
    """
    own = dict(keys)
    type_ = own.pop("type", None)
    try:
        factory = registry("adapters").load(str(type_))
    except UsageError as cause:
        raise ConfigError(Issue(("model", "type") if type_ else ("model",), str(cause))) from cause
    try:
        config = factory.Config.model_validate_json(json.dumps(own))
    except ValidationError as error:
        raise ConfigError(*(_issue(each, factory.Config) for each in error.errors(include_url=False))) from error
    try:
        loaded: Adapter = factory.from_config(config, folder)
    except ConfigError as error:  # its paths start at its own keys, which stand under `model` here
        raise ConfigError(*(replace(issue, path=("model", *issue.path)) for issue in error.issues)) from error
    return loaded


def _issue(error: ErrorDetails, config: type[BaseModel]) -> Issue:
    path = ("model", *error["loc"])
    if error["type"] == "extra_forbidden":
        return Issue(path, f"unknown key {path[-1]!r}", did_you_mean(str(path[-1]), config.model_fields))
    return Issue(path, error["msg"])
