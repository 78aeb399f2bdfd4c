"""Small pictures of every sample of a run, drawn again from its data set, for the sample browser."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.errors import SampleError, UsageError
from harness.images import pictures, to_rgb
from harness.record import Run
from harness.spec.document import made_document
from harness.suite.bind import bind_suite, load_suite

if TYPE_CHECKING:
    from PIL import Image

FILE: Final = Path("artifacts") / "thumbnails.parquet"
_LONGEST_SIDE: Final = 112
_QUALITY: Final = 40
"""Of WebP: a chart of 112 px takes about a kilobyte."""


def keep_thumbnails(folder: Path) -> int:
    """Write ``artifacts/thumbnails.parquet`` (sample_id, webp) for a run; return how many samples have a picture.

    The pictures are those of the data set, before any corruption. A sample whose image cannot be read has none.

    Raises:
        UsageError: if the suite is not there, or its data are no longer those of the run.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    run = Run(folder)
    file = Path(run.record.suite.file)
    if file.is_file() and file.suffix not in (".yaml", ".yml"):  # data without a suite of its own
        suite = bind_suite(made_document(run.record.suite.content, file))
    else:
        suite = load_suite(str(file) if file.is_file() else file.stem)
    wanted = set(run.table()["sample_id"].to_pylist())
    found: dict[str, bytes] = {}
    for name, dataset in suite.datasets.items():
        known = run.record.datasets.get(name)
        if known is None or dataset.content_hash() != known:
            raise UsageError(f"the data of {name!r} are no longer those of {run.record.run_id}: there are no pictures")
        for sample in dataset:
            if sample.id in wanted and sample.id not in found and sample.images:
                try:
                    found[sample.id] = _webp(*pictures(sample.images[:1]))
                except SampleError:
                    continue
    target = folder / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    columns = {"sample_id": [*found], "webp": pa.array([*found.values()], pa.binary())}
    pq.write_table(pa.table(columns), target)
    return len(found)


def _webp(image: "Image.Image") -> bytes:
    from PIL import Image

    small = to_rgb(image)
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=_QUALITY, method=0)
    return out.getvalue()
