/**
 * The admin API over a unix socket: listening, refusing, errors, stopping. The caller holds the state lock, which is what
 * makes a left-over socket file ours to remove. Secrets pass through here: bodies and URLs are never logged.
 */
import { chmod, rm } from "node:fs/promises";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { z } from "zod";
import { UmbradError } from "../engine/errors.ts";
import { type StreamPace, streamPace } from "./event-stream.ts";
import type { AdminHost } from "./host.ts";
import { BODY_BYTES_MAX, CONNECTIONS_MAX, REQUEST_MS_MAX } from "./limits.ts";
import { API_VERSION, checkSocketPath } from "./location.ts";
import { errorView, problemOf } from "./problem.ts";
import { defineRoutes } from "./routes.ts";

export interface AdminServer {
  readonly socketPath: string;
  /** First step of a stop: no new connection, streams end. Requests under way may finish. */
  stopAccepting(): Promise<void>;
  /** Last step, when everything is on disk: answers whoever asked for the stop. */
  close(): Promise<void>;
}

export interface AdminServerOptions {
  readonly socketPath: string;
  readonly pace?: StreamPace;
  readonly requestMs?: number;
}

export async function startAdminServer(host: AdminHost, options: AdminServerOptions): Promise<AdminServer> {
  const { socketPath } = options;
  checkSocketPath(socketPath);
  const streams = new AbortController();
  const stopCallers: FastifyReply[] = [];
  const app = createApp(host, options.requestMs ?? REQUEST_MS_MAX);
  defineRoutes(app, host, {
    streamsEnd: streams.signal,
    pace: options.pace ?? streamPace,
    answerWhenStopped(reply) {
      reply.hijack();
      stopCallers.push(reply);
    },
  });
  await listen(app, socketPath);
  return {
    socketPath,
    async stopAccepting() {
      streams.abort();
      // Node closes idle connections with the listener and takes the socket file away.
      app.server.close();
      await rm(socketPath, { force: true });
    },
    async close() {
      for (const reply of stopCallers) answerStopped(reply.raw);
      await Promise.all(stopCallers.map(({ raw }) => finished(raw)));
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

function createApp(host: AdminHost, requestMs: number): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: requestMs,
    http: { headersTimeout: requestMs, connectionsCheckingInterval: Math.min(requestMs, 5_000) },
    // We close connections ourselves, in two steps.
    forceCloseConnections: false,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    logger: false,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler<z.ZodType>(
    ({ schema }) =>
      (value) =>
        validated(schema, value),
  );
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.addHook("onRequest", async (request, reply) => {
    reply.header("umbrad-api", API_VERSION).header("cache-control", "no-store");
    refuseStrangers(request);
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, id } = request;
    const route = request.routeOptions.url ?? "none";
    const fields = {
      event: "admin.request",
      component: "admin",
      method,
      route,
      status: reply.statusCode,
      requestId: id,
    };
    host.log.debug(fields, "request answered");
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

async function listen(app: FastifyInstance, path: string): Promise<void> {
  try {
    // Under the state lock a file in this place is what a killed daemon left.
    await rm(path, { force: true });
    await app.listen({ path });
    // umask 077 alone gives 0700.
    await chmod(path, 0o600);
  } catch (error) {
    await app.close();
    throw new UmbradError("admin/cannot-listen", `cannot listen on ${path}: ${reasonOf(error)}`, {
      hint: "give another place: --socket PATH",
      cause: error,
    });
  }
}

function validated(schema: z.ZodType, value: unknown): { value: unknown } | { error: Error } {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  return { error: new UmbradError("request/invalid", problems.join("; ")) };
}

/** A Host that only this API is called by; a page that made a browser come here sends another, or an Origin. */
const ownHost = /^(?:localhost|umbrad|u|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;

function refuseStrangers({ headers }: FastifyRequest): void {
  if (headers.origin !== undefined || headers.referer !== undefined) {
    throw new UmbradError("admin/forbidden", "requests that come from a web page are refused");
  }
  if (!ownHost.test(headers.host ?? "")) {
    throw new UmbradError("admin/forbidden", "the Host header must be localhost or umbrad");
  }
  const version = headers["umbrad-api"];
  if (version !== undefined && version !== API_VERSION) {
    throw new UmbradError(
      "admin/api-version",
      `this daemon speaks API version ${API_VERSION}, the caller ${String(version).slice(0, 16)}`,
      {
        hint: "use the umbrad command of the daemon's own version",
      },
    );
  }
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
  return reply.status(problemOf(view.code).httpStatus).send({ ...view, requestId: request.id });
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

function answerStopped(raw: FastifyReply["raw"]): void {
  if (raw.destroyed) return;
  raw.writeHead(200, { "content-type": "application/json", "umbrad-api": API_VERSION, connection: "close" });
  raw.end(JSON.stringify({ stopped: true }));
}

function finished(raw: FastifyReply["raw"]): Promise<void> {
  return new Promise((resolve) => {
    if (raw.destroyed || raw.writableFinished) resolve();
    else raw.once("finish", resolve).once("close", resolve);
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
