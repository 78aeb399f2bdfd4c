"""How fast data sets are read and in how much memory, each beside the bare library; ``python -m benchmarks.layouts``.

Every reading is a process of its own: 100,000 rows, each with a JPEG of 6 kB that is not decoded. CPU seconds.
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

ROWS: Final = 100_000
_FILES: Final = 10
_GROUP: Final = 100

_OURS: Final = """
from pathlib import Path
from harness.registry import registry
cls = registry("datasets").load({kind!r})
folder = Path({folder!r})
begin()
for _ in cls.from_config(cls.Config(path="."), folder, (folder,)): count += 1
"""
_BARE: Final = {
    "pyarrow": """
import pyarrow.parquet as pq
from pathlib import Path
begin()
for name in sorted(Path({folder!r}).glob("*.parquet")):
    with pq.ParquetFile(name) as file:
        for batch in file.iter_batches(1024):
            for _ in batch.to_pylist(): count += 1
""",
    "datasets": """
import datasets
begin()
rows = datasets.load_dataset("parquet", data_files={folder!r} + "/*.parquet", split="train", streaming=True)
for _ in rows.cast_column("image", datasets.Image(decode=False)): count += 1
""",
    "tarfile": """
import tarfile
from pathlib import Path
begin()
for name in sorted(Path({folder!r}).glob("*.tar")):
    with tarfile.open(name) as tar:
        for member in tar:
            tar.extractfile(member).read()
            count += member.name.endswith(".jpg")
""",
    "webdataset": """
import webdataset
from pathlib import Path
begin()
for _ in webdataset.WebDataset(sorted(map(str, Path({folder!r}).glob("*.tar"))), shardshuffle=False): count += 1
""",
}
_AROUND: Final = """
import json, resource, time
count, since = 0, 0.0
def begin():
    global since
    since = time.process_time()
{code}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"rows": count, "seconds": time.process_time() - since, "mib": peak}}))
"""


def pictures(count: int = 200) -> list[bytes]:
    """Return JPEGs of about 6 kB."""
    rng, made = np.random.default_rng(0), []
    for _ in range(count):
        buffer = io.BytesIO()
        blots = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
        blots.resize((224, 160)).save(buffer, "JPEG", quality=80)
        made.append(buffer.getvalue())
    return made


def write(folder: Path, rows: int) -> None:
    """Write the same rows as Parquet shards and as tar shards."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("id", pa.string()), ("question", pa.string()), ("answer", pa.string()), ("image", held)]
    schema, images, each = pa.schema(columns), pictures(), rows // _FILES
    for kind in ("parquet", "webdataset"):
        (folder / kind).mkdir()
    for shard in range(_FILES):
        numbers = range(shard * each, (shard + 1) * each)
        told = [
            {"id": str(n), "question": f"What does picture {n} show, and why?", "answer": str(n % 17)} for n in numbers
        ]
        with pq.ParquetWriter(folder / f"parquet/test-{shard:05d}-of-{_FILES:05d}.parquet", schema) as writer:
            for start in range(0, each, _GROUP):
                some = [
                    row | {"image": {"bytes": images[int(row["id"]) % len(images)], "path": f"{row['id']}.jpg"}}
                    for row in told[start : start + _GROUP]
                ]
                writer.write_table(pa.Table.from_pylist(some, schema=schema))
        with tarfile.open(folder / f"webdataset/shard-{shard:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for row in told:
                members = {"jpg": images[int(row["id"]) % len(images)], "json": json.dumps(row).encode()}
                for ending, content in members.items():
                    info = tarfile.TarInfo(f"{shard}/{int(row['id']):07d}.{ending}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))


def measure(code: str) -> dict[str, Any]:
    """Return rows, CPU seconds and peak memory of a reading in a process of its own."""
    done = subprocess.run([sys.executable, "-c", _AROUND.format(code=code)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(rows: int = ROWS) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rows)
        for kind, peers in (("parquet", ("pyarrow", "datasets")), ("webdataset", ("tarfile", "webdataset"))):
            place = str(folder / kind)
            readings = {f"harness {kind}": _OURS.format(kind=kind, folder=place)}
            readings |= {f"{peer} (bare)": _BARE[peer].format(folder=place) for peer in peers if find_spec(peer)}
            for label, code in readings.items():
                found = measure(code)
                print(f"{label:<22} {found['rows']:>8,} rows {found['seconds']:>7.2f} s {found['mib']:>6.0f} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
