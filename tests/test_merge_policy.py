"""Merges keep segments few, write little for what was committed, stay within their budget, and leave nothing out."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from retrieval.segments.merge_policy import TIER, Size, choose_merge

MB = 1 << 20

sizes_of_files = st.floats(10, 33).map(lambda exponent: 2.0**exponent)
sizes = st.builds(lambda file, living: Size(file, living * file), sizes_of_files, st.floats(0, 1))
budgets = st.floats(20, 36).map(lambda exponent: 2.0**exponent)


def tier(size: Size) -> int:
    """0 below 1 MB, 1 below 8 MB, and so on."""
    number = 0
    while size.living >= MB * TIER**number:
        number += 1
    return number


@given(st.lists(sizes, max_size=40), budgets)
def test_a_merge_stays_within_its_budget_and_is_of_use(segments: list[Size], budget: float) -> None:
    chosen = choose_merge(segments, budget=budget)
    assert chosen == sorted(set(chosen))
    assert sum(segments[place].living for place in chosen) <= budget
    tiers = {tier(segments[place]) for place in chosen}
    is_of_one_size = len(chosen) > 1 and len(tiers) == 1
    assert is_of_one_size or all(segments[at].file - segments[at].living > 0.4 * segments[at].file for at in chosen)


@given(st.lists(sizes, max_size=40), budgets)
def test_only_what_the_budget_forbids_is_left(segments: list[Size], budget: float) -> None:
    if choose_merge(segments, budget=budget):
        return
    for number, count in Counter(map(tier, segments)).items():
        smallest = sorted(segment.living for segment in segments if tier(segment) == number)[:2]
        assert count < TIER or sum(smallest) > budget
    for segment in segments:
        assert segment.file - segment.living <= 0.4 * segment.file or segment.living > budget


def committed_one_by_one(sizes: list[float], *, budget: float) -> tuple[list[float], float, int]:
    """One merge at most after each commit: the segments at last, the bytes that merges wrote, and how many there were.
    Checks after each commit that there are few segments."""
    segments: list[float] = []
    written, merges = 0.0, 0
    for size in sizes:
        segments.append(size)
        if chosen := choose_merge([Size(each, each) for each in segments], budget=budget):
            merged = sum(segments[place] for place in chosen)
            segments = [merged, *(each for place, each in enumerate(segments) if place not in chosen)]
            written, merges = written + merged, merges + 1
        tiers = 1 + max(tier(Size(each, each)) for each in segments)
        assert len(segments) <= TIER * tiers + 4 * sum(segments) / budget
    return segments, written, merges


@given(st.lists(st.floats(10, 27).map(lambda exponent: 2.0**exponent), min_size=1, max_size=400))
def test_segments_stay_few_and_a_chunk_is_written_once_a_size(sizes: list[float]) -> None:
    segments, written, merges = committed_one_by_one(sizes, budget=float("inf"))
    assert sum(segments) <= sum(sizes) * (1 + 1e-9)
    tiers = 1 + max(tier(Size(each, each)) for each in segments)
    # Those below 1 MB are of one size, however small: one merge of them writes 1 MB at most before they are larger.
    assert written <= sum(sizes) * tiers + merges * MB


def test_small_changes_to_a_large_index_do_not_add_up() -> None:
    """3 GB, that grow by 3 more in commits of 300 kB."""
    segments, written, _ = committed_one_by_one([3e9, *[3e5] * 10_000], budget=128 * MB)
    assert len(segments) < 70
    assert written < 8 * 3e9


@given(st.integers(1, 60))
def test_what_is_replaced_again_and_again_is_written_anew(rounds: int) -> None:
    """Commits that replace all of the first segment, little by little: what is deleted never outweighs what is not."""
    first = Size(64.0 * MB, 64.0 * MB)
    segments = [first]
    for _ in range(rounds):
        step = 0.02 * first.file
        largest = max(range(len(segments)), key=lambda place: segments[place].living)
        segments[largest] = segments[largest]._replace(living=max(0.0, segments[largest].living - step))
        segments.append(Size(step, step))
        while chosen := choose_merge(segments, budget=128 * MB):
            merged = sum(segments[place].living for place in chosen)
            segments = [
                Size(merged, merged), *(each for place, each in enumerate(segments) if place not in chosen)
            ]  # fmt: skip
        assert sum(each.file for each in segments) <= sum(each.living for each in segments) / 0.6 + MB
