"""What a judge's verdicts come to, and what the judge itself is worth."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.estimate import (
    SIGNED,
    Node,
    Number,
    Statistic,
    column,
    count,
    difference,
    equals,
    glossary_of,
    linear,
    mean,
    product,
    ratio,
    rogan_gladen,
    scaled,
    total,
)
from harness.tasks.judge.known import (
    FAMILIES,
    JUDGED,
    LONG_BETTER,
    LONG_WORSE,
    RIGHT,
    RIGHT_LONG,
    WRONG,
    WRONG_LONG,
)

SCORE: Final = "judge_score"

NUMBERS: Final = glossary_of(
    Number(
        SCORE,
        "Mean grade that the judge gives, from 0 to 1; of two answers the share of orders that the model's wins, a tie "
        "being half. What the judge says, its errors included. A verdict that cannot be read counts 0, in pairs half.",
    ),
    Number(
        "judged_share",
        "Share of the answers that the judge passes: what it says, its errors included. Answers that never came, and "
        "verdicts that cannot be read, do not pass.",
    ),
    Number(
        "judged_share_corrected",
        "Share of the answers that are right, if the judge errs on them as on the known ones: "
        "(p − (1 − specificity)) / (sensitivity + specificity − 1) for the share p that it passes, between 0 and 1. "
        "Its interval knows how few answers told how the judge errs, and is everything where nothing shows that it "
        "tells right from wrong.",
        source="Rogan and Gladen 1978; Fieller 1954; Lang and Reiczigel 2014",
    ),
    Number(
        "win_rate",
        "Share of the orders in which the judge prefers the model's answer, a tie being half: what it says, its errors "
        "included. Both orders of each pair are asked; an answer that never came loses.",
    ),
    Number(
        "win_rate_corrected",
        "Share of the pairs in which the model's answer is better, a tie being half, if the judge errs on them as on "
        "pairs whose better answer is known; otherwise as `judged_share_corrected`.",
        source="Rogan and Gladen 1978; Fieller 1954; Lang and Reiczigel 2014",
    ),
    Number("sensitivity", "Share of the known right answers that the judge passes."),
    Number("specificity", "Share of the known wrong answers that the judge does not pass."),
    Number(
        "informedness",
        "How much better than a coin the judge is: sensitivity + specificity − 1 on known answers, or "
        "2 × judge_accuracy − 1 on known pairs; 0 for a coin, 1 for a judge that does not err.",
        bounds=SIGNED,
        source="Youden 1950",
    ),
    Number(
        "judge_kappa",
        "Cohen's κ of the judge with the truth on known answers: agreement beyond that of two who toss coins that "
        "show right as often.",
        bounds=SIGNED,
        source="Cohen 1960",
    ),
    Number(
        "judge_accuracy", "Share of orders in which the judge prefers the answer known to be better; a tie is half."
    ),
    Number(
        "first_preferred",
        "Share of the orders with a preference in which the answer that stands first is preferred, but where one was "
        "made long; both orders of each pair are asked, so that 0.5 is no preference for a place.",
        "none",
    ),
    Number(
        "consistency",
        "Share of the pairs of which the judge says the same in both orders, of those that are readable in both.",
    ),
    Number("tie_rate", "Share of the readable orders in which the judge prefers neither answer.", "none"),
    Number(
        "length_effect",
        "How much many words help: of one answer, by how much they raise the share that passes, right and wrong ones "
        "alike; of two, the accuracy where the better answer is the long one less that where the worse one is. 0 is no "
        "effect, above 0 long answers gain.",
        "none",
        bounds=SIGNED,
    ),
    Number(
        "self_preference",
        "Share of orders in which the judge prefers its own family's answer (of one answer at a time: ½ + half the "
        "difference of what passes), where both are right or both wrong and they differ; 0.5 is none.",
        "none",
    ),
    Number("unparsed_share", "Share of the judge's verdicts on the model's answers that cannot be read.", "lower"),
    Number("unparsed_known", "Share of its verdicts on known answers that cannot be read.", "lower"),
    Number("pass_rate", "Share of a cell's answers that the judge passes.", "none"),
    Number("better_wins", "Share of orders of a cell's pairs in which the answer known to be better is preferred."),
)
"""The numbers of a judge."""


def of(name: str, *cells: str) -> Node:
    """Return a column of verdicts."""
    return column(f"{SCORE}.{name}", *cells)


def judged_numbers(calibrating: Sequence[str], *, pairs: bool, graded: bool) -> Iterator[Statistic]:
    """Yield the numbers of the model's own answers; grades where there is more than passing."""
    passed, naive = of("passed", JUDGED.id), "win_rate" if pairs else "judged_share"
    yield NUMBERS[naive].over(mean(passed))
    if calibrating:
        right, wrong = _known(calibrating)
        yield NUMBERS[f"{naive}_corrected"].over(rogan_gladen(passed, of("came", JUDGED.id), right, wrong))
    if graded:
        yield NUMBERS[SCORE].over(mean(column(SCORE, JUDGED.id)))
    yield NUMBERS["unparsed_share"].over(_unread(JUDGED.id))


def manner(cells: Sequence[str]) -> Iterator[Statistic]:
    """Yield how the judge comes to prefer one of two answers, over pairs that no planted length decides."""
    cells = [cell for cell in cells if cell not in (LONG_BETTER, LONG_WORSE)]
    decided, orders = total(of("decided", *cells)), total(of("orders", *cells))
    yield NUMBERS["first_preferred"].over(ratio(total(of("first", *cells)), decided))
    yield NUMBERS["consistency"].over(mean(of("agreeing", *cells)))
    yield NUMBERS["tie_rate"].over(ratio(difference(orders, decided), orders))


def judge_numbers(sorts: Sequence[str], calibrating: Sequence[str], *, pairs: bool) -> Iterator[Statistic]:
    """Yield what the judge is worth on known answers."""
    told = NUMBERS
    if calibrating and pairs:
        better, _ = _known(calibrating)
        yield told["judge_accuracy"].over(mean(better))
        yield told["informedness"].over(linear([(2.0, mean(better))], plus=-1.0))
    elif calibrating:
        right, wrong = _known(calibrating)
        yield told["sensitivity"].over(mean(right))
        yield told["specificity"].over(mean(equals(wrong, 0.0)))
        yield told["informedness"].over(difference(mean(right), mean(wrong)))
        yield told["judge_kappa"].over(_kappa(right, wrong))
    if {LONG_BETTER, RIGHT_LONG} & set(sorts):
        yield told["length_effect"].over(_length(sorts, pairs=pairs))
    if FAMILIES in sorts:
        yield told["self_preference"].over(mean(of("preferred", FAMILIES)))
    if sorts:
        yield told["unparsed_known"].over(_unread(*sorts))


def cell_numbers(cell: str, *, pairs: bool) -> list[Statistic]:
    """Return what the judge makes of one cell's answers."""
    if cell == FAMILIES:
        return [NUMBERS["self_preference"].over(mean(of("preferred", cell)))]
    if cell == JUDGED.id:
        return [NUMBERS["win_rate" if pairs else "judged_share"].over(mean(of("passed", cell)))]
    if pairs:
        return [NUMBERS["better_wins"].over(mean(of("passed", cell)))]
    way = "higher" if "right" in cell else "lower"
    return [NUMBERS["pass_rate"].over(mean(of("passed", cell)), direction=way)]


def _known(cells: Sequence[str]) -> tuple[Node, Node]:
    """Return whether right answers pass and whether wrong ones do; of pairs how much the better and the worse win."""
    if len(cells) == 1:
        better = of("passed", *cells)
        return better, scaled(better, -1.0, 1.0)
    right, *wrongs = cells
    return of("passed", right), of("passed", *wrongs)


def _kappa(right: Node, wrong: Node) -> Node:
    rights, wrongs, hits, slips = count(right), count(wrong), total(right), total(wrong)
    n = linear([(1.0, rights), (1.0, wrongs)])
    passing = linear([(1.0, hits), (1.0, slips)])
    failing = linear([(1.0, n), (-1.0, passing)])
    agreeing = linear([(1.0, hits), (1.0, wrongs), (-1.0, slips)])
    chance = linear([(1.0, product(passing, rights)), (1.0, product(failing, wrongs))])
    return ratio(difference(product(agreeing, n), chance), difference(product(n, n), chance))


def _length(sorts: Sequence[str], *, pairs: bool) -> Node:
    if pairs:
        return difference(mean(of("passed", LONG_BETTER)), mean(of("passed", LONG_WORSE)))
    wrongs = [sort for sort in sorts if sort.startswith(WRONG) and sort != WRONG_LONG]
    parts = ((0.5, [RIGHT_LONG]), (-0.5, [RIGHT]), (0.5, [WRONG_LONG]), (-0.5, wrongs))
    return linear([(weight, mean(of("passed", *cells))) for weight, cells in parts])


def _unread(*cells: str) -> Node:
    return ratio(total(of("unread", *cells)), total(of("verdicts", *cells)))
