"""The values that flow through the harness: sample → request → response → score → metric."""

from harness.types.adapter import (
    Adapter,
    ClassifyingAdapter,
    EmbeddingAdapter,
    FileAdapter,
    GradientAdapter,
    GroundingAdapter,
    ScoringAdapter,
    StagedAdapter,
    TextEmbeddingAdapter,
    TokenCount,
    TokenCounter,
)
from harness.types.corruption import Corruption
from harness.types.exchange import Generation, Oracle, Request, Response
from harness.types.handle import PATIENT, AdapterHandle, Footprint, Patience
from harness.types.outcome import JSON, Ask, Direction, Finish, Status
from harness.types.sample import ClipData, ClipSource, Counterfactual, Dataset, ImageSource, Sample, Span
from harness.types.score import MetricValue, Score

__all__ = [
    "JSON",
    "PATIENT",
    "Adapter",
    "AdapterHandle",
    "Ask",
    "ClassifyingAdapter",
    "ClipData",
    "ClipSource",
    "Corruption",
    "Counterfactual",
    "Dataset",
    "Direction",
    "EmbeddingAdapter",
    "FileAdapter",
    "Finish",
    "Footprint",
    "Generation",
    "GradientAdapter",
    "GroundingAdapter",
    "ImageSource",
    "MetricValue",
    "Oracle",
    "Patience",
    "Request",
    "Response",
    "Sample",
    "Score",
    "ScoringAdapter",
    "Span",
    "StagedAdapter",
    "Status",
    "TextEmbeddingAdapter",
    "TokenCount",
    "TokenCounter",
]
