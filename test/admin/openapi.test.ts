// Goal: docs/openapi.json is a sound OpenAPI 3.1 document of every route. Method: follow every reference in it, and hold
// requests of the server's own tests' kind against its schemas by their names. `scripts/generate.ts --check` holds the file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openApiDocument } from "../../src/admin/api/openapi.ts";
import { routes } from "../../src/admin/routes.ts";

const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "openapi.json"), "utf8");

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
  readonly security?: readonly unknown[];
}

const document = JSON.parse(text) as {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
};

test("the committed document is the one of the routes", () => {
  assert.deepEqual(document, JSON.parse(JSON.stringify(openApiDocument(routes))), "run node scripts/generate.ts");
});

test("every route is in it with request, answer and error", () => {
  assert.equal(document.openapi, "3.1.0");
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  assert.equal(operations.length, routes.length);
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, routes.length, "ids are unique");
  for (const { path, method, operation } of operations) {
    const where = `${method} ${path}`;
    const inPath = operation.parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
    assert.deepEqual(
      inPath,
      [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
      where,
    );
    const answer = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
    assert.ok(Object.keys(answer?.[1].content ?? {}).length > 0, `${where} has an answer`);
    assert.deepEqual(operation.responses["default"]?.content, {
      "application/problem+json": { schema: { $ref: "#/components/schemas/Error" } },
    });
  }
});

test("every reference leads somewhere", () => {
  const references = [...text.matchAll(/"\$ref": "([^"]+)"/g)].map((match) => match[1] ?? "");
  assert.ok(references.length > 20);
  for (const reference of references) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1];
    assert.ok(name !== undefined && document.components.schemas[name] !== undefined, reference);
  }
});
