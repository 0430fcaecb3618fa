"""Why a server that embeds did not, whether it may next time, and what to do about it."""

from typing import TYPE_CHECKING

from retrieval.embedding.endpoint_answers import says_too_long
from retrieval.errors import EncoderUnavailableError, ModelError

if TYPE_CHECKING:
    from tenacity import RetryCallState

_KEY_RULE = "It goes only to an encoder_url that is set beside it, not to one that an index remembers"


_OF_CONTENT = {400, 413, 422}
"""How servers refuse what a request holds."""


class RefusedError(Exception):
    """The server answered without vectors.

    words   its own
    wait    seconds that it asks to wait
    """

    def __init__(self, status: int, words: str, *, wait: float) -> None:
        super().__init__(f"it answers {status}" + (f" ({words})" if words else ""))
        self.status = status
        self.wait = wait
        self.is_too_long = status in {*_OF_CONTENT, 500} and says_too_long(words)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be answered later."""
        is_trouble = self.status in {408, 429} or (self.status >= 500 and self.status not in {501, 505})
        return is_trouble and not self.is_too_long


class BatchRefusedError(ModelError):
    """The server refuses what it was sent: a text, or so many at once."""


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


def explained(error: Exception, *, place: str, has_key: bool) -> ModelError:
    """What to raise for a request that failed for good: cause and way out. `place` names the model and its address."""
    why = f"{place} does not embed: {words_of_error(error)}"
    if may_pass(error):
        wait = error.wait if isinstance(error, RefusedError) else 0
        again = f"It asks to wait {wait:,.0f} s; try again then" if wait else "Try again later"
        return EncoderUnavailableError(f"{why}. {again}, or search with `--mode lexical`.")
    if not isinstance(error, RefusedError):
        return ModelError(f"{why}. Check encoder_url.")
    if error.is_too_long:
        return BatchRefusedError(
            f"{why}. Set encoder_max_tokens to what the model reads, with encoder_tokenizer to count exactly, then "
            "`ingest sync --rebuild FOLDER`."
        )
    if error.status in {401, 403}:
        remedy = "Check the key" if has_key else "Set RETRIEVAL_ENCODER_API_KEY, or encoder_api_key_file"
        return ModelError(f"{why}. {remedy}. {_KEY_RULE}.")
    kind = BatchRefusedError if error.status in _OF_CONTENT else ModelError
    return kind(f"{why}. Check `model` and encoder_url.")


def words_of_error(error: BaseException | None) -> str:
    """On one line, without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
