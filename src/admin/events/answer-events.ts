/** GET /v1/events: where a reader begins, whether it may, and its stream. Knows no other route. */
import type { FastifyReply } from "fastify";
import type { EngineApi } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import { refuseForeign, refuseForeignConsumer } from "../api/confine.ts";
import type { Call } from "../api/endpoint.ts";
import { type EventStreamRequest, streamEvents } from "../event-stream.ts";
import { EVENTS_PAGE_MAX } from "../limits.ts";
import * as schema from "../schema.ts";

type EventsCall = Call<unknown, schema.EventsQuery, unknown>;

/** Resolves when the stream is over. An error before its first byte is an answer like any other. */
export async function answerEvents(call: EventsCall): Promise<void> {
  const { engine, request, caller, query } = call;
  if (query.consumer !== undefined) refuseForeignConsumer(caller, query.consumer);
  const conversations = chosenConversations(call);
  const seen = seenBefore(request.headers["last-event-id"]) ?? call.query.after;
  if (seen !== undefined) refuseAhead(seen, engine.lastSeq());
  const { consumer } = call.query;
  const lease = consumer === undefined ? undefined : await engine.consumers.read(consumer, seen);
  try {
    await stream(call, conversations, lease?.after ?? seen);
  } finally {
    lease?.release();
  }
}

/** A place of a log that a restored backup has shortened: a reader would miss in silence what is numbered up to it. */
function refuseAhead(seen: number, lastSeq: number): void {
  if (seen <= lastSeq) return;
  throw new UmbradError("consumer/ahead", `there is no event ${seen} yet: the newest is ${lastSeq}`, {
    hint: "if the state was restored from a backup, go on after its event state.rolled-back: umbrad event list",
  });
}

/** Resolved before the first byte, so that an unknown name is an error and not an endless silence. */
function chosenConversations({ engine, query, caller }: EventsCall): EventStreamRequest["conversations"] {
  const { confinedTo } = caller;
  const { conversation: names } = query;
  if (confinedTo === undefined) {
    return names?.map((name) => engine.findConversation(name).handle);
  }
  // An acknowledgement covers all that came before, and so does the place of a consumer.
  if (query.consumer !== undefined)
    throw new UmbradError("admin/forbidden", "a consumer reads all conversations, and this token may not");
  return names?.map((name) => refuseForeign(engine, confinedTo, name)) ?? (() => [...confinedTo(engine).keys()]);
}

async function stream(
  { host, engine, open, query, request, reply }: EventsCall,
  conversations: EventStreamRequest["conversations"],
  after: number | undefined,
): Promise<void> {
  const { follow, limit } = query;
  const chosen: EventStreamRequest = {
    // A follower that names no place means "from now"; a reader of the log means "from the start of what there is".
    after: after ?? (follow ? engine.lastSeq() : engine.consumers.beforeFirst()),
    limit: limit ?? (follow ? undefined : EVENTS_PAGE_MAX),
    follow,
    conversations,
    types: query.type,
    onPassed: query.type === undefined ? undefined : passingOver(engine, query.consumer),
    format: (request.headers.accept ?? "").includes("text/event-stream") ? "sse" : "ndjson",
  };
  begin(reply, chosen);
  const { id: requestId } = request;
  try {
    const end = await streamEvents(engine, reply.raw, chosen, open.streamsEnd, open.pace);
    if (end !== "stalled") return;
    host.log.warn({ event: "admin.reader-cut", component: "admin", requestId }, "a reader of events stood still");
  } catch (error) {
    // No error can be answered any more: who reads asks again after its last seq, and is told then.
    reply.raw.destroy();
    const isOurs = !(error instanceof UmbradError);
    const why = isOurs ? { err: error } : { code: error.code };
    const fields = { event: "admin.stream-broken", component: "admin", requestId, ...why };
    host.log[isOurs ? "error" : "warn"](fields, "a stream of events broke");
  }
}

/** What a consumer does not ask for must not hold back retention for it, however long nothing comes that it does ask for. */
function passingOver(engine: EngineApi, consumer: string | undefined): EventStreamRequest["onPassed"] {
  if (consumer === undefined) return undefined;
  return (shown, through) => {
    try {
      engine.consumers.passOver(consumer, shown, through);
    } catch (error) {
      // The disk takes no writes: the next time will do, and its reader goes on reading.
      if (!(error instanceof UmbradError)) throw error;
    }
  };
}

function begin(reply: FastifyReply, { format, after }: EventStreamRequest): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    "content-type": format === "sse" ? "text/event-stream" : "application/x-ndjson",
    "cache-control": "no-store",
    "umbrad-api": "1",
    // Where this reader starts: with it, a reader that saw no event yet can resume too.
    "umbrad-after": String(after),
  });
  if (format === "sse") reply.raw.write("retry: 2000\n\n");
  else reply.raw.flushHeaders();
}

function seenBefore(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const parsed = schema.lastEventId.safeParse(header);
  if (!parsed.success) throw new UmbradError("request/invalid", "Last-Event-ID must be the seq of an event");
  return parsed.data;
}
