"""Whether a difference between two runs is more than luck: paired tests over the queries that both answered.

Smucker, Allan & Carterette 2007, "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation",
compare the tests in use: randomisation and Student's t agree, and the sign and the Wilcoxon test are to be avoided.
A p-value is the chance of a difference at least as large, in either direction, if it did not matter which run gave
which answer. Among many comparisons, some are small by chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ConfigError
from retrieval.evaluation.measures import Figures, missing_extra

Test = Literal["randomisation", "t"]
Differences = NDArray[np.float64]

RESAMPLES = 10_000
SEED = 20070913
_BATCH = 500  # resamples in memory together
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of two runs, query by query.

    difference   mean over the queries of the run's value minus the other's
    p_value      two-sided
    wins, ties, losses   how many queries the run answers better, as well, and worse
    """

    measure: str
    difference: float
    p_value: float
    test: Test
    wins: int
    ties: int
    losses: int


def compare(run: Figures, other: Figures, measure: str, *, test: Test = "randomisation") -> Comparison:
    """Compare two runs on the same queries. Raises ConfigError for a measure or query that one of them lacks, and where
    scipy is missing."""
    differences = paired_differences(run, other, measure)
    return Comparison(
        measure=measure,
        difference=float(differences.mean()),
        p_value=p_value(differences, test=test),
        test=test,
        wins=int((differences > _EQUAL).sum()),
        ties=int((abs(differences) <= _EQUAL).sum()),
        losses=int((differences < -_EQUAL).sum()),
    )


def compare_with_all(
    figures: Mapping[str, Figures], name: str, *, test: Test = "randomisation"
) -> dict[str, list[Comparison]]:
    """Every other run's name -> the comparisons of the run called `name` with it, one for each measure."""
    run = figures[name]
    return {
        other: [compare(run, values, measure, test=test) for measure in run.values]
        for other, values in figures.items()
        if other != name
    }


def read_test(name: str) -> Test:
    """Raises ConfigError for a name that is none."""
    for test in get_args(Test):
        if test == name:
            known: Test = test
            return known
    raise ConfigError(f"There is no test {name!r}; it is one of {', '.join(get_args(Test))}.")


def paired_differences(run: Figures, other: Figures, measure: str) -> Differences:
    """float64 [queries]: the run's value minus the other's."""
    for figures in (run, other):
        if measure not in figures.values:
            raise ConfigError(f"{measure} was not computed; there is {', '.join(figures.values)}.")
    values, others = run.values[measure], other.values[measure]
    if values.keys() != others.keys():
        raise ConfigError("The runs were judged on different queries; judge both with the same qrels.")
    return np.array([value - others[query] for query, value in values.items()])


def p_value(differences: Differences, *, test: Test) -> float:
    """Two-sided, of the hypothesis that the paired differences come from a distribution around 0."""
    if test == "randomisation":
        return randomisation_test(differences)
    if test == "t":
        return t_test(differences)
    assert_never(test)


def randomisation_test(differences: Differences) -> float:
    """Fisher's randomisation test: how often the mean is as far from 0 if each difference had its sign by chance.

    All 2**n assignments of signs where those are at most RESAMPLES, else that many drawn with a fixed seed.
    """
    try:
        from scipy.stats import permutation_test
    except ImportError as error:
        raise missing_extra("scipy") from error
    differences = differences[abs(differences) > _EQUAL]  # a sign does not matter to what is 0
    if differences.size < 2:
        return 1.0  # with either sign the mean is as far from 0
    result = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=_BATCH,
        rng=np.random.default_rng(SEED),
    )
    return float(result.pvalue)


def t_test(differences: Differences) -> float:
    """Student's paired t-test; 1 for fewer than two queries, which tell nothing."""
    try:
        from scipy.stats import ttest_1samp
    except ImportError as error:
        raise missing_extra("scipy") from error
    if len(differences) < 2 or not differences.any():
        return 1.0
    if np.ptp(differences) <= _EQUAL:
        return 0.0  # no spread: t is infinite
    return float(ttest_1samp(differences, 0.0).pvalue)
