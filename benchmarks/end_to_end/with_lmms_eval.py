"""lmms-eval: a task of its own over the same rows, its model `qwen2_vl`, its log of samples on."""

import sys
from pathlib import Path

_TASK = """
task: end_to_end
dataset_path: parquet
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function tools.visual
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{max_new_tokens: 16}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""
_TOOLS = """
def visual(doc):
    return [doc["image"].convert("RGB")]
"""


def main(folder: Path, model_folder: str, batch: int, system: str) -> None:
    from watched import (
        Watch,
        without_compiled_torchvision,
    )  # beside this script, which others import without running it

    watch = Watch()
    without_compiled_torchvision()
    import torch

    torch.set_num_threads(1)
    watch.begin()
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.loggers import EvaluationTracker
    from lmms_eval.tasks import TaskManager

    tasks = folder / "lmms"
    tasks.mkdir()
    (tasks / "end_to_end.yaml").write_text(_TASK.format(rows=folder / "rows.parquet"), encoding="utf-8")
    (tasks / "tools.py").write_text(_TOOLS, encoding="utf-8")
    arguments = f"pretrained={model_folder},device_map=cpu,max_pixels=50176,min_pixels=3136"
    tracker = EvaluationTracker(output_path=str(folder / "lmms-out"))
    found = simple_evaluate(
        model="qwen2_vl",
        model_args=f"{arguments},system_prompt={system}",
        tasks=["end_to_end"],
        batch_size=batch,
        device="cpu",
        log_samples=True,
        evaluation_tracker=tracker,
        bootstrap_iters=0,
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
    )
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples, datetime_str="now")
    for name, rows in samples.items():
        tracker.save_results_samples(task_name=name, samples=rows)
    watch.end()
    answers = {f"s{row['doc_id']}": row["filtered_resps"] for row in samples["end_to_end"]}
    watch.tell(answers, "lmms_eval", "transformers", "torch")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]), sys.argv[4])
