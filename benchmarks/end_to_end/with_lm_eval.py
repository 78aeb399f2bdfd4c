"""lm-evaluation-harness: a multimodal task of its own over the same rows, its model `hf-multimodal`."""

import sys
from pathlib import Path


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
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker

    task = {
        "task": "end_to_end",
        "dataset_path": "parquet",
        "dataset_kwargs": {"data_files": {"test": str(folder / "rows.parquet")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_image": ["image"],
        "doc_to_text": "<image>{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"max_gen_toks": 16, "do_sample": False, "until": ["<|im_end|>"]},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    tracker = EvaluationTracker(output_path=str(folder / "lm-out"))
    found = simple_evaluate(
        model="hf-multimodal",
        model_args={"pretrained": model_folder, "dtype": "float32", "max_images": 1},
        tasks=[task],
        batch_size=batch,
        device="cpu",
        log_samples=True,
        apply_chat_template=True,
        system_instruction=system,
        evaluation_tracker=tracker,
        bootstrap_iters=0,
    )
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples)
    for name, rows in samples.items():
        tracker.save_results_samples(task_name=name, samples=rows)
    watch.end()
    answers = {f"s{row['doc_id']}": row["resps"][0][0] for row in samples["end_to_end"]}
    watch.tell(answers, "lm_eval", "transformers", "torch")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]), sys.argv[4])
