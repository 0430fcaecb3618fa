"""Models that run here, loaded once for all indexes of a process that use them at the same time."""

import threading
from pathlib import Path
from weakref import WeakValueDictionary

from retrieval.config import MODEL_SETTINGS, Config
from retrieval.encoders.endpoint_encoder import EndpointEncoder
from retrieval.encoders.local_encoder import LocalEncoder
from retrieval.encoders.model_files import find_model, hash_weights

_SETTINGS = {*MODEL_SETTINGS, "backend", "precision", "device", "batch_tokens"}
"""All that a LocalEncoder depends on, beside the model's files."""

_loaded: WeakValueDictionary[tuple[str, ...], LocalEncoder] = WeakValueDictionary()
"""Those that somebody holds; a model of half a gigabyte is freed with the last index that uses it."""

_loading = threading.Lock()


def shared_encoder(config: Config) -> LocalEncoder | EndpointEncoder:
    """The encoder that the settings name. One of this machine is shared by all who ask with the same settings while its
    files stay as they are. Raises as LocalEncoder.load and EndpointEncoder.load."""
    if config.is_endpoint:
        return EndpointEncoder.load(config)
    with _loading:
        directory = find_model(config.model, revision=config.revision)
        key = (config.model_dump_json(include=_SETTINGS), hash_weights(directory), *_files(directory))
        encoder = _loaded.get(key)
        if encoder is None:
            encoder = _loaded[key] = LocalEncoder.read(directory, config)
        return encoder


def _files(directory: Path) -> list[str]:
    """What tells whether a file was altered, added or removed."""
    paths = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return [f"{path} {(status := path.stat()).st_size} {status.st_mtime_ns}" for path in paths]
