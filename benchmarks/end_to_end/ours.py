"""This harness: the suite is run as `harness run` does, its durable record on."""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watched import Watch

_STAGES: Final = {
    "start": ("harness.engine.run:_executor",),
    "model": ("transformers.generation.utils:GenerationMixin.generate",),
    "processor": ("harness.adapters._torch.prompting:Encoder.process",),
    "chat template": ("harness.adapters._torch.prompting:Encoder.render",),
    "answers read": ("harness.adapters._torch.adapter:TorchAdapter._respond",),
    "adapter": ("harness.adapters._torch.adapter:TorchAdapter.generate",),
    "data checked": ("harness.engine.run:usable_data", "harness.engine.run:changed_meanwhile"),
    "rows read": ("harness.data.jsonl:JsonlDataset._sample",),
    "pictures decoded": ("harness.data._images:FileImage.load",),
    "requests hashed": ("harness.engine.prepare:request_hash",),
    "requests made": ("harness.engine.prepare:contained",),
    "scored": ("harness.engine.keep:_row",),
    "stored": ("harness.record.store:ResponseStore.insert",),
    "record written": ("harness.engine.run:finish",),
    "report": ("harness.engine.thumbnails:keep_wrong", "harness.report.html:write_html"),
}
"""What is counted towards each stage, as module and name: where the name is looked up, not where it is defined."""


def watch_stages(watch: "Watch") -> None:
    """Count the CPU time of each stage; all modules are imported by this."""
    for stage, places in _STAGES.items():
        for place in places:
            module, _, path = place.partition(":")
            owner = import_module(module)
            *owners, name = path.split(".")
            for one in owners:
                owner = getattr(owner, one)
            watch.count(owner, name, stage)


def main(folder: Path, model_folder: str, batch: int, system: str, image_cache: str = "0", where: str = "") -> None:
    from watched import Watch  # beside this script, which others import without running it

    watch = Watch()
    import yaml

    import harness

    # The harness imports the model's library when it first needs it; the clocks have to be there before.
    watch.begin()
    if where:
        watch_stages(watch)
    suite = {
        "suite": "end_to_end",
        "version": 1,
        "datasets": {"rows": {"type": "jsonl", "path": "rows.jsonl"}},
        "tasks": {"qa": {"kind": "qa", "dataset": "rows", "metrics": ["exact_match"], "max_new_tokens": 16}},
    }
    adapter = {
        "adapter": "tiny",
        "type": "qwen2_vl",
        "model": model_folder,
        "threads": 1,
        "batch_size": batch,
        "system": system,
        "image_cache": image_cache if image_cache != "0" else 0,
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(adapter), encoding="utf-8")
    run = harness.run(folder / "suite.yaml", folder / "tiny.yaml", out=folder / "runs")
    watch.end()
    frame = run.samples()
    answers = dict(zip(frame["sample_id"], frame["response"], strict=True))
    watch.tell(answers, "transformers", "torch")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]), *sys.argv[4:7])
