/** One listener's Fastify: bounds, hooks, and how errors are answered. Secrets pass through: no body or URL is logged. */
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { z } from "zod";
import { UmbradError } from "../../engine/errors.ts";
import type { Connections } from "../connection/connections.ts";
import type { AdminHost } from "../host.ts";
import { BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADERS_MS_MAX, IDLE_MS_MAX, PATH_PART_MAX } from "../limits.ts";
import { API_VERSION } from "../location.ts";
import { methodsOn, namesakesOf, type Route } from "./endpoint.ts";
import type { Gate } from "./gate.ts";
import { invalidText } from "./invalid.ts";
import { parseJsonBody } from "./json-body.ts";
import { answerProblem, REQUEST_SHAPES } from "./problem-answer.ts";
import type { RouteConfig } from "./serve.ts";
import { refuseBadQuery } from "./unicode.ts";

/** How often unfinished requests are looked for: a look costs nothing for so few connections. */
const CHECK_MS = 1_000;

export interface AppOptions {
  readonly gate: Gate;
  readonly connections: Connections;
  /** What there is, for who asks for something else. */
  readonly routes: readonly Route[];
  readonly requestMs: number;
  /** How long an answer may stand that nobody takes. */
  readonly stalledMs: number;
  /** Called when a request has been answered. */
  readonly onAnswered: (method: string, status: number, seconds: number) => void;
}

export function createApp(
  host: AdminHost,
  { gate, connections, routes, requestMs, stalledMs, onAnswered }: AppOptions,
): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: requestMs,
    connectionTimeout: stalledMs,
    keepAliveTimeout: IDLE_MS_MAX,
    http: {
      headersTimeout: Math.min(requestMs, HEADERS_MS_MAX),
      connectionsCheckingInterval: Math.min(requestMs, CHECK_MS),
      maxHeaderSize: HEADER_BYTES_MAX,
      // A request without one is refused by the gate, with a word.
      requireHostHeader: false,
    },
    // We close connections ourselves, in two steps.
    forceCloseConnections: false,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    logger: false,
    routerOptions: { maxParamLength: PATH_PART_MAX },
    // Before there is a route, and so before any hook.
    clientErrorHandler: (error, socket) => connections.refuse(error, socket),
    frameworkErrors: (error, request, reply) => void answerProblem(host, error, request, reply),
  });
  connections.watch(app.server);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (_request: unknown, body: string | Buffer) => parseJsonBody(Buffer.from(body)),
  );
  app.setValidatorCompiler<z.ZodType>(
    ({ schema }) =>
      (value) =>
        validated(schema, value),
  );
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.addHook("onRequest", async (request, reply) => {
    reply.header("umbrad-api", API_VERSION).header("cache-control", "no-store");
    // The next request is for the next daemon.
    if (host.draining()) reply.header("connection", "close");
    reply.raw.once("close", () => gate.left(request));
    gate.pass(request);
    refuseBadQuery(request.raw.url ?? "");
  });
  app.addHook("onResponse", async (request, reply) => {
    const { id } = request.routeOptions.config as Partial<RouteConfig>;
    onAnswered(id ?? "none", reply.statusCode, reply.elapsedTime / 1000);
    logAnswer(host, gate, request, reply);
  });
  app.setNotFoundHandler((request) => {
    throw noSuchRoute(request, routes);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerProblem(host, error, request, reply));
  return app;
}

function noSuchRoute({ method, url }: FastifyRequest, routes: readonly Route[]): UmbradError {
  const [path = ""] = url.split("?", 1);
  const methods = methodsOn(routes, path);
  const meant = namesakesOf(routes, method, path);
  const there = [
    methods.length === 0 ? "docs/api.md lists the paths that there are" : `it takes ${methods.join(", ")}`,
    ...(meant.length === 0 ? [] : [`there is ${meant.join(", ")}`]),
  ].join("; ");
  const message = `there is no ${method} on this path in API version ${API_VERSION}`;
  return new UmbradError("request/no-such-route", message, { hint: `${there}; ${REQUEST_SHAPES}` });
}

function logAnswer(host: AdminHost, gate: Gate, request: FastifyRequest, reply: FastifyReply): void {
  const { tokenId } = gate.callerOf(request);
  const fields = {
    event: "admin.request",
    component: "admin",
    method: request.method,
    route: request.routeOptions.url ?? "none",
    status: reply.statusCode,
    requestId: request.id,
    ...(tokenId === undefined ? {} : { token: tokenId }),
  };
  host.log.debug(fields, "request answered");
}

function validated(schema: z.ZodType, value: unknown): { value: unknown } | { error: Error } {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  return { error: new UmbradError("request/invalid", invalidText(parsed.error.issues), { hint: REQUEST_SHAPES }) };
}
