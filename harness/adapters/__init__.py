"""Bridges to models, one module a type, and what an adapter of your own is made of."""

from harness.adapters._halving import Halving
from harness.errors import AdapterError, HopelessError, SampleError
from harness.traces import Pixels, Trace, TracingAdapter
from harness.types import (
    Adapter,
    AdapterHandle,
    ClassifyingAdapter,
    EmbeddingAdapter,
    FileAdapter,
    Finish,
    Footprint,
    Generation,
    GradientAdapter,
    GroundingAdapter,
    Oracle,
    Request,
    Response,
    ScoringAdapter,
    StagedAdapter,
    Status,
    TokenCount,
    TokenCounter,
)

__all__ = [
    "Adapter",
    "AdapterError",
    "AdapterHandle",
    "ClassifyingAdapter",
    "EmbeddingAdapter",
    "FileAdapter",
    "Finish",
    "Footprint",
    "Generation",
    "GradientAdapter",
    "GroundingAdapter",
    "Halving",
    "HopelessError",
    "Oracle",
    "Pixels",
    "Request",
    "Response",
    "SampleError",
    "ScoringAdapter",
    "StagedAdapter",
    "Status",
    "TokenCount",
    "TokenCounter",
    "Trace",
    "TracingAdapter",
]
