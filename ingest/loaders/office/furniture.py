"""Headers and footers: what every page says is written once."""

from ingest.loaders.text_builder import TextBuilder


def write_furniture(text: str, seen: set[str], builder: TextBuilder) -> None:
    """Write what a header or footer says, line by line, unless it is among those seen or is all lines and dots."""
    if text in seen or not any(map(str.isalnum, text)):
        return
    seen.add(text)
    builder.paragraph()
    for line in text.split("\n"):
        builder.write(line)
        builder.line()
    builder.paragraph()
