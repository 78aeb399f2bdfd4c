"""How other harnesses are installed and run in a workflow: a beginning, to be changed by whoever uses it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Peer:
    """One harness."""

    install: str
    run: str
    """What leaves its results under ``out/``, and does not fail because an answer was wrong."""
    log: str = "out"
    """What is read of it."""


PEERS: Final = {
    "lm-eval": Peer(
        'pip install "lm-eval[hf]"',
        "lm_eval --model hf --model_args pretrained=YOUR/MODEL --tasks gsm8k --output_path out --log_samples",
    ),
    "lmms-eval": Peer(
        "pip install lmms-eval",
        "python -m lmms_eval --model qwen2_5_vl --model_args pretrained=YOUR/MODEL --tasks docvqa_val --output_path "
        "out --log_samples",
    ),
    "inspect": Peer("pip install inspect-ai", "inspect eval task.py --model YOUR/MODEL --log-dir out"),
    "vlmevalkit": Peer(
        "pip install git+https://github.com/open-compass/VLMEvalKit",
        "vlmutil run --data MMBench_DEV_EN --model YOUR_MODEL --work-dir out",
    ),
    "lighteval": Peer(
        "pip install lighteval",
        'lighteval accelerate "model_name=YOUR/MODEL" "gsm8k|0" --output-dir out --save-details',
    ),
    "evalscope": Peer("pip install evalscope", "evalscope eval --model YOUR/MODEL --datasets gsm8k --work-dir out"),
    "helm": Peer(
        "pip install crfm-helm",
        "helm-run --run-entries mmlu:subject=anatomy,model=YOUR/MODEL --suite gate -m 500 -o out",
    ),
    "promptfoo": Peer("npm install -g promptfoo", "promptfoo eval -o out/results.json --no-cache || [ $? = 100 ]"),
    "openai-evals": Peer("pip install evals", "oaieval YOUR_MODEL YOUR_EVAL --record_path out/log.jsonl"),
    "deepeval": Peer(
        "pip install deepeval", "DEEPEVAL_RESULTS_FOLDER=out deepeval test run test_model.py || [ $? = 1 ]"
    ),
    "junit": Peer("pip install pytest", "pytest --junitxml=out/junit.xml || [ $? = 1 ]"),
    "table": Peer("pip install -r requirements.txt", "python evaluate.py --out out/scores.csv", "out/scores.csv"),
}
