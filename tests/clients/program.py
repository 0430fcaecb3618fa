"""A program that uses the generated Python client. Its arguments: the service's address, and a key."""

import json
import sys
from io import BytesIO

from hybrid_retrieval_client import AuthenticatedClient
from hybrid_retrieval_client.api.documents import add_documents, delete_document, get_document, upload_files
from hybrid_retrieval_client.api.documents import list_documents as listing
from hybrid_retrieval_client.api.search import search, search_by_address, search_in_index
from hybrid_retrieval_client.models import (
    AddedOut,
    DeletedOut,
    DocumentBody,
    DocumentBodyMetadata,
    DocumentOut,
    DocumentsBody,
    DocumentStatus,
    FilesBody,
    Filter,
    HitOut,
    Mode,
    ProblemOut,
    RecordsOut,
    SearchBody,
    SearchOut,
)
from hybrid_retrieval_client.types import File

address, key = sys.argv[1:]
client = AuthenticatedClient(base_url=address, token=key)


def hits_of(answer: SearchOut | ProblemOut | None) -> list[HitOut]:
    assert isinstance(answer, SearchOut), answer
    return answer.results[0].hits


# Documents come in

years = {"new.md": 2024, "old.md": 1924}
documents = [
    DocumentBody(source=source, text=f"The boiler of {year}.", metadata=DocumentBodyMetadata.from_dict({"year": year}))
    for source, year in years.items()
]
added = add_documents.sync(client=client, body=DocumentsBody(documents=documents))
assert isinstance(added, AddedOut), added
assert (added.added, [each.source for each in added.documents]) == (2, list(years))

text = BytesIO(b"# Valves\n\nTurn the valve to the left.")
file = File(payload=text, file_name="valves.md", mime_type="text/markdown")
uploaded = upload_files.sync(client=client, body=FilesBody(file=[file], source="manual/valves.md"))
assert isinstance(uploaded, AddedOut), uploaded
[valves] = uploaded.documents

records = listing.sync(client=client, status=DocumentStatus.READY, limit=2)
assert isinstance(records, RecordsOut), records
assert (records.total, len(records.documents)) == (3, 2)

# They are found

where = Filter.from_dict({"year": {"$gte": 2000}})
body = SearchBody(query="boiler", top_k=5, mode=Mode.LEXICAL, where=where, within="new", expand="section")
[hit] = hits_of(search.sync(client=client, body=body))
assert (hit.source, hit.metadata["year"], hit.page, hit.highlights) == ("new.md", 2024, None, [[4, 10]])
assert hit.score > 0 and hit.rank == 1
[named] = hits_of(search_in_index.sync("default", client=client, body=body))
assert named.id == hit.id
assert len(hits_of(search_by_address.sync(client=client, q="boiler", mode=Mode.LEXICAL, within=["new", "old"]))) == 2

# They go

whole = get_document.sync(valves.id, client=client)
assert isinstance(whole, DocumentOut), whole
assert whole.chunks[0].text.endswith("Turn the valve to the left.")
deleted = delete_document.sync(valves.id, client=client)
assert isinstance(deleted, DeletedOut), deleted
assert (deleted.documents, deleted.chunks) == (1, 1)

# Failures say why

gone = delete_document.sync_detailed(valves.id, client=client)
assert gone.status_code == 404
assert isinstance(gone.parsed, ProblemOut)
assert "There is no document" in gone.parsed.detail
wrong = search.sync(client=client, body=SearchBody(query="boiler", top_k=0))
assert isinstance(wrong, ProblemOut) and wrong.errors
assert [part.pointer for part in wrong.errors] == ["#/top_k"]
stranger = AuthenticatedClient(base_url=address, token="none of the keys")
unknown = search.sync(client=stranger, body=body)
assert isinstance(unknown, ProblemOut) and unknown.status == 401
sys.stdout.write(json.dumps({"hit": hit.source, "problem": unknown.type_}))
