/** Makes Fastify's routes of the table: validation, the bounds of a token, and the answer. Knows no route. */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from "fastify";
import { z } from "zod";
import { UmbradError } from "../../engine/errors.ts";
import { FILE_BYTES_MAX } from "../../wire/file-content.ts";
import type { Connections } from "../connection/connections.ts";
import { type AdminHost, engineOf } from "../host.ts";
import { START_WAIT_MS_MAX } from "../limits.ts";
import { checkConfined } from "./confine.ts";
import type { Access, Call, Caller, Endpoint, OpenAnswers, Route } from "./endpoint.ts";

/** What hooks find in `request.routeOptions.config`. */
export interface RouteConfig {
  readonly access: Access;
  readonly id: string;
}

export interface Served {
  readonly app: FastifyInstance;
  readonly host: AdminHost;
  readonly open: OpenAnswers;
  readonly connections: Connections;
  /** Who sent a request that came through all checks. */
  readonly callerOf: (request: FastifyRequest) => Caller;
}

export function serveRoutes(served: Served, routes: readonly Route[]): void {
  const methods = new Set(routes.map(({ endpoint }) => endpoint.id));
  for (const route of routes) {
    if (route.endpoint.body !== "bytes") defineRoute(served, served.app, route, methods);
  }
  // In a scope of its own: no other route takes bytes.
  served.app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // After the checks of who calls, before its first byte is kept.
    scope.addHook("onRequest", async (_request, reply) => served.connections.upload(reply.raw));
    scope.addContentTypeParser("application/octet-stream", (request: FastifyRequest, payload: AsyncIterable<Buffer>) =>
      readBytes(request, payload),
    );
    for (const route of routes) {
      if (route.endpoint.body === "bytes") defineRoute(served, scope, route, methods);
    }
    done();
  });
}

function defineRoute(served: Served, app: FastifyInstance, route: Route, methods: ReadonlySet<string>): void {
  const { method, path, access, endpoint } = route;
  const config: RouteConfig = { access, id: endpoint.id };
  app.route({
    method,
    url: path,
    config,
    schema: validated(method, endpoint),
    handler: (request, reply) => answer(served, endpoint, methods, request, reply),
  });
}

const nothing = z.strictObject({});

function validated(method: string, { params, query, body }: Endpoint): FastifySchema {
  return {
    ...(params === undefined ? {} : { params }),
    // What no route takes is a mistake of its caller: it is not passed over.
    querystring: query ?? nothing,
    ...(method === "GET" || body === "bytes" ? {} : { body: body ?? nothing.nullish() }),
  };
}

async function answer(
  { host, open, connections, callerOf }: Served,
  endpoint: Endpoint,
  methods: ReadonlySet<string>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { params, query, body } = request;
  const caller = callerOf(request);
  const call: Call<unknown, unknown, unknown> = {
    params,
    query,
    body,
    caller,
    host,
    get engine() {
      return engineOf(host);
    },
    open: { ...open, streamsEnd: streamsEnd(open, caller) },
    methods,
    request,
    reply,
  };
  const handle = async (): Promise<unknown> => {
    checkConfined(endpoint, call);
    reply.status(endpoint.status ?? 200);
    const leave = isFollowing(query) ? connections.follow() : undefined;
    try {
      return await endpoint.handle(call);
    } finally {
      leave?.();
    }
  };
  await connections.turn(request.raw);
  try {
    return await handle();
  } catch (error) {
    if (!(error instanceof UmbradError && error.code === "daemon/starting")) throw error;
    if (!(await hasStartedSoon(host))) throw error;
    return await handle();
  }
}

/** Of events and of the log. */
function isFollowing(query: unknown): boolean {
  return typeof query === "object" && query !== null && "follow" in query && query.follow === true;
}

/** Who calls while a daemon is started again waits, where the listener outlives it. */
async function hasStartedSoon({ whenStarted }: AdminHost): Promise<boolean> {
  if (whenStarted === undefined) return false;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), START_WAIT_MS_MAX);
  });
  const started = whenStarted.then(
    () => true,
    () => false,
  );
  const hasStarted = await Promise.race([started, tooLate]);
  clearTimeout(timer);
  return hasStarted;
}

function streamsEnd({ streamsEnd: end }: OpenAnswers, { until }: Caller): AbortSignal {
  return until === undefined ? end : AbortSignal.any([end, until]);
}

/** Refused by its announced length before a byte is read; without one, as soon as it is too much. */
async function readBytes(request: FastifyRequest, payload: AsyncIterable<Buffer>): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > FILE_BYTES_MAX) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of payload) {
    bytes += chunk.length;
    if (bytes > FILE_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  const data = Buffer.concat(chunks);
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

function tooLarge(): UmbradError {
  return new UmbradError("message/too-large", `a file may have ${FILE_BYTES_MAX} bytes`, {
    hint: "split it, for instance with split -b 4M",
  });
}
