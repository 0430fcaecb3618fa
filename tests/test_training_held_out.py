"""What is held out: documents that training does not see, in part or in copies."""

import numpy as np
import pytest

from retrieval.config import Config
from retrieval.encoders import Embedder, find_model
from retrieval.encoders.torch_model import load_torch_model
from retrieval.training.held_out import HeldOut, embed, held_out_sources
from retrieval.training.pairs import Pair

TEXTS = {f"{number}.md": f"The story of the number {number:,}, which {number} people told {number * 7}." * 3
         for number in range(100, 200)}  # fmt: skip


def test_a_share_is_held_out_that_stays_the_same() -> None:
    chosen = held_out_sources(TEXTS, share=0.2, seed=1)
    assert 8 <= len(chosen) <= 35 and chosen < TEXTS.keys()
    assert held_out_sources(dict(reversed(TEXTS.items())), share=0.2, seed=1) == chosen
    assert held_out_sources(TEXTS, share=0.2, seed=2) != chosen
    more = TEXTS | {"new.md": "Something that is nowhere else, and that stands here for the first time ever."}
    assert held_out_sources(more, share=0.2, seed=1) - {"new.md"} == chosen
    assert held_out_sources(TEXTS, share=0, seed=1) == frozenset()
    assert len(held_out_sources({"a": TEXTS["100.md"], "b": "Another text, of other words."}, share=0.01, seed=1)) == 1


def test_what_others_repeat_is_not_held_out() -> None:
    copies = TEXTS | {f"copy of {name}": text.upper() for name, text in TEXTS.items()}
    assert not held_out_sources(copies, share=0.9, seed=1)


def test_questions_of_pairs() -> None:
    pairs = [Pair("file", "q", "one"), Pair("file", "q", "two"), Pair("file", "r", "two")]
    held = HeldOut.of(pairs, others=["three", "one"])
    assert held.queries == {"0": "q", "1": "r"}
    assert held.passages == {"0": "one", "1": "two", "2": "three"}
    assert held.qrels == {"0": {"0": 1, "1": 1}, "1": {"1": 1}}


def test_a_model_in_memory_embeds_and_ranks_as_the_embedder_does(loaded_embedder: Embedder) -> None:
    config = Config(model="packaged", device="cpu")
    model = load_torch_model(find_model("packaged"), config)
    texts = ["Rain falls.", "Snow " * 300, "A queen moves in every direction that there is on a board of chess."]
    found = embed(model, loaded_embedder.prefixes.as_passages(texts))
    short = [0, 2]
    np.testing.assert_allclose(found[short], loaded_embedder.embed_passages([texts[0], texts[2]]), atol=0.02)
    held = HeldOut.of([Pair("file", "How does a queen move?", texts[2])], others=texts)
    assert held.ndcg(model, loaded_embedder.prefixes) == pytest.approx(1.0)
