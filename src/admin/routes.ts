/** The whole admin API on one screen. Handlers translate; what happens is the engine's business. */
import type { FastifyInstance, FastifyReply } from "fastify";
import { UmbradError } from "../engine/errors.ts";
import type { MessageId } from "../wire/ids.ts";
import { defineContactRoutes } from "./contacts/contact-routes.ts";
import type { StreamPace } from "./event-stream.ts";
import { traceView } from "./event-view.ts";
import { answerEvents } from "./events/answer-events.ts";
import { defineFileRoutes } from "./file/routes.ts";
import { type AdminHost, engineOf } from "./host.ts";
import * as schema from "./schema.ts";
import * as views from "./views.ts";
import { defineWaitingRoutes } from "./waiting/routes.ts";

/** What outlives one request: streams to end and stop requests to answer when the daemon is done. */
export interface OpenAnswers {
  readonly streamsEnd: AbortSignal;
  readonly pace: StreamPace;
  /** The answer is written by `AdminServer.close`, when everything is on disk and the lock is free. */
  answerWhenStopped(reply: FastifyReply): void;
}

export function defineRoutes(app: FastifyInstance, host: AdminHost, open: OpenAnswers): void {
  defineDaemonRoutes(app, host, open);
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
  defineFileRoutes(app, host);
  defineWaitingRoutes(app, host);
  app.get<{ Params: { id: string } }>("/v1/messages/:id", { schema: { params: schema.messageParams } }, ({ params }) =>
    views.messageView(knownMessage(host, params.id), engineOf(host)),
  );

  app.get<{ Params: { id: string } }>(
    "/v1/messages/:id/trace",
    { schema: { params: schema.messageParams } },
    ({ params }) => {
      const engine = engineOf(host);
      const life = engine.trace(params.id);
      if (life === undefined) throw unknownMessage(params.id);
      return traceView(life, engine);
    },
  );

  defineEventRoutes(app, host, open);
}

/** The event log and its consumers. */
function defineEventRoutes(app: FastifyInstance, host: AdminHost, open: OpenAnswers): void {
  app.get<{ Querystring: schema.EventsQuery }>(
    "/v1/events",
    { schema: { querystring: schema.eventsQuery } },
    (request, reply) => answerEvents(host, open, request, reply),
  );

  app.get("/v1/consumers", () => ({ consumers: engineOf(host).consumers.list().map(views.consumerJson) }));
  app.post<{ Params: { consumer: string }; Body: schema.AckBody }>(
    "/v1/consumers/:consumer/ack",
    { schema: { params: schema.consumerParams, body: schema.ackBody } },
    ({ params, body }) => views.consumerJson(engineOf(host).consumers.acknowledge(params.consumer, body.seq)),
  );
  app.delete<{ Params: { consumer: string } }>(
    "/v1/consumers/:consumer",
    { schema: { params: schema.consumerParams } },
    ({ params }) => views.consumerJson(engineOf(host).consumers.drop(params.consumer)),
  );
}

function defineDaemonRoutes(app: FastifyInstance, host: AdminHost, open: OpenAnswers): void {
  const status = (): views.StatusView => views.statusView(host.engine()?.status(), host.identity, host.draining());

  app.get("/livez", () => ({ alive: true }));
  app.get("/readyz", (_request, reply) => {
    const { state, reasons } = status();
    return reply.status(state === "ready" ? 200 : 503).send({ state, reasons });
  });
  app.get("/v1/status", status);
  app.get("/v1/health", (): views.HealthView => {
    const { state, reasons } = status();
    return { state, reasons, checks: host.engine()?.health() ?? [] };
  });
  app.post("/v1/stop", (_request, reply) => {
    open.answerWhenStopped(reply);
    host.requestStop();
  });
}

function knownMessage(host: AdminHost, id: string): NonNullable<ReturnType<ReturnType<typeof engineOf>["message"]>> {
  const row = engineOf(host).message(id as MessageId);
  if (row === undefined) throw unknownMessage(id);
  return row;
}

function unknownMessage(id: string): UmbradError {
  return new UmbradError("message/unknown", `no message has the id ${JSON.stringify(id)}`);
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
