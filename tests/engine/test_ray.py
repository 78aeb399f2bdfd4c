"""The same plan on a Ray cluster of two nodes comes to the same scores, though a worker is killed on the way."""

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.adapters.mock import MockAdapter
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import AdapterError
from harness.record import Run, read_run
from harness.suite.adapters import read_adapter
from harness.types import Request, Response
from tests.engine.test_resume import same

ray = pytest.importorskip("ray", reason="RAY IS NOT INSTALLED: --executor ray is not tested (pip install ray)")

SUITE = """\
suite: on-ray
version: 1
datasets: {charts: {type: charts, limit: 24}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [3]}
"""
DOOM = "HARNESS_TEST_DOOM"


class Mortal(MockAdapter):
    """Its process ends in the middle of a batch, once in the whole cluster, and it logs where it works."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        folder = Path(os.environ[DOOM])
        (folder / f"{ray.get_runtime_context().get_node_id()}-{os.getpid()}").touch()
        if requests[0].id.startswith("sweep/clean"):
            try:
                (folder / "dead").touch(exist_ok=False)
                os._exit(9)
            except FileExistsError:
                pass
        time.sleep(0.01)
        return super().generate(requests)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from ray.cluster_utils import Cluster

    folder = tmp_path_factory.mktemp("doom")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv(DOOM, str(folder))
        patch.setenv("RAY_DEDUP_LOGS", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        small = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
        nodes = Cluster(initialize_head=True, head_node_args=small)
        nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
        ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
        yield folder
        ray.shutdown()
        nodes.shutdown()


def test_two_nodes_and_a_dead_worker_come_to_the_scores_of_one_process(
    cluster: Path, plug_in, write, bind, tmp_path: Path
) -> None:
    plug_in("adapters", "mortal", f"{__name__}:Mortal")
    keys = "batch_size: 4\nerror_rate: 0.3\n"
    mortal = read_adapter(str(write("mortal.yaml", f"adapter: it\ntype: mortal\n{keys}")))
    mock = read_adapter(str(write("mock.yaml", f"adapter: it\ntype: mock\n{keys}")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, about its next release
        remote, record = run_suite(bind(SUITE), mortal, RunOptions(tmp_path / "ray", executor="ray"), Silent())
    local, _ = run_suite(bind(SUITE), mock, RunOptions(tmp_path / "local"), Silent())
    assert record.responses == {"ok": 72}
    same(local, remote)
    assert read_run(remote).adapter.fingerprint == read_run(local).adapter.fingerprint
    assert (cluster / "dead").exists()
    seen = {file.name.split("-")[0] for file in cluster.iterdir() if file.name != "dead"}
    assert len(seen) == 2
    workers = [file for file in cluster.iterdir() if file.name != "dead"]
    assert len(workers) == 3  # two, and the one that took the dead one's place
    assert Run(remote).table().num_rows == 72


def test_a_model_that_cannot_be_loaded_on_the_cluster_is_said(cluster: Path, plug_in, write, bind, tmp_path) -> None:
    plug_in("adapters", "absent", f"{__name__}:Absent")
    absent = read_adapter(str(write("absent.yaml", "adapter: it\ntype: absent\n")))
    options = RunOptions(tmp_path / "ray", executor="ray", ray_workers=1)
    with pytest.raises(AdapterError, match="no weights here"):
        run_suite(bind(SUITE), absent, options, Silent())


class Absent(MockAdapter):
    @classmethod
    def from_config(cls, config: object, folder: Path) -> "Absent":
        raise RuntimeError("no weights here")
