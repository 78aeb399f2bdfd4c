"""Adapter files, read and checked; a model is loaded when it is asked for."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import AdapterError, ConfigError, HarnessError, Issue, Problem, SpecError, UsageError
from harness.hosts.fresh import measure
from harness.locate import find, near
from harness.registry import registry
from harness.spec.check import check
from harness.spec.document import Document, KeyPath, read_document
from harness.spec.expand import fill_variables
from harness.spec.models import AdapterSpec
from harness.suite.bare import adapter_document
from harness.types import PATIENT, Adapter, Footprint, Patience, Request


@dataclass(frozen=True, slots=True)
class AdapterChoice:
    """An adapter file that was read and checked; the model is not loaded yet."""

    file: Path
    """Absolute: a model that is loaded may go to another folder."""
    spec: AdapterSpec
    config: Any
    factory: type[Adapter]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that its file was expanded with."""

    @property
    def name(self) -> str:
        """The name that the file gives it."""
        return self.spec.adapter

    @property
    def simulated(self) -> bool:
        """Whether no model stands behind its answers.

        Raises:
            AdapterError: if only the loaded model can tell (a Python function says so itself) and it cannot be loaded.
        """
        known: bool | None = getattr(self.factory, "simulated", None)
        if known is not None:
            return known
        adapter = self.load()
        try:
            return adapter.simulated
        finally:
            adapter.close()

    def vary(self, **keys: Any) -> "AdapterChoice":
        """Return the same adapter with other values for keys of its file.

        Raises:
            ConfigError: if its type does not know a key, or a value does not fit.
        """
        try:
            config = self.factory.Config.model_validate_json(json.dumps(self.config.model_dump(mode="json") | keys))
        except ValidationError as error:
            issues = [Issue(tuple(found["loc"]), found["msg"]) for found in error.errors(include_url=False)]
            raise ConfigError(*issues) from error
        return replace(self, config=config)

    def describe(self) -> Mapping[str, Any]:
        """Return its name, type and configuration as plain JSON values."""
        return {"name": self.name, "type": self.spec.type, "config": self.config.model_dump(mode="json")}

    def footprint(self, request: Request, calls: int = 0, patience: Patience = PATIENT) -> Footprint:
        """Load it in a process of its own, answer one request there, and return what that took.

        Args:
            request: with at most one image.
            calls: how often the same request is timed after that, once it is warm.
            patience: how long loading and each call may take.

        Raises:
            AdapterError: if it does not work there.
            LateError: if it takes longer.
        """
        return measure(load_varied, self.file, self.config.model_dump(mode="json"), request, calls, patience)

    def load(self) -> Adapter:
        """Load the model.

        Raises:
            AdapterError: if it cannot be loaded.
            SpecError: if the file asks for something impossible.
        """
        try:
            return self.factory.from_config(self.config, self.file.resolve().parent)
        except ConfigError as error:
            document = _document(str(near(self.file)))
            raise SpecError([document.problem(i.path, i.message, i.hint) for i in error.issues]) from error
        except HarnessError:
            raise
        except Exception as error:
            said = f"adapter {self.spec.adapter!r} cannot be loaded: {type(error).__name__}: {error}"
            raise AdapterError(said) from error


def read_adapter(name: str, environment: Mapping[str, str] = os.environ, folder: Path | None = None) -> AdapterChoice:
    """Read and check an adapter file; its model is loaded by :meth:`AdapterChoice.load`.

    Args:
        name: a path, from ``folder`` or the working directory, the name of an available adapter, or a function of your
            own as ``model.py:answer`` or the folder of a checkpoint, which need no file.
        environment: where ``${VARIABLES}`` come from.
        folder: where a relative path starts.

    Raises:
        SpecError: with everything that is wrong, each at its place.
        UsageError: if there is no such adapter.
    """
    document = fill_variables(_document(name, folder), environment)
    own = set(document.value) - set(AdapterSpec.model_fields) if isinstance(document.value, dict) else set()
    spec = check(AdapterSpec, document, leave_out=own)
    if isinstance(spec, list):
        raise SpecError(spec)
    factory = load_plugin(document, ("type",), "adapters", spec.type)
    if isinstance(factory, Problem):
        raise SpecError([factory])
    config = check(factory.Config, document, leave_out=AdapterSpec.model_fields)
    if isinstance(config, list):
        raise SpecError(config)
    return AdapterChoice(document.file.absolute(), spec, config, factory, document.variables)


def _document(name: str, folder: Path | None = None) -> Document:
    """Return what is said of an adapter, in its file or in its name alone."""
    return adapter_document(name, folder) or read_document(find("adapters", name, folder))


def load_varied(file: Path, config: Mapping[str, Any]) -> Adapter:
    """Load the adapter of a file with other values for its keys."""
    return read_adapter(str(file)).vary(**config).load()


def load_plugin(document: Document, path: KeyPath, kind: str, name: str) -> Any:
    """Return what a registered name stands for, or the problem with it at its place in a file."""
    try:
        return registry(kind).load(name)
    except UsageError as error:
        return document.problem(path, str(error))
