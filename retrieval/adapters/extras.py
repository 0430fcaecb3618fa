"""What an adapter says where the framework that it adapts is not installed."""

from retrieval.errors import ConfigError


def missing_extra(extra: str, error: ImportError) -> ConfigError:
    """Names the package that is missing and the extra that brings it."""
    package = (error.name or extra).partition(".")[0]
    return ConfigError(f"{package} is not installed; run: pip install 'hybrid-retrieval[{extra}]'")
