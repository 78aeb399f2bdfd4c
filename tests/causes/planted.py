"""A small model whose faults are planted by its options: which questions each breaks depends on their text alone."""

import hashlib
import re

RIGHT = {"newline": True, "lora_scale": 16.0, "max_pixels": 200704, "bits": 32, "channels": "rgb", "stretch": False}
"""The options with which every sum is right."""
BREAKS = {"newline": 0.4, "lora_scale": 0.5, "max_pixels": 0.4, "bits": 0.4, "prompt": 0.45, "together": 0.5}
"""The share of questions that each fault breaks."""


def hit(fault: str, question: str) -> bool:
    """Return whether a fault breaks a question."""
    digest = hashlib.sha256(f"{fault}:{question}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < BREAKS[fault]


def answer(prompt: str, images: list[object], **options: object) -> str:
    """Add two numbers, unless a fault says otherwise. What is not in ``BREAKS`` does nothing."""
    found = re.search(r"(\d+) \+ (\d+)", prompt)
    if found is None:
        return ""
    right = int(found[1]) + int(found[2])
    faults = [name for name in BREAKS if name in RIGHT and options.get(name, RIGHT[name]) != RIGHT[name]]
    if "briefly" not in prompt:
        faults.append("prompt")
    if options.get("channels") == "bgr" and options.get("stretch"):  # each is harmless by itself
        faults.append("together")
    return str(right + any(hit(name, found[0]) for name in faults))
