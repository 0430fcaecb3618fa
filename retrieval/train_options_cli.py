"""Options of `retrieve train` whose values are read from text: loss, sources of hard negatives, and kinds of pairs."""

from typing import TYPE_CHECKING, get_args

from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from retrieval.training import Loss, Mining
    from retrieval.training.pairs import Kind


def loss_of(name: str, *, temperature: float | None, margin: float | None, at_once: int | None) -> "Loss":
    """Raises ConfigError for an unknown loss, and for options of another one."""
    from retrieval.training import Loss
    from retrieval.training.losses import TEMPERED, LossName

    if temperature is not None and name not in TEMPERED:
        raise ConfigError(f"--temperature belongs to the losses {' and '.join(TEMPERED)}.")
    given = {} if temperature is None else {"temperature": temperature}
    for known in get_args(LossName):
        if known == name:
            return Loss(known, margin=margin, at_once=at_once, **given)
    raise ConfigError(f"There is no loss {name!r}; it is one of {', '.join(get_args(LossName))}.")


def mining_of(sources: str, *, count: int, margin: float, again: bool) -> "Mining":
    """Raises ConfigError for sources that are not written as `source=weight`, or that do not exist."""
    from retrieval.training import Mining
    from retrieval.training.negatives import EQUAL_WEIGHTS

    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in sources.split(","))):
        name, _, weight = part.partition("=")
        try:
            given[name.strip()] = float(weight or 1)
        except ValueError:
            raise ConfigError(f"{part!r} in --sources: write source=weight, such as bm25=2.") from None
    if unknown := given.keys() - EQUAL_WEIGHTS.keys():
        raise ConfigError(f"There are no negatives from {min(unknown)!r}, only from {', '.join(EQUAL_WEIGHTS)}.")
    weights = {name: given.get(name, 0.0) for name in EQUAL_WEIGHTS}
    return Mining(count=count, margin=margin, weights=weights, again=again)


def kinds_of(given: str | None) -> "tuple[Kind, ...] | None":
    """Raises ConfigError for a kind that cannot be made from documents."""
    from retrieval.training.pairs import MADE

    if given is None:
        return None
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in MADE]:
        raise ConfigError(f"There are no pairs of kind {unknown[0]!r}; documents give {', '.join(MADE)}.")
    return tuple(kind for kind in MADE if kind in names)
