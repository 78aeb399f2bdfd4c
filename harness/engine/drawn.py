"""What a draw with unequal chances is like, in words."""

from harness.record.schema import DrawnRecord


def told_draw(drawn: DrawnRecord | None) -> str:
    """Return a sentence on the samples of a run; empty where all had the same chance."""
    if drawn is None:
        return ""
    return (
        f"{drawn.asked:,} of {drawn.population:,} samples, drawn by what {len(drawn.runs)} earlier runs say of them, "
        f"and weighted: beside another model one is worth {drawn.worth:.2g} of a plain draw in variance if models "
        f"differ where they did, and all are worth {drawn.effective:,.0f} for a number that history says nothing of"
    )
