"""Training the embedding model on an index's own documents, from pairs and hard negatives that the index gives."""

from retrieval.training.examples import write_examples
from retrieval.training.generation import Estimate, Generated, Generation
from retrieval.training.losses import Loss
from retrieval.training.negatives import Mining
from retrieval.training.pairs import Pair, read_pairs
from retrieval.training.plan import Plan
from retrieval.training.recipe import Progress, Recipe
from retrieval.training.run import Trained, train
from retrieval.training.wanted import Wanted

__all__ = [
    "Estimate",
    "Generated",
    "Generation",
    "Loss",
    "Mining",
    "Pair",
    "Plan",
    "Progress",
    "Recipe",
    "Trained",
    "Wanted",
    "read_pairs",
    "train",
    "write_examples",
]
