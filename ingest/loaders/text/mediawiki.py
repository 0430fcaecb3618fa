"""MediaWiki's pages: those of an XML export, each a section in its latest version, and a page alone."""

import io

from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.wikitext import write_wikitext
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.types import Document

_SITE, _PAGE = "{*}sitename", "{*}page"
_DAMAGED = "it is damaged: {:,} of its pages could be read; export it again"


def load_mediawiki(data: bytes, *, source: str) -> Document:
    """Each page under a heading of the first level, its title; its own headings are below that.

    Of a page's revisions the last is read. The document's title is that of a single page, else the site's name.

    Raises LoadError for a damaged file in which no page is found.
    """
    from lxml import etree

    builder = TextBuilder()
    titles: list[str] = []
    site = ""
    events = etree.iterparse(
        io.BytesIO(data), tag=(_SITE, _PAGE), recover=True, resolve_entities=False, no_network=True, huge_tree=True
    )
    for _, element in events:
        if element.tag.endswith("sitename"):
            site = element.text or ""
            continue
        titles.append(element.findtext("{*}title") or "")
        texts = [revision.findtext("{*}text") for revision in element.iterfind("{*}revision")]
        builder.paragraph()
        builder.begin_heading(1)
        builder.write(titles[-1])
        builder.end_heading()
        builder.paragraph()
        write_wikitext((texts[-1] if texts else "") or "", builder)
        element.clear()
    is_damaged = any(error.domain_name != "NAMESPACE" for error in events.error_log)
    if is_damaged and not titles:
        raise LoadError("it is a damaged MediaWiki export without any page; export it again")
    notices = (_DAMAGED.format(len(titles)),) if is_damaged else ()
    title = titles[0] if len(titles) == 1 else site
    return builder.document(source, title=title or None, notices=notices)


def load_wikitext(data: bytes, *, source: str) -> Document:
    """A page in MediaWiki's own markup; its title is the first heading."""
    text, notices = decode_noting(data)
    builder = TextBuilder()
    write_wikitext(text, builder)
    title = builder.headings[0].text if builder.headings else None
    return builder.document(source, title=title, notices=notices)
