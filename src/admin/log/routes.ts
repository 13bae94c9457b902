/** Routes for whoever runs the daemon: the log, its levels, and the configuration. They work while the engine starts, too. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { StreamPace } from "../event-stream.ts";
import type { AdminHost, Operator } from "../host.ts";
import { type LevelChange, logComponents, logLevels } from "./log-view.ts";
import { type LogStreamRequest, streamLog } from "./stream-log.ts";

interface LevelBody {
  readonly changes: readonly LevelChange[];
  readonly forMs?: number | undefined;
}

const level = z.enum(logLevels);
const component = z.enum(logComponents);

/** What is meant for a while and forgotten must not stay for a year. */
const levelMsMax = 7 * 86_400_000;

const levelBody: z.ZodType<LevelBody> = z.strictObject({
  changes: z
    .array(z.strictObject({ component: component.optional(), level }))
    .min(1)
    .max(logComponents.length + 1),
  forMs: z.int().min(1).max(levelMsMax).optional(),
});

const linesDefault = 100;

const logQuery: z.ZodType<LogStreamRequest> = z.strictObject({
  level: level.default("info"),
  component: component.optional(),
  lines: z
    .string()
    .regex(/^\d{1,6}$/, "a whole number is needed")
    .transform(Number)
    .default(linesDefault),
  follow: z
    .enum(["true", "false"])
    .transform((value) => value === "true")
    .default(false),
});

/** What outlives one request. */
interface Streams {
  readonly streamsEnd: AbortSignal;
  readonly pace: StreamPace;
}

export function defineOperatorRoutes(app: FastifyInstance, host: AdminHost, streams: Streams): void {
  const { operator } = host;
  if (operator === undefined) return;
  app.post("/v1/reload", () => operator.reload());
  app.get("/v1/log/level", () => operator.log.levels());
  app.post<{ Body: LevelBody }>("/v1/log/level", { schema: { body: levelBody } }, ({ body }) =>
    operator.log.changeLevels(body.changes, body.forMs),
  );
  app.delete("/v1/log/level", () => operator.log.resetLevels());
  app.get<{ Querystring: LogStreamRequest }>("/v1/log", { schema: { querystring: logQuery } }, (request, reply) =>
    answerLog(host, operator, streams, request, reply),
  );
}

async function answerLog(
  host: AdminHost,
  operator: Operator,
  { streamsEnd, pace }: Streams,
  request: FastifyRequest<{ Querystring: LogStreamRequest }>,
  reply: FastifyReply,
): Promise<void> {
  reply.hijack();
  const headers = { "content-type": "application/x-ndjson", "cache-control": "no-store", "umbrad-api": "1" };
  reply.raw.writeHead(200, headers).flushHeaders();
  const end = await streamLog(operator.log, reply.raw, request.query, streamsEnd, pace);
  if (end === "stalled") {
    host.log.warn(
      { event: "admin.reader-cut", component: "admin", requestId: request.id },
      "a reader of the log stood still",
    );
  }
}
