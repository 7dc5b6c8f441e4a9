// usage: node story.js BASE CLIENT_ID CLIENT_SECRET
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Organization = components["schemas"]["Organization"];
type Problem = components["schemas"]["Problem"];

function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

const [base, clientId, clientSecret] = process.argv.slice(2);
check(base !== undefined && clientId !== undefined && clientSecret !== undefined, "three arguments");

const api = createClient<paths>({ baseUrl: base });
const granted = await api.POST("/oauth/token", {
  body: { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret },
  bodySerializer: (form) => new URLSearchParams(form as Record<string, string>),
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
});
check(granted.data !== undefined, `no token: ${granted.response.status}`);
const token: string = granted.data.access_token;
api.use({
  onRequest: ({ request }) => request.headers.set("Authorization", `Bearer ${token}`),
});

const listed = await api.GET("/v1/organizations", { params: { query: { area: "340304", limit: 5 } } });
check(listed.data !== undefined, "no list");
const names: string[] = listed.data.items.map((one: Organization) => one.name);
check(names.length === 5, `five names: ${names}`);

const recorded = await api.POST("/v1/organizations", {
  params: { header: { "Idempotency-Key": "story-1" } },
  body: { area: "340304", host: "enterprise", kind: "federation", name: "禹会侨资企业侨联" },
});
check(recorded.data !== undefined, `not recorded: ${JSON.stringify(recorded.error)}`);
const id: string = recorded.data.id;

const read = await api.GET("/v1/organizations/{id}", { params: { path: { id } } });
check(read.data?.name === "禹会侨资企业侨联" && read.data.status === "preparing", "another organization");

const refused = await api.POST("/v1/organizations/{id}/close", {
  params: { path: { id } },
  body: { on: "2022-06-01", reason: "x" },
  headers: { "Accept-Language": "en" },
});
const problem: Problem | undefined = refused.error;
check(problem?.status === 409 && problem.type === "/problems/transition_refused", JSON.stringify(problem));

const invalid = await api.POST("/v1/organizations", {
  body: { area: "340304", kind: "federation", name: " " },
});
check(invalid.error?.errors?.[0]?.pointer === "/name", JSON.stringify(invalid.error));

const patched = await api.PATCH("/v1/organizations/{id}", {
  params: { path: { id }, header: { "If-Match": `"${read.data.version}"` } },
  body: { name: "禹会区侨资企业侨联", note: null },
});
check(patched.data?.name === "禹会区侨资企业侨联", JSON.stringify(patched.error));
console.log("clients: TypeScript compiles under --strict, and its story holds");
