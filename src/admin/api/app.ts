/** One listener's Fastify: bounds, hooks, and how errors are answered. Secrets pass through: no body or URL is logged. */
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { z } from "zod";
import { UmbradError } from "../../engine/errors.ts";
import type { AdminHost } from "../host.ts";
import { BODY_BYTES_MAX, CONNECTIONS_MAX, IDLE_MS_MAX } from "../limits.ts";
import { API_VERSION } from "../location.ts";
import { errorView, problemOf } from "../problem.ts";
import type { Gate } from "./gate.ts";
import { parseJsonBody } from "./json-body.ts";
import type { RouteConfig } from "./serve.ts";

export interface AppOptions {
  readonly gate: Gate;
  readonly requestMs: number;
  /** Called when a request has been answered. */
  readonly onAnswered: (method: string, status: number, seconds: number) => void;
}

export function createApp(host: AdminHost, { gate, requestMs, onAnswered }: AppOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: requestMs,
    keepAliveTimeout: IDLE_MS_MAX,
    http: { headersTimeout: requestMs, connectionsCheckingInterval: Math.min(requestMs, 5_000) },
    // We close connections ourselves, in two steps.
    forceCloseConnections: false,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    logger: false,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string" },
    async (_request: unknown, body: string | Buffer) => parseJsonBody(String(body)),
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
  });
  app.addHook("onResponse", async (request, reply) => {
    const { id } = request.routeOptions.config as Partial<RouteConfig>;
    onAnswered(id ?? "none", reply.statusCode, reply.elapsedTime / 1000);
    logAnswer(host, gate, request, reply);
  });
  app.setNotFoundHandler((request) => {
    throw new UmbradError(
      "request/no-such-route",
      `there is no ${request.method} on this path in API version ${API_VERSION}`,
    );
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(host, error, request, reply));
  return app;
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
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  return { error: new UmbradError("request/invalid", problems.join("; ")) };
}

const fastifyCodes: ReadonlyMap<string, { code: string; message: string }> = new Map([
  ["FST_ERR_CTP_BODY_TOO_LARGE", { code: "request/too-large", message: `a request may have ${BODY_BYTES_MAX} bytes` }],
  [
    "FST_ERR_CTP_INVALID_MEDIA_TYPE",
    { code: "request/media-type", message: "this route does not take a body of that type" },
  ],
]);

function answerError(host: AdminHost, error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = asUmbradError(error);
  const view = errorView(known ?? error);
  if (known === undefined) {
    const fields = {
      event: "admin.bug",
      component: "admin",
      route: request.routeOptions.url ?? "none",
      requestId: request.id,
      err: error,
    };
    host.log.error(fields, "a request met a fault of our own");
  }
  const { httpStatus } = problemOf(view.code);
  if (httpStatus === 401) reply.header("www-authenticate", "Bearer");
  return reply
    .status(httpStatus)
    .type("application/json")
    .send({ ...view, requestId: request.id });
}

function asUmbradError(error: FastifyError): UmbradError | undefined {
  if (error instanceof UmbradError) return error;
  const known = fastifyCodes.get(error.code);
  if (known !== undefined) return new UmbradError(known.code, known.message);
  const isCallersFault = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500;
  return isCallersFault
    ? new UmbradError("request/invalid", "the request is not valid HTTP with a JSON body")
    : undefined;
}
