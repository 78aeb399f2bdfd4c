"""A judge: another model says whether answers are right, or which is better, and is itself held against the truth."""

from typing import Final

from harness.tasks.judge.task import JudgeTask

__all__ = ["JudgeTask"]

ENTRIES: Final = {"judge": "JudgeTask"}
