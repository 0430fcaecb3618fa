"""How long a sync will still take, from the bytes and tokens that are left and the rate of the last minute."""

from collections import deque
from typing import NamedTuple

from ingest.report import Progress

_WINDOW_SECONDS = 60.0
_SHARE_THAT_TELLS = 0.01
"""Before so much is done, nobody can say: the start takes as long for ten files as for ten thousand."""


class _Sample(NamedTuple):
    seconds: float
    bytes: int
    tokens: int


class TimeLeft:
    """Hears of the progress, and says how long the rest will take.

    What costs time is embedding, whose tokens a second hardly change from file to file, while the bytes of a text, a
    PDF and a spreadsheet differ. So the tokens that are left are taken from the bytes that are left, by what the bytes
    so far held; where nothing is embedded, as after a move, the bytes alone count.

    started   the time now, in seconds, as in `heard`
    """

    def __init__(self, started: float) -> None:
        self._samples = deque([_Sample(started, 0, 0)])
        self._first: _Sample | None = None
        """The first after something was embedded: before, the model was loaded, which does not come again."""

    def heard(self, progress: Progress, now: float) -> None:
        """Take note of the progress at this time."""
        sample = _Sample(now, progress.bytes, progress.tokens)
        if self._first is None and progress.tokens:
            self._first = sample
        elif self._first is not None and progress.tokens >= 2 * self._first.tokens:  # enough to do without the start
            while self._samples[0].seconds < self._first.seconds:
                self._samples.popleft()
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].seconds <= now - _WINDOW_SECONDS:
            self._samples.popleft()

    def tokens_a_second(self, now: float) -> float:
        return self._rate(now)[1]

    def seconds(self, progress: Progress, now: float) -> float | None:
        """How long the rest takes; None where that cannot be told yet."""
        if progress.bytes < progress.total_bytes * _SHARE_THAT_TELLS:
            return None
        left = progress.total_bytes - progress.bytes
        bytes_a_second, tokens_a_second = self._rate(now)
        if tokens_a_second:
            return left * progress.tokens / max(progress.bytes, 1) / tokens_a_second
        if bytes_a_second:
            return left / bytes_a_second
        return None if left else 0.0

    def _rate(self, now: float) -> tuple[float, float]:
        """Bytes and tokens a second of the last minute."""
        first, last = self._samples[0], self._samples[-1]
        seconds = max(now - first.seconds, 1e-3)
        return (last.bytes - first.bytes) / seconds, (last.tokens - first.tokens) / seconds
