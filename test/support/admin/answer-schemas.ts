/** Holds answers of the admin API against the schemas that its OpenAPI document is made of. */
import assert from "node:assert/strict";
import * as answers from "../../../src/admin/api/answers.ts";
import type { Route } from "../../../src/admin/api/endpoint.ts";
import { routes } from "../../../src/admin/routes.ts";

/** Fails when the answer is not what the document says. Paths that are no route of the table must be errors. */
export function checkAnswer(method: string, path: string, status: number, json: unknown): void {
  if (status === 0) return;
  const route = routeOf(method, path);
  const schema = status < 400 ? route?.endpoint.answer : answers.error;
  assert.ok(schema !== undefined, `${method} ${path} answered ${status} and is no route`);
  if (typeof schema === "string") return;
  const parsed = schema.safeParse(json);
  assert.ok(parsed.success, `${method} ${path}: ${status} ${JSON.stringify(json)}: ${parsed.error?.message}`);
}

function routeOf(method: string, path: string): Route | undefined {
  const [place = ""] = path.split("?");
  return routes.find((route) => {
    const pattern = new RegExp(`^${route.path.replaceAll(/:\w+/g, "[^/]+")}$`);
    return route.method === method && pattern.test(place);
  });
}
