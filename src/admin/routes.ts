/** The whole admin API on one screen. Handlers translate; what happens is the engine's business. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { UmbradError } from "../engine/errors.ts";
import type { MessageId } from "../wire/ids.ts";
import { defineContactRoutes } from "./contacts/contact-routes.ts";
import { type EventStreamRequest, type StreamPace, streamEvents } from "./event-stream.ts";
import { type AdminHost, engineOf } from "./host.ts";
import { EVENTS_PAGE_MAX } from "./limits.ts";
import * as schema from "./schema.ts";
import * as views from "./views.ts";

/** What outlives one request: streams to end and stop requests to answer when the daemon is done. */
export interface OpenAnswers {
  readonly streamsEnd: AbortSignal;
  readonly pace: StreamPace;
  /** The answer is written by `AdminServer.close`, when everything is on disk and the lock is free. */
  answerWhenStopped(reply: FastifyReply): void;
}

export function defineRoutes(app: FastifyInstance, host: AdminHost, open: OpenAnswers): void {
  const status = (): views.StatusView => views.statusView(host.engine()?.status(), host.identity, host.draining());

  app.get("/livez", () => ({ alive: true }));
  app.get("/readyz", (_request, reply) => {
    const { state, reasons } = status();
    return reply.status(state === "ready" ? 200 : 503).send({ state, reasons });
  });
  app.get("/v1/status", status);
  app.post("/v1/stop", (_request, reply) => {
    open.answerWhenStopped(reply);
    host.requestStop();
  });

  app.post<{ Body: schema.InviteBody }>(
    "/v1/invites",
    { schema: { body: schema.inviteBody } },
    async ({ body }, reply) => {
      const invite = await engineOf(host).createInvite({ uses: body.uses, expiresAtMs: host.now() + body.expiresInMs });
      const { link, id, uses, expiresAtMs } = invite;
      return reply.status(201).send({ link, id, uses, expires: views.rfc3339(expiresAtMs) } satisfies views.InviteView);
    },
  );
  app.post<{ Body: schema.AcceptBody }>(
    "/v1/invites/accept",
    { schema: { body: schema.acceptBody } },
    async ({ body }, reply) => {
      const { link, text } = body;
      const accepted = await engineOf(host).acceptInvite(text === undefined ? { link } : { link, text });
      return reply.status(201).send(accepted satisfies views.AcceptedView);
    },
  );

  app.get<{ Params: { conversation: string }; Querystring: schema.MessagesQuery }>(
    "/v1/conversations/:conversation/messages",
    { schema: { params: schema.conversationParams, querystring: schema.messagesQuery } },
    ({ params, query }) => messagesPage(host, params.conversation, query),
  );

  defineContactRoutes(app, host);

  app.post<{ Body: schema.SendBody }>(
    "/v1/messages",
    { schema: { body: schema.sendBody } },
    async ({ body }, reply) => {
      const { conversation, text, key } = body;
      const sent = await engineOf(host).send(key === undefined ? { conversation, text } : { conversation, text, key });
      return reply.status(202).send(sent satisfies views.SentView);
    },
  );
  app.get<{ Params: { id: string } }>("/v1/messages/:id", { schema: { params: schema.messageParams } }, ({ params }) =>
    views.messageView(knownMessage(host, params.id), engineOf(host)),
  );

  app.get<{ Querystring: schema.EventsQuery }>(
    "/v1/events",
    { schema: { querystring: schema.eventsQuery } },
    (request, reply) => answerEvents(host, open, request, reply),
  );
}

function knownMessage(host: AdminHost, id: string): NonNullable<ReturnType<ReturnType<typeof engineOf>["message"]>> {
  const row = engineOf(host).message(id as MessageId);
  if (row === undefined) throw new UmbradError("message/unknown", `no message has the id ${JSON.stringify(id)}`);
  return row;
}

/** The newest page, oldest first, as a reader of a conversation expects it. */
function messagesPage(
  host: AdminHost,
  conversation: string,
  { limit, before }: schema.MessagesQuery,
): { messages: views.MessageView[] } {
  const engine = engineOf(host);
  const page = before === undefined ? {} : { before: knownMessage(host, before).rowId };
  const rows = engine.messages({ conversation, limit, ...page });
  return { messages: rows.map((row) => views.messageView(row, engine)).reverse() };
}

async function answerEvents(
  host: AdminHost,
  open: OpenAnswers,
  request: FastifyRequest<{ Querystring: schema.EventsQuery }>,
  reply: FastifyReply,
): Promise<void> {
  const engine = engineOf(host);
  const stream = eventStreamRequest(engine.lastSeq(), request);
  // Resolved before the first byte, so that an unknown name is an error and not an endless silence.
  for (const name of stream.conversations ?? []) engine.findConversation(name);
  reply.hijack();
  reply.raw.writeHead(200, {
    "content-type": stream.format === "sse" ? "text/event-stream" : "application/x-ndjson",
    "cache-control": "no-store",
    "umbrad-api": "1",
    // Where this reader starts: with it, a reader that saw no event yet can resume too.
    "umbrad-after": String(stream.after),
  });
  if (stream.format === "sse") reply.raw.write("retry: 2000\n\n");
  else reply.raw.flushHeaders();
  const end = await streamEvents(engine, reply.raw, stream, open.streamsEnd, open.pace);
  if (end === "stalled") {
    host.log.warn(
      { event: "admin.reader-cut", component: "admin", requestId: request.id },
      "a reader of events stood still",
    );
  }
}

function eventStreamRequest(
  lastSeq: number,
  { query, headers }: FastifyRequest<{ Querystring: schema.EventsQuery }>,
): EventStreamRequest {
  const { follow, conversation, limit } = query;
  return {
    // A follower that names no place means "from now"; a reader of the log means "from the start".
    after: seenBefore(headers["last-event-id"]) ?? query.after ?? (follow ? lastSeq : 0),
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
