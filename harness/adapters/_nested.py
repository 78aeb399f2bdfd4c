"""An adapter in another one's file: its type and keys under ``model``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import ConfigError, Issue, UsageError
from harness.registry import registry
from harness.types import Adapter


def load_nested(keys: Mapping[str, Any], folder: Path) -> Adapter:
    """Load the adapter that another one's file holds under ``model``.

    Raises:
        AdapterError: if it cannot be loaded.
        ConfigError: if its type is unknown, or a key is.
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
        found = error.errors(include_url=False)
        raise ConfigError(*(Issue(("model", *map(str, each["loc"])), each["msg"]) for each in found)) from error
    loaded: Adapter = factory.from_config(config, folder)
    return loaded
