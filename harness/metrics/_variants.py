"""Variants of a metric, and the published code that some stand for: repository, commit, and the day it was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from harness.errors import UsageError, did_you_mean

SHORT: Final = 7
"""Digits of a commit that name a revision, and the least that a suite has to give."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant that gives the numbers of a public repository, mistakes included, as one commit computes them.

    Its main branch moves on, so a run records ``name@revision``. When a newer commit is read, the older entry may stay
    beside the new one, under a key that has its revision: ``{"lmms-eval": …, "lmms-eval@75571cf": …}``.
    """

    does: str
    """What it does otherwise than the default, in a line."""
    repository: str
    """``owner/name`` on GitHub; the name of a package on PyPI."""
    path: str
    """The file that was read; of a package, the function that was asked."""
    commit: str
    """All 40 digits; the version of a package."""
    read: str
    """When, as ``YYYY-MM-DD``."""

    @property
    def revision(self) -> str:
        """The commit in short, or the version."""
        return self.commit[:SHORT] if self._from_git else self.commit

    @property
    def _from_git(self) -> bool:
        return "/" in self.repository

    def is_at(self, revision: str) -> bool:
        """Say whether a suite that writes ``name@revision`` means this one."""
        if self._from_git:
            return len(revision) >= SHORT and self.commit.startswith(revision)
        return revision == self.commit

    def __str__(self) -> str:
        state = "commit" if self._from_git else "version"
        return f"{self.does} ({self.repository} {self.path}, {state} {self.commit}, read {self.read})"


@dataclass(frozen=True, slots=True)
class Repository:
    """A public repository at the commit that was read, or a package, once for all the variants that come from it."""

    name: str
    commit: str
    read: str

    def variant(self, path: str, does: str) -> Variant:
        """Return the variant that does what ``path`` does there."""
        return Variant(does, self.name, path, self.commit, self.read)


_READ: Final = "2026-11-29"

CHAIR: Final = Repository("LisaAnne/Hallucination", "6e4d33c4bedf6dfcd24c61bf527f40714717be47", _READ)
CHARTQAPRO: Final = Repository("vis-nlp/ChartQAPro", "4b422c658270aff1d3105fd0fb39b1dd5de9f08c", _READ)
COCO_CAPTION: Final = Repository("tylin/coco-caption", "3a9afb2682141a03e1cdc02b0df6770d2c884f6f", _READ)
DEPLOT: Final = Repository("google-research/google-research", "0282a25d1ce22da72e07f1bc680d2f9057a5e57f", _READ)
JIWER: Final = Repository("jiwer", "4.0.0", _READ)
LMMS_EVAL: Final = Repository("EvolvingLMMs-Lab/lmms-eval", "75571cfe0fa36ca5ec2e6aa2bb268f9d38295af3", _READ)
ANLS_STAR: Final = Repository("deepopinion/anls_star_metric", "eda6922347bf4147ac363e17b03f89f316399ec9", _READ)
MME: Final = Repository("zjunlp/Deco", "fee8d757c0a98036bc4e076b4ca6615350441ea7", _READ)
MOMENT_DETR: Final = Repository("jayleicn/moment_detr", "b7e553ac3b0c898ee6b85e03ee507c064eab89ca", _READ)
NEXT_GQA: Final = Repository("doc-doc/NExT-GQA", "63772e0256ad9e34b83d6a108f1ba2041b924607", _READ)
PIX2STRUCT: Final = Repository("google-research/pix2struct", "945f27e936c9464d9d7c133f1bd1f4f383be9e99", _READ)
POPE: Final = Repository("RUCAIBox/POPE", "3df3ba1b110ecce25696989577fad583b67d4239", _READ)
ROUGE_SCORE: Final = Repository("rouge-score", "0.1.2", _READ)
SACREBLEU: Final = Repository("sacrebleu", "2.6.0", _READ)
SQUAD: Final = Repository("rajpurkar/SQuAD-explorer", "eee5fdbf62f8613a7812b03419e6b29617b74fd1", _READ)
TORCHMETRICS: Final = Repository("torchmetrics", "1.9.0", _READ)
VLMEVALKIT: Final = Repository("open-compass/VLMEvalKit", "e8e78f05f3080fe28154f2130321f17951c3be94", _READ)
VQA: Final = Repository("GT-Vision-Lab/VQA", "a013f0043c1e2cdc995922dfe257f7149aa9af06", _READ)


Variants = Mapping[str, str | Variant]
"""By name: what a variant of our own does, in words; or the published code that it stands for."""


def variant_at(name: str, variants: Variants) -> str:
    """Return the name of a variant with the revision that was read: what a record holds.

    >>> variant_at("official", {"official": VQA.variant("vqaEval.py", "as published")})
    'official@a013f00'
    >>> variant_at("strict", {"strict": "the same code points"})
    'strict'
    """
    known = variants.get(name)
    return f"{name.partition('@')[0]}@{known.revision}" if isinstance(known, Variant) else name


def find_variant(metric: str, asked: str, variants: Variants) -> str:
    """Return the key of the variant that a suite asks for, as ``name`` (the newest revision) or ``name@revision``.

    Raises:
        UsageError: if there is none of that name or revision.

    >>> find_variant("vqa_accuracy", "official@a013f0043c", {"official": VQA.variant("vqaEval.py", "as published")})
    'official'
    """
    if asked in variants:
        return asked
    name, _, revision = str(asked).partition("@")
    ours = {key: entry for key, entry in variants.items() if key.partition("@")[0] == name}
    if not ours:
        raise UsageError(f"metric {metric!r} has no variant {asked!r}; {did_you_mean(name, variants)}")
    published = {key: entry for key, entry in ours.items() if isinstance(entry, Variant)}
    if not published:
        raise UsageError(f"metric {metric!r}: variant {name!r} stands for no repository; write it without '@'")
    for key, entry in published.items():
        if entry.is_at(revision):
            return key
    known = ", ".join(f"{name}@{entry.revision} (read {entry.read})" for entry in published.values())
    raise UsageError(f"metric {metric!r}: no revision {revision!r} of variant {name!r} was read; known: {known}")
