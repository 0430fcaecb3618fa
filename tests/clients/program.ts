// A program that uses the generated TypeScript types. Its arguments: the service's address, and a key.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Hit = components["schemas"]["HitOut"];
type Problem = components["schemas"]["ProblemOut"];

declare const process: { argv: string[] };

const [, , address, key] = process.argv;
const client = createClient<paths>({ baseUrl: address, headers: { Authorization: `Bearer ${key}` } });

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(`not as it should be: ${JSON.stringify(what)}`);
}

// Documents come in

const years: Record<string, number> = { "new.md": 2024, "old.md": 1924 };
const documents = Object.entries(years).map(([source, year]) => ({
  source,
  text: `The boiler of ${year}.`,
  metadata: { year, tags: ["heating"] },
}));
const added = await client.POST("/documents", { body: { documents } });
check(added.data?.added === 2, added.error);

const form = new FormData();
form.append("file", new Blob(["# Valves\n\nTurn the valve to the left."]), "valves.md");
const uploaded = await client.POST("/uploads", { body: { file: [] }, bodySerializer: () => form });
const valves = uploaded.data?.documents[0];
check(valves?.source === "uploads/valves.md", uploaded);

const listed = await client.GET("/documents", { params: { query: { status: "ready", limit: 2 } } });
check(listed.data?.total === 3 && listed.data.documents.length === 2, listed);

// They are found

const body: components["schemas"]["SearchBody"] = {
  query: "boiler", top_k: 5, mode: "lexical", where: { year: { $gte: 2000 } }, within: "new", expand: "section",
};
const found = await client.POST("/search", { body });
const hits: Hit[] = found.data?.results[0].hits ?? [];
check(hits.length === 1 && hits[0].source === "new.md" && hits[0].metadata.year === 2024, found);
const [start, end] = hits[0].highlights[0];
check(hits[0].text.slice(start, end) === "boiler", hits[0]);
const named = await client.POST("/indexes/{index}/search", { params: { path: { index: "default" } }, body });
check(named.data?.results[0].hits[0].id === hits[0].id, named);

// They go

const path = { document_id: valves.id };
const deleted = await client.DELETE("/documents/{document_id}", { params: { path } });
check(deleted.data?.documents === 1, deleted);

// Failures say why

const gone = await client.DELETE("/documents/{document_id}", { params: { path } });
const problem: Problem | undefined = gone.error;
check(problem?.status === 404 && problem.detail.includes("There is no document"), gone);
const wrong = await client.POST("/search", { body: { query: "boiler", top_k: 0 } });
check(wrong.error?.errors?.[0].pointer === "#/top_k", wrong);

// What does not fit is no program

// @ts-expect-error: a query is text
const number: components["schemas"]["SearchBody"] = { query: 1 };
// @ts-expect-error: there is no such mode
const guess: components["schemas"]["SearchBody"] = { query: "rain", mode: "guess" };
// @ts-expect-error: a document has a text
const empty: components["schemas"]["DocumentBody"] = { source: "a.md" };
check(number !== undefined && guess !== undefined && empty !== undefined, "the types say no");

console.log(JSON.stringify({ hit: hits[0].source, problem: problem.type }));
