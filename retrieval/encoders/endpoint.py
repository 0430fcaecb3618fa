"""A server that embeds texts."""

from collections.abc import Sequence

from pydantic import SecretStr

from retrieval.config import Config
from retrieval.encoders.endpoint_answers import rows_of
from retrieval.endpoint_settings import ENDPOINT, key_in_file
from retrieval.endpoints import Advice, JsonEndpoint, RefusedError
from retrieval.errors import EncoderUnavailableError
from retrieval.types import Vectors

_NO_BASE64 = {400, 415, 422, 501}
"""How a server may refuse a format that it does not know."""

_KEY_RULE = "It goes only to an encoder_url that is set beside it, not to one that an index remembers"

_ADVICE = Advice(
    verb="embed",
    unavailable=EncoderUnavailableError,
    meanwhile="or search with `--mode lexical`",
    address="Check encoder_url",
    request="Check `model` and encoder_url",
    too_long="Set encoder_max_tokens to what the model reads, with encoder_tokenizer to count exactly, then "
    "`ingest sync --rebuild FOLDER`",
    key=f"Check the key. {_KEY_RULE}",
    no_key=f"Set RETRIEVAL_ENCODER_API_KEY, or encoder_api_key_file. {_KEY_RULE}",
)


class Endpoint:
    """Embeds texts by POST /embeddings. Threads may share it; all of them together make `encoder_requests` at once.

    pause   as in JsonEndpoint
    """

    def __init__(self, config: Config, *, pause: float) -> None:
        self._model = config.model.removeprefix(ENDPOINT)
        self._takes_base64: bool | None = None
        self._server = JsonEndpoint(
            f"{config.encoder_url}/embeddings",
            name=config.model,
            key=_key_of(config),
            mark=b'"data"',
            advice=_ADVICE,
            seconds=config.encoder_seconds,
            at_once=config.encoder_requests,
            pause=pause,
        )

    def embed(self, texts: Sequence[str], *, patience: float) -> Vectors:
        """float32 [n, dimension], in the order of n >= 1 texts.

        patience   seconds for which a request is made again where the server does not answer, has trouble or asks to
                   wait. After a failure each request is made once, until one succeeds.

        Raises EncoderUnavailableError where that does not help, BatchRefusedError where the server refuses the texts,
        ModelError where it refuses the request or its answer is of no use.
        """
        return self._server.ask(
            lambda: self._post(texts), lambda body: rows_of(body, count=len(texts)), patience=patience
        )

    def _post(self, texts: Sequence[str]) -> bytes:
        """Asks for base64, which takes a quarter of the room, unless the server has refused that."""
        if self._takes_base64 is None:
            try:
                body = self._request(texts, base64=True)
            except RefusedError as refusal:
                if refusal.status not in _NO_BASE64 or refusal.is_too_long:
                    raise
                body = self._request_plainly(texts, refusal)
                self._takes_base64 = False
                return body
            self._takes_base64 = True
            return body
        return self._request(texts, base64=self._takes_base64)

    def _request_plainly(self, texts: Sequence[str], refusal: RefusedError) -> bytes:
        """Raises the refusal that came first where this is refused too: it was not for the format."""
        try:
            return self._request(texts, base64=False)
        except RefusedError as error:
            raise (error if error.may_pass else refusal) from None

    def _request(self, texts: Sequence[str], *, base64: bool) -> bytes:
        return self._server.post(
            {"model": self._model, "input": list(texts), "encoding_format": "base64" if base64 else "float"}
        )


def _key_of(config: Config) -> SecretStr | None:
    """Raises ConfigError where the file with the key cannot be read or holds none."""
    file = config.encoder_api_key_file
    return config.encoder_api_key if file is None else key_in_file(file, name="encoder_api_key_file")
