"""The time that is left is within a factor of 1.5 of what it takes, from the first tenth on, whatever the folder."""

import random
from collections.abc import Iterator, Sequence

import pytest

from ingest.report import Progress
from ingest.time_left import TimeLeft

KB = 1000
Timeline = list[tuple[float, Progress]]
FOLDERS = {
    "many small": [2 * KB] * 3000,
    "few large": [900 * KB, 1500 * KB, 1100 * KB, 800 * KB],
    "one file": [4000 * KB],
    "large last": [4 * KB] * 500 + [4000 * KB],
    "large first": [4000 * KB] + [4 * KB] * 500,
    "from small to large": [100 * number for number in range(1, 400)],
    "of all sizes": [round(10 ** random.Random(number).uniform(2, 5.5)) for number in range(250)],
}


def simulated(
    sizes: Sequence[int], *, tokens_a_second: float = 800, start: float = 8.0, slower_at: float = 1.0
) -> Timeline:
    """The progress of a sync on a clock of its own: the model is loaded, files of text are embedded in small batches,
    each costs some time more, and commits stop all else at each doubling.

    start      seconds until the first batch
    slower_at  the share of the bytes from which the machine is half as fast
    """
    noise, now, done, tokens, commit = random.Random(7), start, 0, 0.0, 500_000
    total = sum(sizes)
    timeline: Timeline = [(start / 2, Progress(0, len(sizes), 0, total, 0, 0, 32))]
    for number, size in enumerate(sizes, 1):
        a_byte = noise.uniform(0.2, 0.3)
        now += 0.005
        for batch in _batches(size):
            rate = tokens_a_second * noise.uniform(0.8, 1.2) / (2 if done >= slower_at * total else 1)
            now += batch * a_byte / rate
            done, tokens = done + batch, tokens + batch * a_byte
            timeline.append((now, Progress(number, len(sizes), done, total, round(tokens / 200), round(tokens))))
            if tokens > commit:
                commit, now = 2 * commit, now + 3.0
    return timeline


def _batches(size: int) -> Iterator[int]:
    while size > 0:
        yield min(size, 16 * KB)
        size -= 16 * KB


def factors(timeline: Timeline, *, since: float) -> list[float]:
    """How far each time told from this one on is off, at least 1; what is told of the last seconds is left out."""
    left, end = TimeLeft(0.0), timeline[-1][0]
    found = []
    for now, progress in timeline:
        left.heard(progress, now)
        told = left.seconds(progress, now)
        if now >= since and end - now > 5:
            assert told is not None
            found.append(max(told / (end - now), (end - now) / max(told, 1e-9)))
    return found


@pytest.mark.parametrize("tokens_a_second", [300, 3000])
@pytest.mark.parametrize("folder", FOLDERS)
def test_it_is_believable_from_the_first_tenth_on(folder: str, tokens_a_second: float) -> None:
    timeline = simulated(FOLDERS[folder], tokens_a_second=tokens_a_second)
    assert max(factors(timeline, since=timeline[-1][0] / 10)) < 1.5


def test_a_machine_that_slows_down_is_noticed_within_a_minute() -> None:
    timeline = simulated(FOLDERS["many small"], tokens_a_second=300, slower_at=0.4)
    slower = next(now for now, progress in timeline if progress.bytes >= 0.4 * progress.total_bytes)
    assert max(factors(timeline, since=slower + 60)) < 1.5


def test_where_nothing_is_embedded_the_bytes_tell() -> None:
    left = TimeLeft(0.0)
    for second in range(1, 6):
        progress = Progress(second, 10, second * KB, 10 * KB, second, 0)
        left.heard(progress, float(second))
    assert left.seconds(progress, 5.0) == pytest.approx(5.0)
    assert left.seconds(Progress(10, 10, 10 * KB, 10 * KB, 9, 0), 5.0) == 0


def test_before_a_hundredth_is_done_nobody_can_say() -> None:
    left = TimeLeft(0.0)
    progress = Progress(0, 9, 9, KB, 1, 3)
    left.heard(progress, 1.0)
    assert left.seconds(progress, 1.0) is None
