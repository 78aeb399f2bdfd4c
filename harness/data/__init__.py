"""Datasets, one module a type: iterators of samples; and what a dataset of your own is made of."""

from typing import TYPE_CHECKING, Any

from harness.types import ClipData, ClipSource, Counterfactual, Dataset, ImageSource, Sample

if TYPE_CHECKING:
    from harness.data._cells import HeldImage
    from harness.data._images import FileImage, confine
    from harness.data._looking import Found, columns_of, open_found, proposed, recognise
    from harness.data._marks import row_marks
    from harness.data._writing import Written, picture_file, write_rows
    from harness.record.marks import RowMarks
    from harness.spec.models import Model

__all__ = [
    "ClipData",
    "ClipSource",
    "Counterfactual",
    "Dataset",
    "FileImage",
    "Found",
    "HeldImage",
    "ImageSource",
    "Model",
    "RowMarks",
    "Sample",
    "Written",
    "columns_of",
    "confine",
    "open_found",
    "picture_file",
    "proposed",
    "recognise",
    "row_marks",
    "write_rows",
]

_LOOKING = ("Found", "columns_of", "open_found", "proposed", "recognise")


def __getattr__(name: str) -> Any:
    """Import what needs Pillow or pydantic when it is used: the names of datasets are listed without."""
    if name == "Model":
        from harness.spec.models import Model

        return Model
    if name == "row_marks":
        from harness.data._marks import row_marks

        return row_marks
    if name == "RowMarks":
        from harness.record.marks import RowMarks

        return RowMarks
    if name == "HeldImage":
        from harness.data._cells import HeldImage

        return HeldImage
    if name in ("Written", "picture_file", "write_rows"):
        from harness.data import _writing

        return getattr(_writing, name)
    if name in _LOOKING:
        from harness.data import _looking

        return getattr(_looking, name)
    if name not in ("FileImage", "confine"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness.data import _images

    return getattr(_images, name)
