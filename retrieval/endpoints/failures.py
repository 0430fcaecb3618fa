"""Why a server did not do what it was asked, whether it may next time, and what to do about it."""

from typing import TYPE_CHECKING, NamedTuple

from retrieval.endpoints.answers import says_too_long
from retrieval.errors import ModelError

if TYPE_CHECKING:
    from tenacity import RetryCallState

_OF_CONTENT = {400, 413, 422}
"""How servers refuse what a request holds."""


class RefusedError(Exception):
    """The server answered without what it was asked for.

    words   its own
    wait    seconds that it asks to wait
    """

    def __init__(self, status: int, words: str, *, wait: float) -> None:
        super().__init__(f"it answers {status}" + (f" ({words})" if words else ""))
        self.status = status
        self.words = words
        self.wait = wait
        self.is_too_long = status in {*_OF_CONTENT, 500} and says_too_long(words)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be answered later."""
        is_trouble = self.status in {408, 429} or (self.status >= 500 and self.status not in {501, 505})
        return is_trouble and not self.is_too_long


class Advice(NamedTuple):
    """How failures of one kind of server are told: parts of sentences, and sentences without their full stop.

    verb           what the server does not do, such as "embed"
    unavailable    what is raised where it does not answer now
    meanwhile      what follows "Try again later"
    address, request   where the address, or what is asked, may be wrong
    too_long       where a text is too long
    key, no_key    where a key is refused, or none was sent
    """

    verb: str
    unavailable: type[ModelError]
    meanwhile: str
    address: str
    request: str
    too_long: str
    key: str
    no_key: str


class BatchRefusedError(ModelError):
    """The server refuses what it was sent: a text, or so many at once.

    why           without the way out
    is_too_long   whether it says that it is for the length of a text
    """

    def __init__(self, why: str, way_out: str, *, is_too_long: bool) -> None:
        super().__init__(f"{why}. {way_out}.")
        self.why = why
        self.is_too_long = is_too_long


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later: no answer came, or it tells of trouble or of too many requests."""
    from httpx import TransportError, UnsupportedProtocol

    if isinstance(error, RefusedError):
        return error.may_pass
    return isinstance(error, TransportError) and not isinstance(error, UnsupportedProtocol)


def asked_wait(state: "RetryCallState") -> float:
    """Seconds that the last answer asks to wait."""
    error = state.outcome.exception() if state.outcome is not None else None
    return error.wait if isinstance(error, RefusedError) else 0.0


def explained(error: Exception, *, place: str, has_key: bool, advice: Advice) -> ModelError:
    """What to raise for a request that failed for good: cause and way out. `place` names the model and its address."""
    why = f"{place} does not {advice.verb}: {words_of_error(error)}"
    if may_pass(error):
        wait = error.wait if isinstance(error, RefusedError) else 0
        again = f"It asks to wait {wait:,.0f} s; try again then" if wait else "Try again later"
        return advice.unavailable(f"{why}. {again}, {advice.meanwhile}.")
    if not isinstance(error, RefusedError):
        return ModelError(f"{why}. {advice.address}.")
    if error.is_too_long:
        return BatchRefusedError(why, advice.too_long, is_too_long=True)
    if error.status in {401, 403}:
        return ModelError(f"{why}. {advice.key if has_key else advice.no_key}.")
    if error.status in _OF_CONTENT:
        return BatchRefusedError(why, advice.request, is_too_long=False)
    return ModelError(f"{why}. {advice.request}.")


def words_of_error(error: BaseException | None) -> str:
    """On one line, without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
