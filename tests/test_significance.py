"""How likely luck is, and what is drawn of it."""

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import ConfigError
from retrieval.evaluation import Comparison, Figures, compare
from retrieval.evaluation.plot import drawn, plot
from retrieval.evaluation.significance import compare_with_all, randomisation_test, read_test, t_test

DIFFERENCES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=12).map(np.array)


def figures(*values: float) -> Figures:
    return Figures({"P@1": sum(values) / len(values)}, {"P@1": {f"q{at}": value for at, value in enumerate(values)}})


def test_a_comparison_counts_queries_and_averages_differences() -> None:
    compared = compare(figures(1.0, 0.5, 0.5, 0.0), figures(0.0, 0.5, 0.25, 0.5), "P@1")
    assert (compared.wins, compared.ties, compared.losses) == (2, 1, 1)
    assert compared.difference == pytest.approx(0.1875)


@pytest.mark.parametrize("queries", [1, 2, 5, 10])
def test_few_queries_are_tested_exactly(queries: int) -> None:
    """Only two of all 2**n assignments of signs are as extreme as all of one sign."""
    differences = np.linspace(0.1, 0.9, queries)
    assert randomisation_test(differences) == pytest.approx(min(1.0, 2 / 2**queries))


@given(DIFFERENCES)
def test_the_order_of_queries_the_direction_and_ties_do_not_matter(differences: np.ndarray) -> None:
    for test in (randomisation_test, t_test):
        p = test(differences)
        assert 0 <= p <= 1
        assert test(-differences) == pytest.approx(p)
        assert test(differences[::-1]) == pytest.approx(p)
    assert randomisation_test(np.append(differences, [0.0, 0.0])) == pytest.approx(randomisation_test(differences))


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert randomisation_test(np.zeros(50)) == t_test(np.zeros(50)) == t_test(np.array([0.3])) == 1
    noise = np.random.default_rng(0).normal(0, 0.1, 200)
    assert min(randomisation_test(noise), t_test(noise)) > 0.05


def test_both_tests_find_what_is_there_and_agree() -> None:
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(1)
    run, other = rng.uniform(0.4, 0.9, 300), rng.uniform(0.35, 0.85, 300)
    assert t_test(run - other) == pytest.approx(ttest_rel(run, other).pvalue)
    assert randomisation_test(run - other) == pytest.approx(t_test(run - other), abs=0.01)
    assert randomisation_test(run - other) == randomisation_test(run - other)  # its seed is fixed
    assert t_test(np.full(4, 0.25)) == 0


def test_runs_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ConfigError, match="AP was not computed"):
        compare(figures(1.0), figures(0.0), "AP")
    with pytest.raises(ConfigError, match="different queries"):
        compare(figures(1.0), figures(0.0, 1.0), "P@1")
    with pytest.raises(ConfigError, match="randomisation, t"):
        read_test("wilcoxon")


def test_one_run_is_compared_with_all_others_in_all_measures() -> None:
    compared = compare_with_all({"a": figures(1.0, 0.0), "b": figures(0.0, 0.0), "c": figures(1.0, 1.0)}, "a", test="t")
    assert list(compared) == ["b", "c"]
    assert compared["c"] == [Comparison("P@1", -0.5, compared["c"][0].p_value, "t", 0, 1, 1)]


DRAWN = ("lexical", "dense", "hybrid", "baseline"), ("hybrid",), ("lexical",)
SUFFIXES = ".png", ".svg", ".pdf"
PAIRED = list(zip(SUFFIXES, DRAWN, strict=True))


@pytest.mark.parametrize(
    ("suffix", "names"),
    [pair if pair in PAIRED else pytest.param(*pair, marks=pytest.mark.slow) for pair in product(SUFFIXES, DRAWN)],
)
def test_a_picture_is_drawn_of_any_runs_and_the_same_twice(tmp_path: Path, suffix: str, names: tuple[str, ...]) -> None:
    runs = {name: figures(*np.linspace(0, 1, 3 + at).round(2)[:3]) for at, name in enumerate(names)}
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    for path in (first, second):
        plot(path, runs, title="three queries")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[:4] in (b"\x89PNG", b"<?xm", b"%PDF")


@pytest.mark.slow
def test_figures_above_bars_do_not_touch_and_colours_are_told_whether_they_occur_or_not() -> None:
    from matplotlib.colors import to_rgba

    for measures in (1, 3, 4, 6):
        same = figures(0.5, 0.25)
        many = Figures(
            {f"M{at}": 0.375 for at in range(measures)}, {f"M{at}": same.values["P@1"] for at in range(measures)}
        )
        picture = drawn(dict.fromkeys(("lexical", "dense", "hybrid", "baseline")[: 4 - measures % 2], many), title="")
        picture.draw_without_rendering()
        bars, gains = picture.axes
        boxes = sorted((text.get_window_extent() for text in bars.texts), key=lambda box: box.x0)
        assert len(boxes) == measures * (4 - measures % 2)
        assert all(one.x1 + 1 < other.x0 for one, other in pairwise(boxes)), measures
        swatches = {patch.get_label(): patch.get_facecolor() for patch in gains.get_legend().get_patches()}
        assert swatches["better: 0"] == to_rgba("#009E73")
        assert swatches["worse: 0"] == to_rgba("#D55E00")


def test_a_picture_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.png, \.svg, \.pdf"):
        plot(tmp_path / "picture.bmp", {"hybrid": figures(1.0)}, title="")
