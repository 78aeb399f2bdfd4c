"""How likely a model finds given answers, in one pass each, with or without gradients."""

from collections.abc import Sequence
from typing import Any

from harness.adapters._torch.loading import Loaded


def log_likelihoods(loaded: Loaded, batch: Any, answers: Sequence[Sequence[int]]) -> Any:
    """Return the summed log-likelihood of each row's answer, float32 [rows].

    Args:
        loaded: the model.
        batch: prompts as the processor made them, padded on the left, on the model's device.
        answers: the tokens of each row's answer, at least one, with the end token where it counts.
    """
    import torch
    from torch.nn.functional import log_softmax
    from torch.nn.utils.rnn import pad_sequence

    mask = batch["attention_mask"].bool()
    said = [torch.tensor(answer, dtype=torch.long, device=loaded.device) for answer in answers]

    def extended(name: str, tails: Sequence[Any]) -> Any:
        rows = [torch.cat([row[kept], tail]) for row, kept, tail in zip(batch[name], mask, tails, strict=True)]
        return pad_sequence(rows, batch_first=True)

    none = [torch.zeros_like(answer) for answer in said]
    length = int((mask.sum(1) + torch.tensor([len(a) for a in said], device=loaded.device)).max())
    ends = [(int(kept.sum()), int(kept.sum()) + len(answer)) for kept, answer in zip(mask, said, strict=True)]
    asked = torch.zeros(len(said), length, dtype=torch.bool, device=loaded.device)
    for row, (start, end) in enumerate(ends):
        asked[row, start - 1 : end - 1] = True  # the logits that predict the answer stand one place before it
    kept = length - min(start for start, _ in ends) + 1  # not every version of the library takes a mask here
    others = {name: value for name, value in batch.items() if name in ("pixel_values", "image_grid_thw")}
    logits = loaded.base(
        input_ids=extended("input_ids", said),
        attention_mask=extended("attention_mask", [answer + 1 for answer in none]),
        mm_token_type_ids=extended("mm_token_type_ids", none),
        logits_to_keep=kept,
        use_cache=False,
        **others,
    ).logits[asked[:, -kept:]]
    chosen = log_softmax(logits.float(), dim=-1).gather(-1, torch.cat(said)[:, None])[:, 0]
    return torch.stack([part.sum() for part in torch.split(chosen, [len(answer) for answer in said])])
