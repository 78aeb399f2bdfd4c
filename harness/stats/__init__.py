"""Intervals, tests and decisions: pure functions on arrays. They know nothing of runs, suites and files.

===================  ==================================================================================
module               what it answers
===================  ==================================================================================
``results``          what every comparison returns: :class:`~harness.stats.results.Comparison`
``intervals``        how sure is one number? Wilson, t, percentiles of draws
``paired``           did paired scores change? t with clusters, McNemar, Tango
``quantiles``        how slow is the slow tail, and by which factor did it move?
``labelled``         what do labels of a few rows say of all? Scores over strata of a proxy
``multiplicity``     many p-values: Holm, Benjamini–Hochberg
``power``            what could this n have seen, and which n would decide?
``sequential``       may we stop early? alpha spending
``verdict``          FAIL, NON-INFERIOR or INCONCLUSIVE
``equivalence``      is a difference shown to be small, either way? Two one-sided tests
===================  ==================================================================================

Did an aggregate change (an F1, an AUROC, a mAP)? That is :class:`harness.estimate.Comparer`, for every statistic.
Differences are oriented so that above zero is better: ``d = s · (candidate − baseline)``, s = −1
where lower is better. Arguments are checked at the door (``ValueError`` that names the argument;
NaN is refused, never averaged away), no data gives NaN with ``n = 0``, and randomness comes from
the generator that is passed in.
"""
