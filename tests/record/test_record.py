"""What a run leaves on disk is read back as it was written, and what cannot be read is said in a sentence."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import harness
from harness.errors import UsageError
from harness.record import Run, RunRecord, find_runs, read_run
from harness.record.folder import RUN_FILE, write_run
from harness.record.schema import (
    SCHEMA_VERSION,
    AdapterRecord,
    CellRecord,
    CurveRecord,
    FindingRecord,
    GateRecord,
    GitRecord,
    MachineRecord,
    MetricRecord,
    SuiteRecord,
    TaskRecord,
)
from harness.types import MetricValue

numbers = st.floats(allow_nan=True, allow_infinity=True)
words = st.text(max_size=8)
counts = st.integers(0, 1 << 40)
plain = st.recursive(
    st.none() | st.booleans() | counts | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
blocks = st.dictionaries(words, plain, max_size=3)
metrics = st.builds(
    MetricValue,
    value=numbers,
    low=numbers,
    high=numbers,
    n=counts,
    total=counts,
    direction=st.sampled_from(("higher", "lower")),
    unit=words,
    statuses=st.dictionaries(st.sampled_from(("ok", "error")), counts),
    method=words,
    confidence=st.floats(0, 1),
).map(MetricRecord.of)
tasks = st.builds(
    TaskRecord,
    kind=words,
    config=blocks,
    config_hash=words,
    metrics=st.dictionaries(words, metrics, max_size=2),
    cells=st.dictionaries(
        words,
        st.builds(CellRecord, labels=st.dictionaries(words, words | counts, max_size=2), metrics=st.just({})),
        max_size=2,
    ),
    curves=st.lists(
        st.builds(CurveRecord, name=words, x_label=words, x=st.just([0.0, 1.0]), points=st.lists(metrics, max_size=2)),
        max_size=1,
    ),
    findings=st.lists(st.builds(FindingRecord, level=st.sampled_from(("note", "warning")), text=words), max_size=2),
)
seconds = st.floats(0, 1e9)
records = st.builds(
    RunRecord,
    schema_version=st.just(SCHEMA_VERSION),
    run_id=words,
    status=st.sampled_from(("complete", "interrupted", "failed")),
    reason=words,
    harness_version=words,
    started=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    seconds=seconds,
    cpu_seconds=seconds,
    suite=st.builds(SuiteRecord, content=blocks),
    adapter=st.builds(AdapterRecord, config=blocks),
    options=st.dictionaries(words, st.none() | counts, max_size=3),
    datasets=st.dictionaries(words, words, max_size=2),
    machine=st.builds(MachineRecord),
    git=st.none() | st.builds(GitRecord),
    timings=st.dictionaries(words, seconds, max_size=3),
    responses=st.dictionaries(words, counts, max_size=3),
    tasks=st.dictionaries(words, tasks, max_size=2),
    gates=st.lists(st.builds(GateRecord), max_size=2),
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(record=records)
def test_a_record_is_read_back_as_it_was_written_and_is_strict_json(tmp_path: Path, record: RunRecord) -> None:
    write_run(tmp_path, record)
    assert read_run(tmp_path) == record

    def refuse(literal: str) -> None:
        pytest.fail(f"{literal} is no JSON")

    json.loads((tmp_path / RUN_FILE).read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_an_undefined_number_is_null_in_the_record(odd: float) -> None:
    metric = MetricRecord.of(MetricValue(odd, odd, odd, 0, 0, "higher"))
    assert (metric.value, metric.low, metric.high, metric.coverage) == (None, None, None, None)


@pytest.fixture
def run_json(small_run: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((small_run / RUN_FILE).read_text(encoding="utf-8"))
    return {key: value for key, value in told.items() if key not in ("checksum", "files")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, f"has schema {SCHEMA_VERSION + 1}; this harness reads up to"),
        ({"schema_version": SCHEMA_VERSION + 1, "invented": 1}, "upgrade it"),
        ({"invented": 1}, "invented: Extra inputs are not permitted"),
        ({"seconds": "long"}, "seconds: "),
        ({"status": "fine"}, "status: "),
        ({"tasks": {"qa": {}}}, r"tasks\.qa\.kind: Field required"),
    ],
    ids=str,
)
def test_a_record_that_does_not_fit_is_refused_naming_the_key(write, run_json, change, said: str) -> None:
    file = write(RUN_FILE, json.dumps(run_json))
    assert read_run(file.parent).suite.name == "small"
    file.write_text(json.dumps(run_json | change))
    with pytest.raises(UsageError, match=said):
        read_run(file.parent)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_record_is_refused_with_a_sentence(write, content: bytes) -> None:
    with pytest.raises(UsageError, match="is not a run"):
        read_run(write(RUN_FILE, content).parent)


def test_a_folder_without_a_record_or_samples_is_refused_with_a_sentence(write, run_json, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not a run: cannot read run\.json there"):
        harness.load_run(tmp_path)
    with pytest.raises(UsageError, match=r"is not a run: cannot read run\.json there"):
        harness.load_run(tmp_path / "nowhere")
    write(RUN_FILE, json.dumps(run_json))
    run = Run(tmp_path)
    with pytest.raises(UsageError, match=r"samples\.parquet cannot be read"):
        run.table()
    write("samples.parquet", b"PAR1 but not really")
    with pytest.raises(UsageError, match=r"samples\.parquet cannot be read"):
        run.samples()


def test_a_report_that_is_written_later_does_not_make_a_run_newer(write, run_json, tmp_path: Path) -> None:
    for name in ("old", "new"):
        write(f"{name}/{RUN_FILE}", json.dumps(run_json))
    write("old/report.html", "later")
    assert [folder.name for folder in find_runs(tmp_path)] == ["old", "new"]
