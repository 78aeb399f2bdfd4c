"""This harness: the suite is run as `harness run` does, its durable record on."""

import sys
from pathlib import Path


def main(folder: Path, model_folder: str, batch: int, system: str, image_cache: str = "0") -> None:
    from watched import Watch  # beside this script, which others import without running it

    watch = Watch()
    import yaml

    import harness

    # The harness imports the model's library when it first needs it; the clocks have to be there before.
    watch.begin()
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
    main(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]), *sys.argv[4:6])
