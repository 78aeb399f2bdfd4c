"""Put the parts of a sharded run together: the record is that of one run, bit for bit."""

import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from harness.engine.finish import Ending, finish
from harness.engine.limits import shortcoming
from harness.engine.manifest import Manifest, unborn_of
from harness.engine.open_run import new_run_id, state_of
from harness.engine.others import add_others
from harness.engine.plan import WHOLE, Shard, chunks
from harness.engine.same import check_same
from harness.engine.sessions import copy_sessions
from harness.errors import UsageError
from harness.record.folder import STORE_FILE
from harness.record.lock import LOCK_FILE
from harness.record.marks import MARKS_FILE, read_marks, write_marks
from harness.record.schema import RunRecord
from harness.record.store import ResponseStore

_ROWS: Final = 512


def never_began(folder: Path) -> bool:
    """Say whether a command ended in a folder before it had a store: nothing was asked there, and nothing can be lost.

    A part that is killed so early is asked in another folder the next time, and this one would stand in the way.
    """
    return {file.name for file in folder.iterdir()} <= {LOCK_FILE, MARKS_FILE, unborn_of(folder / STORE_FILE).name}


def merge_runs(folders: Sequence[Path], out: Path) -> tuple[Path, RunRecord]:
    """Make one run of all parts of a run; they are left as they are.

    Args:
        folders: of the parts, in any order; those in which none began (:func:`never_began`) are passed over.
        out: where the run's folder is made.

    Raises:
        UsageError: if they are not all the parts of one run, each complete, or if the data changed since: naming the
            rows that differ.
    """
    folders = [folder for folder in folders if not never_began(folder)]
    if not folders:
        raise UsageError("none of the folders holds a part of a run; run the parts with --shard K/N")
    with ExitStack() as stack:
        stores = [stack.enter_context(_open(folder)) for folder in folders]
        manifests = [Manifest.read(store) for store in stores]
        _check(folders, manifests)
        first = min(manifests, key=lambda manifest: manifest.started)
        run_id = new_run_id(first.suite.hash, first.adapter, first.suite.content["suite"], first.started)
        manifest = first.model_copy(update={"run_id": run_id, "shard": str(WHOLE)})
        suite = manifest.load_suite()
        began = folders[manifests.index(first)]
        check_same(first, suite, began)
        folder = out / run_id
        try:
            folder.mkdir(parents=True)
        except OSError as cause:
            raise UsageError(f"cannot make the folder {folder}: {cause.strerror}") from cause
        with closing(manifest.new_store(folder / STORE_FILE)) as merged:
            write_marks(folder, read_marks(began))
            for store, part in zip(stores, folders, strict=True):
                _copy(store, merged)
                copy_sessions(store, merged)
                add_others(store, merged, suite.tasks.values())
                if (part / "artifacts").is_dir():
                    shutil.copytree(part / "artifacts", folder / "artifacts", dirs_exist_ok=True)
            plan = manifest.plan(suite)
            # Parts that each stay within what may fail can be beyond it together, as the run in one piece would be.
            reason = shortcoming(suite.spec.engine, plan, Counter(merged.statuses()))
            record = finish(folder, suite, plan, manifest, merged, Ending("failed" if reason else "complete", reason))
    for file in folder.glob(f"{STORE_FILE}*"):
        file.unlink()
    return folder, record


def _open(folder: Path) -> ResponseStore:
    if not (folder / STORE_FILE).is_file():
        raise UsageError(f"{folder} is no part of a run: it has no {STORE_FILE}; run the parts with --shard K/N")
    if state_of(folder) != "complete":
        raise UsageError(f"{folder} is not finished; to continue it: harness resume {folder}")
    return ResponseStore(folder / STORE_FILE)


def _check(folders: Sequence[Path], manifests: Sequence[Manifest]) -> None:
    for folder, manifest in zip(folders, manifests, strict=True):
        if manifest.key != manifests[0].key:
            said = _differing((folders[0], manifests[0]), (folder, manifest))
            raise UsageError(f"{folder} and {folders[0]} are not parts of one run: {'; '.join(said)}")
    shards = [Shard.parse(manifest.shard) for manifest in manifests]
    for i, shard in enumerate(shards):
        if shard.of != shards[0].of:
            raise UsageError(f"{folders[i]} is {shard}, but {folders[0]} is {shards[0]}")
        if shard in shards[:i]:
            raise UsageError(f"{folders[i]} and {folders[shards.index(shard)]} are both {shard}")
    missing = [str(shard) for n in range(shards[0].of) if (shard := Shard(n + 1, shards[0].of)) not in shards]
    if missing:
        raise UsageError(f"there is no {', '.join(missing)}: a run is merged from all of its parts")


def _differing(one: tuple[Path, Manifest], other: tuple[Path, Manifest]) -> list[str]:
    """Return in what two parts differ, the rows of their data by name."""
    (first, before), (second, after) = one, other
    changed = [name for name in before.data if before.data[name] != after.data.get(name)]
    marks = (read_marks(first), read_marks(second)) if changed else ({}, {})
    said = []
    for name in changed:
        known = marks[0].get(name), marks[1].get(name)
        rows = known[0].differences(known[1]) if known[0] and known[1] else None
        said.append(f"data {name!r}: {rows or 'it is another'}")
    for what, differs in (
        ("the suite", before.suite.hash != after.suite.hash),
        ("the selection", before.selection != after.selection),
        ("the model (its fingerprint)", before.adapter.fingerprint != after.adapter.fingerprint),
        ("the batch size", before.batch_size != after.batch_size),
        ("the limit", before.limit != after.limit),
        ("the version of the harness", before.harness_version != after.harness_version),
    ):
        said += [f"{what} differs"] * differs
    return said or ["what its tasks are made of differs"]


def _copy(store: ResponseStore, merged: ResponseStore) -> None:
    for rows in chunks(store.placed(), _ROWS):
        merged.insert(rows)
