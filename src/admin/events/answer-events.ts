/** GET /v1/events: where a reader begins, whether it may, and its stream. Knows no other route. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { EngineApi } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import { type EventStreamRequest, type StreamPace, streamEvents } from "../event-stream.ts";
import { type AdminHost, engineOf } from "../host.ts";
import { EVENTS_PAGE_MAX } from "../limits.ts";
import * as schema from "../schema.ts";

type EventsRequest = FastifyRequest<{ Querystring: schema.EventsQuery }>;

/** What outlives one request. */
interface Streams {
  readonly streamsEnd: AbortSignal;
  readonly pace: StreamPace;
}

/** Resolves when the stream is over. An error before its first byte is an answer like any other. */
export async function answerEvents(
  host: AdminHost,
  streams: Streams,
  request: EventsRequest,
  reply: FastifyReply,
): Promise<void> {
  const engine = engineOf(host);
  const { consumer, conversation } = request.query;
  // Resolved before the first byte, so that an unknown name is an error and not an endless silence.
  for (const name of conversation ?? []) engine.findConversation(name);
  const seen = seenBefore(request.headers["last-event-id"]) ?? request.query.after;
  const lease = consumer === undefined ? undefined : await engine.consumers.read(consumer, seen);
  try {
    await stream(host, engine, streams, request, reply, lease?.after ?? seen);
  } finally {
    lease?.release();
  }
}

async function stream(
  host: AdminHost,
  engine: EngineApi,
  streams: Streams,
  request: EventsRequest,
  reply: FastifyReply,
  after: number | undefined,
): Promise<void> {
  const chosen = eventStreamRequest(engine, request, after);
  reply.hijack();
  reply.raw.writeHead(200, {
    "content-type": chosen.format === "sse" ? "text/event-stream" : "application/x-ndjson",
    "cache-control": "no-store",
    "umbrad-api": "1",
    // Where this reader starts: with it, a reader that saw no event yet can resume too.
    "umbrad-after": String(chosen.after),
  });
  if (chosen.format === "sse") reply.raw.write("retry: 2000\n\n");
  else reply.raw.flushHeaders();
  const end = await streamEvents(engine, reply.raw, chosen, streams.streamsEnd, streams.pace);
  if (end === "stalled") {
    host.log.warn(
      { event: "admin.reader-cut", component: "admin", requestId: request.id },
      "a reader of events stood still",
    );
  }
}

function eventStreamRequest(
  engine: EngineApi,
  { query, headers }: EventsRequest,
  after: number | undefined,
): EventStreamRequest {
  const { follow, conversation, limit } = query;
  return {
    // A follower that names no place means "from now"; a reader of the log means "from the start of what there is".
    after: after ?? (follow ? engine.lastSeq() : engine.consumers.beforeFirst()),
    limit: limit ?? (follow ? undefined : EVENTS_PAGE_MAX),
    follow,
    conversations: conversation,
    format: (headers.accept ?? "").includes("text/event-stream") ? "sse" : "ndjson",
  };
}

function seenBefore(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const parsed = schema.lastEventId.safeParse(header);
  if (!parsed.success) throw new UmbradError("request/invalid", "Last-Event-ID must be the seq of an event");
  return parsed.data;
}
