/**
 * What the admin API answers with, as zod schemas: the OpenAPI document is made of them, and tests hold every answer
 * against them. Each is checked by the compiler against the view that handlers make.
 */
import { z } from "zod";
import type { EventView, TraceView } from "../event-view.ts";
import { type LevelsView, logComponents, logLevels } from "../log/log-view.ts";
import type { ErrorView } from "../problem.ts";
import { newToken, token } from "../token/answer.ts";
import type {
  AcceptedView,
  BackupJson,
  ConsumerJson,
  ContactJson,
  ConversationJson,
  FileView,
  HealthView,
  InviteJson,
  InviteView,
  MessageView,
  PublicLinkView,
  ReloadView,
  SentView,
  StatusView,
} from "../views.ts";
import type { FateJson, OutboxJson, ParkedListJson } from "../waiting/views.ts";

const handle = z.string().regex(/^c\d+$/);
const time = z.iso.datetime();
const count = z.int().min(0);
const hex = z.string().regex(/^[0-9a-f]*$/);
const daemonState = z.enum(["starting", "ready", "degraded", "draining"]);
const messageState = z.enum(["queued", "published", "stored", "delivered", "failed", "received"]);
const canaryState = z.enum(["off", "waiting", "hearing", "deaf", "unsendable"]);
const checkName = z.enum(["store", "peers", "subscriptions", "canary", "clock", "history", "outbox"]);

/** Every error of the API. */
export const error: z.ZodType<ErrorView & { readonly requestId: string }> = z.strictObject({
  code: z.string().regex(/^[a-z]+\/[a-z-]+$/),
  message: z.string(),
  retryable: z.boolean(),
  hint: z.string().exactOptional(),
  requestId: z.string(),
});

export const live: z.ZodType<{ readonly alive: true }> = z.strictObject({ alive: z.literal(true) });

export const readiness: z.ZodType<Pick<StatusView, "state" | "reasons">> = z.strictObject({
  state: daemonState,
  reasons: z.array(z.string()),
});

export const status: z.ZodType<StatusView> = z.strictObject({
  name: z.string().nullable(),
  state: daemonState,
  reasons: z.array(z.string()),
  clientAddress: hex.nullable(),
  network: z.strictObject({ peers: count, configuredPeers: count, listening: count }),
  canary: z
    .strictObject({
      state: canaryState,
      rttMs: z.number().nullable(),
      ageMs: z.number().nullable(),
      silentNodes: z.array(z.string()),
    })
    .nullable(),
  synced: z.boolean(),
  conversations: count,
  outbox: count,
  parked: count,
  quota: z
    .strictObject({
      publications: count,
      windowMs: count,
      left: count,
      nextAt: time.nullable(),
      share: z.strictObject({ tokens: count, left: count }),
    })
    .nullable(),
  lastSeq: count,
  backedUpAt: time.nullable(),
  version: z.string(),
  pid: count,
  startedAt: time,
  listen: z.string().nullable(),
});

export const health: z.ZodType<HealthView> = z.strictObject({
  state: daemonState,
  reasons: z.array(z.string()),
  checks: z.array(
    z.strictObject({
      name: checkName,
      ok: z.boolean(),
      text: z.string(),
      data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    }),
  ),
});

export const reloaded: z.ZodType<ReloadView> = z.strictObject({
  changed: z.array(z.string()),
  needRestart: z.array(z.string()),
  files: z.array(z.string()),
});

const level = z.enum(logLevels);
const component = z.enum(logComponents);

export const levels: z.ZodType<LevelsView> = z.strictObject({
  level,
  components: z.partialRecord(component, level),
  overrides: z.array(z.strictObject({ component: component.nullable(), level, until: time.nullable() })),
});

export const backup: z.ZodType<BackupJson> = z.strictObject({
  file: z.string(),
  bytes: count,
  ms: z.number(),
  schema: count,
  sealed: z.boolean(),
  conversations: count,
  messages: count,
  events: count,
});

export const outbox: z.ZodType<OutboxJson> = z.strictObject({
  waiting: z.array(
    z.strictObject({
      messageId: hex.nullable(),
      conversation: handle,
      purpose: z.enum(["invite", "content", "acknowledgement", "repeat"]),
      encrypted: z.boolean(),
      attempts: count,
      queuedAt: time,
      nextAt: time.nullable(),
      reason: z.string().nullable(),
    }),
  ),
  total: count,
});

export const fate: z.ZodType<FateJson> = z.strictObject({ messageId: hex, state: messageState });

export const parked: z.ZodType<ParkedListJson> = z.strictObject({
  parked: z.array(
    z.strictObject({
      id: count,
      conversation: handle,
      errorCode: z.string(),
      attempts: count,
      bytes: count,
      parkedAt: time,
      nextAt: time,
    }),
  ),
  total: count,
});

export const stopped: z.ZodType<{ readonly stopped: true }> = z.strictObject({ stopped: z.literal(true) });

export const invite: z.ZodType<InviteView> = z.strictObject({
  link: z.string(),
  id: z.string(),
  uses: count,
  expires: time,
});

export const publicLink: z.ZodType<PublicLinkView> = z.strictObject({ link: z.string(), expires: time });

export const accepted: z.ZodType<AcceptedView> = z.strictObject({
  conversation: handle,
  messageId: hex.nullable(),
});

export const conversation: z.ZodType<ConversationJson> = z.strictObject({
  handle,
  id: z.string(),
  type: z.string(),
  name: z.string().nullable(),
  peer: z.string().nullable(),
  createdAt: time,
  standing: z.enum(["accepted", "undecided", "blocked", "rolled-back"]),
  state: z.enum(["open", "unanswered", "superseded"]),
});

export const inviteRecord: z.ZodType<InviteJson> = z.strictObject({
  id: z.string(),
  state: z.enum(["open", "used", "revoked", "expired"]),
  uses: count,
  created: time,
  expires: time,
  redemptions: z.array(z.strictObject({ peer: z.string(), at: time })),
  link: z.string().exactOptional(),
});

export const contact: z.ZodType<ContactJson> = z.strictObject({
  address: hex,
  name: z.string().nullable(),
  blocked: z.boolean(),
  verified: z.boolean(),
  conversations: z.array(handle),
});

export const sent: z.ZodType<SentView> = z.strictObject({
  messageId: hex,
  state: messageState,
  conversation: handle,
});

const file: z.ZodType<FileView> = z.strictObject({
  name: z.string(),
  size: count,
  sha256: hex,
  mime: z.string().exactOptional(),
});

const messageFields = {
  messageId: hex,
  conversation: handle,
  direction: z.enum(["in", "out"]),
  state: messageState,
  timestamp: time,
  sender: hex,
};

export const message: z.ZodType<MessageView> = z.union([
  z.strictObject({ ...messageFields, text: z.string() }),
  z.strictObject({ ...messageFields, expired: z.literal(true) }),
  z.strictObject({ ...messageFields, file }),
  z.strictObject({ ...messageFields, domain: count, tag: count, bytes: z.base64() }),
  z.strictObject({ ...messageFields, domain: count, tag: count, size: count, sha256: hex }),
]);

/** A line of the event log. */
export const event: z.ZodType<EventView> = z.strictObject({
  v: z.literal(1),
  seq: count,
  ts: time,
  type: z.string(),
  conversation: handle.nullable(),
  data: z.record(z.string(), z.unknown()),
});

export const trace: z.ZodType<TraceView> = z.strictObject({
  message,
  explanation: z.string(),
  events: z.array(event),
  outbox: z
    .strictObject({ attempts: count, queuedAt: time, nextAt: time, lastReason: z.string().nullable() })
    .nullable(),
  publication: z.strictObject({ times: count, looks: count, nextLookAt: time.nullable() }).nullable(),
});

export const consumer: z.ZodType<ConsumerJson> = z.strictObject({
  name: z.string(),
  ackedSeq: count,
  behind: count,
  reading: z.boolean(),
  createdAt: time,
  ackedAt: time,
});

/** Schemas that have a name in the OpenAPI document. */
export const named: Readonly<Record<string, z.ZodType>> = {
  Error: error,
  Status: status,
  Health: health,
  Readiness: readiness,
  Invite: invite,
  PublicLink: publicLink,
  InviteRecord: inviteRecord,
  Accepted: accepted,
  Contact: contact,
  Conversation: conversation,
  Sent: sent,
  File: file,
  Message: message,
  Event: event,
  Trace: trace,
  Consumer: consumer,
  Token: token,
  NewToken: newToken,
};
