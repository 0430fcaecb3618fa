"""/facets: what searches of an index can be narrowed by."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from retrieval.adapters.http.choice import Chosen
from retrieval.adapters.http.facet_responses import FacetsOut
from retrieval.adapters.http.granted_index import GrantedIndex
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.service import Service
from retrieval.inspection.facets import Value
from retrieval.searcher import Searcher


def facet_routes(service: Service, chosen: Chosen) -> APIRouter:
    router = APIRouter(tags=["search"])

    @router.get("/facets", response_model=FacetsOut, responses=problems(409, 503))
    async def get_facets(index: Annotated[GrantedIndex, Depends(chosen)]) -> JSONResponse:
        """Folders, file types, languages and dates that searches can be narrowed by, with how many documents have each,
        and examples of what to ask."""

        def described(searcher: Searcher) -> dict[str, Any]:
            found = index.facets(searcher)
            return {
                "generation": searcher.generation,
                **found._asdict(),
                "folders": _values(found.folders),
                "suffixes": _values(found.suffixes),
                "languages": _values(found.languages),
                "dates": [date._asdict() for date in found.dates],
                "folders_with_files": index.folders_with_files(searcher),
            }

        return JSONResponse(await index.read(described))

    return router


def _values(values: list[Value]) -> list[dict[str, Any]]:
    return [value._asdict() for value in values]
