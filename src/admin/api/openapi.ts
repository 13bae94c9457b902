/** The OpenAPI 3.1 document of the admin API, made of the table of routes. Nothing in it is written by hand twice. */
import { z } from "zod";
import { API_VERSION } from "../location.ts";
import { error, named } from "./answers.ts";
import type { Access, Endpoint, Route } from "./endpoint.ts";
import { PROBLEM_TYPE } from "./problem-answer.ts";

type Json = Readonly<Record<string, unknown>>;

const accessText: Readonly<Record<Access, string>> = {
  open: "Anybody who reaches the listener.",
  token: "Any token.",
  read: "Tokens of the role read.",
  send: "Tokens of the role send.",
  admin: "Tokens of the role admin.",
  owner: "Only over the unix socket.",
};

const streams: Readonly<Record<string, Json>> = {
  events: {
    "application/x-ndjson": { schema: { $ref: "#/components/schemas/Event" } },
    "text/event-stream": { schema: { $ref: "#/components/schemas/Event" } },
  },
  log: { "application/x-ndjson": {} },
  bytes: { "application/octet-stream": {} },
  metrics: { "text/plain": {} },
};

export function openApiDocument(routes: readonly Route[]): Json {
  const schemas = componentSchemas();
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "umbrad admin API",
      version: API_VERSION,
      description:
        "On a unix socket for the owner; on a loop-back TCP port for tokens. Fields may be added to answers, never " +
        "change meaning: clients ignore what they do not know. Made by scripts/generate.ts.",
    },
    servers: [{ url: "http://127.0.0.1:{port}", variables: { port: { default: "7777" } } }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "umbrad token create" } },
    },
  };
}

function operation({ access, endpoint, path }: Route): Json {
  const { id, summary, body } = endpoint;
  const content = body === "bytes" ? { "application/octet-stream": {} } : jsonOf(body, "input");
  return {
    operationId: id,
    summary,
    description: accessText[access],
    ...(access === "open" ? { security: [] } : {}),
    parameters: [...parametersOf(endpoint.params, "path"), ...parametersOf(endpoint.query, "query")],
    ...(content === undefined ? {} : { requestBody: { required: true, content } }),
    responses: responsesOf(endpoint),
    "x-umbrad-access": access,
    "x-umbrad-route": path,
  };
}

function responsesOf({ answer, status = 200, summary }: Endpoint): Json {
  const content = typeof answer === "string" ? streams[answer] : jsonOf(answer, "output");
  const failure = {
    description: "What went wrong: docs/exit-codes.md lists the codes.",
    content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Error" } } },
  };
  return { [String(status)]: { description: summary, content }, default: failure };
}

function parametersOf(schema: z.ZodType | undefined, place: "path" | "query"): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, "input") as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => {
    return { name, in: place, required: required.includes(name), schema: property };
  });
}

function jsonOf(schema: z.ZodType | undefined, io: "input" | "output"): Json | undefined {
  return schema === undefined ? undefined : { "application/json": { schema: schemaOf(schema, io) } };
}

const refOf = (id: string): string => `#/components/schemas/${id}`;

/** Named schemas become references. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, one] of Object.entries(named)) registry.add(one, { id });
  const known = registry.get(schema);
  if (known !== undefined) return { $ref: refOf(known.id) };
  registry.add(schema, { id: "this" });
  return converted(registry, io)["this"] ?? {};
}

function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, one] of Object.entries(named)) registry.add(one, { id });
  registry.add(error, { id: "Error" });
  return converted(registry, "output");
}

function converted(registry: z.core.$ZodRegistry<{ id: string }>, io: "input" | "output"): Record<string, Json> {
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: refOf,
    // Answers may grow; requests are strict, so that a misspelt field is an error.
    override: ({ jsonSchema }) => {
      if (io === "output" && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      // The format says it, in less than a page.
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema as Json]),
  );
}
