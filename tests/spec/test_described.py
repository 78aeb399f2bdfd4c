"""What fields say of themselves: read when asked, and what pydantic would have read."""

from pydantic import BaseModel, ConfigDict

from harness.registry import registry
from harness.spec.described import descriptions
from harness.spec.models import Model


class Base(Model):
    kept: int = 1
    """Kept."""
    again: int = 1
    """The base's."""
    silent: int = 1


class Below(Base):
    again: int = 2
    own: str = ""
    """Two
    lines."""


def test_a_field_that_is_declared_anew_says_nothing_where_its_own_class_does_not() -> None:
    assert descriptions(Below) == {"kept": "Kept.", "own": "Two\nlines."}
    properties = Below.model_json_schema()["properties"]
    assert {name: field.get("description") for name, field in properties.items()} == {
        "kept": "Kept.",
        "again": None,
        "silent": None,
        "own": "Two\nlines.",
    }


def test_classes_of_functions_have_theirs() -> None:
    class Inner(Model):
        x: int = 1
        """Mine."""

    assert descriptions(Inner) == {"x": "Mine."}


def test_a_class_without_a_source_says_nothing() -> None:
    typed = type("Typed", (Model,), {"__annotations__": {"x": int}, "x": 1, "__module__": "nowhere"})
    assert descriptions(typed) == {}
    assert "description" not in typed.model_json_schema()["properties"]["x"]


class Read(BaseModel):
    """A model that pydantic reads."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    plain: int = 1
    """One."""
    behind: int = 2
    wide: str = "over lines"
    """First.

    Indented.
    """
    last: float | None = None
    """Last."""

    @property
    def half(self) -> int:
        """No field."""
        return self.plain


def test_it_is_what_pydantic_reads() -> None:
    assert descriptions(Read) == {
        name: field.description for name, field in Read.model_fields.items() if field.description
    }


def test_every_key_of_a_built_in_task_says_what_it_is() -> None:
    silent = [
        f"{entry.name}.{name}"
        for entry in registry("tasks")
        for name in getattr(entry.load().Config, "model_fields", {})
        if not (entry.load().Config.model_fields[name].description or descriptions(entry.load().Config).get(name))
    ]
    assert not silent
