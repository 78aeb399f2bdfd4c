"""Models that answer by picking one of the answers that they were trained on, as ViLT does."""

from typing import Any

from harness.adapters._torch.decoding import Answer, Watch, synchroniser, timed
from harness.adapters._torch.loading import Loaded
from harness.types import Finish


def choose(loaded: Loaded, batch: Any, watch: Watch | None = None) -> tuple[list[Answer], dict[str, float]]:
    """Return the name of the likeliest answer to each row, and the seconds it took; ``watch`` is shown the scores."""
    import torch

    with torch.inference_mode(), timed(synchroniser(loaded.device)) as seconds:
        logits = loaded.model(**batch).logits.float()
        finite, best = logits.isfinite().all(-1).tolist(), logits.argmax(-1).tolist()
        likely = logits.log_softmax(-1).max(-1).values.tolist()
    if watch is not None:
        watch.first = logits
    names = loaded.base.config.id2label
    answers = [
        Answer((), sound, Finish.STOP if sound else Finish.ERROR, (own,), str(names[place]))
        for place, sound, own in zip(best, finite, likely, strict=True)
    ]
    return answers, {"prefill": seconds[0]}
