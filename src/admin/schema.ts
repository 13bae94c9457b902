/** What callers may send, as zod schemas: strict, so that a misspelt field is an error and not a silent default. */
import { isAbsolute } from "node:path";
import { z } from "zod";
import { isMediaType } from "../wire/file-content.ts";
import { type LevelChange, logComponents, logLevels } from "./log/log-view.ts";
import type { LogStreamRequest as LogQuery } from "./log/stream-log.ts";

export type { LogStreamRequest as LogQuery } from "./log/stream-log.ts";

export interface LevelBody {
  readonly changes: readonly LevelChange[];
  readonly forMs?: number | undefined;
}

import type { Role } from "./api/endpoint.ts";
import { eventTypes } from "./events/event-types.ts";
import {
  EVENTS_PAGE_MAX,
  INVITE_LIFETIME_MAX_MS,
  INVITE_USES_MAX,
  LIST_MAX,
  MESSAGES_PAGE_MAX,
  TOKEN_LIFETIME_MAX_MS,
} from "./limits.ts";

export interface InviteBody {
  readonly uses: number;
  readonly expiresInMs: number;
}

export interface AcceptBody {
  readonly link: string;
  readonly text?: string | undefined;
}

export interface SendBody {
  readonly conversation: string;
  readonly text: string;
  readonly key?: string | undefined;
}

export interface FileQuery {
  readonly name: string;
  readonly mime?: string | undefined;
  readonly key?: string | undefined;
}

export interface MessagesQuery {
  readonly limit: number;
  /** A message id: only what is older than it. */
  readonly before?: string | undefined;
}

export interface EventsQuery {
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
  readonly follow: boolean;
  readonly conversation?: readonly string[] | undefined;
  readonly type?: readonly string[] | undefined;
  readonly consumer?: string | undefined;
}

export interface TokenBody {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly conversations?: readonly string[] | undefined;
  readonly consumers?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly expiresInMs?: number | undefined;
  readonly perMinute?: number | undefined;
}

export interface AckBody {
  readonly seq: number;
}

const name = z.string().min(1).max(255);
const id = z.string().min(1).max(64);
/** Query values arrive as text. */
const count = z
  .string()
  .regex(/^\d{1,15}$/, "a whole number is needed")
  .transform(Number);
const flag = z.enum(["true", "false"]).transform((value) => value === "true");

/** Short and plain, because it stands in paths, logs of others and units of supervisors. */
const consumerName = z.string().regex(/^[a-z0-9-]{1,32}$/, "1 to 32 of a-z, 0-9 and - are needed");

const inviteLifetimeMsDefault = 7 * 86_400_000;

export const inviteBody: z.ZodType<InviteBody> = z.strictObject({
  uses: z.int().min(1).max(INVITE_USES_MAX).default(1),
  expiresInMs: z.int().min(1_000).max(INVITE_LIFETIME_MAX_MS).default(inviteLifetimeMsDefault),
});

export const acceptBody: z.ZodType<AcceptBody> = z.strictObject({
  link: z.string().min(1).max(16_384),
  text: z.string().optional(),
});

export const sendBody: z.ZodType<SendBody> = z.strictObject({
  conversation: name,
  text: z.string(),
  /** Short, because it is kept for a month. */
  key: z.string().min(1).max(128).optional(),
});

export const fileQuery: z.ZodType<FileQuery> = z.strictObject({
  /** The engine says what is wrong with a name. */
  name: z.string().max(1_024),
  mime: z.string().refine(isMediaType, "must be two words with a slash between them, like image/png").optional(),
  key: z.string().min(1).max(128).optional(),
});

export const inviteParams: z.ZodType<{ readonly id: string }> = z.strictObject({ id: name });
export const contactParams: z.ZodType<{ readonly contact: string }> = z.strictObject({ contact: name });
export const requestParams: z.ZodType<{ readonly request: string }> = z.strictObject({ request: name });
export const verifyBody: z.ZodType<{ readonly safetyNumber: string }> = z.strictObject({
  safetyNumber: z.string().regex(/^[0-9]{60}$/, "60 digits"),
});

export const nameBody: z.ZodType<{ readonly name: string }> = z.strictObject({ name });

export const messageParams: z.ZodType<{ readonly id: string }> = z.strictObject({ id });
export const conversationParams: z.ZodType<{ readonly conversation: string }> = z.strictObject({ conversation: name });

export const messagesQuery: z.ZodType<MessagesQuery> = z.strictObject({
  limit: count.pipe(z.int().min(1).max(MESSAGES_PAGE_MAX)).default(50),
  before: id.optional(),
});

/** One fault for all of them: each by itself would name every type that there is. */
function namedTypes(value: unknown, context: z.RefinementCtx): unknown {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  const unknown = names.filter((one) => !eventTypes.some((type) => type === one));
  if (unknown.length === 0) return names;
  const shown = unknown.slice(0, 3).map((one) => JSON.stringify(one));
  const advice = names.some((one) => String(one).includes(",")) ? "give each by itself; " : "";
  const message = `there is no ${shown.join(", ")}; ${advice}the types are ${eventTypes.join(", ")}`;
  context.addIssue({ code: "custom", message, input: value });
  return z.NEVER;
}

export const eventsQuery: z.ZodType<EventsQuery> = z
  .strictObject({
    after: count.optional(),
    limit: count.pipe(z.int().min(1).max(EVENTS_PAGE_MAX)).optional(),
    follow: flag.default(false),
    conversation: z.union([name.transform((one) => [one]), z.array(name).max(64)]).optional(),
    type: z.preprocess(namedTypes, z.array(z.enum(eventTypes)).max(64)).optional(),
    consumer: consumerName.optional(),
  })
  // An acknowledgement covers all that came before: with a selection it would cover what nobody was shown.
  .refine(({ consumer, conversation }) => consumer === undefined || conversation === undefined, {
    message: "a consumer reads all conversations: choose by the field conversation of each event",
  });

export const consumerParams: z.ZodType<{ readonly consumer: string }> = z.strictObject({ consumer: consumerName });

export const tokenParams: z.ZodType<{ readonly token: string }> = z.strictObject({ token: name });

export const tokenBody: z.ZodType<TokenBody> = z.strictObject({
  name: consumerName,
  roles: z
    .array(z.enum(["read", "send", "admin"]))
    .min(1)
    .max(3),
  conversations: z.array(name).min(1).max(64).optional(),
  consumers: z.array(consumerName).min(1).max(64).optional(),
  methods: z.array(z.string().min(1).max(64)).min(1).max(64).optional(),
  expiresInMs: z.int().min(1_000).max(TOKEN_LIFETIME_MAX_MS).optional(),
  perMinute: z.int().min(1).max(1_000_000).optional(),
});

const level = z.enum(logLevels);
const component = z.enum(logComponents);

/** What is meant for a while and forgotten must not stay for a year. */
const LEVEL_MAX_MS = 7 * 86_400_000;

export const levelBody: z.ZodType<LevelBody> = z.strictObject({
  changes: z
    .array(z.strictObject({ component: component.optional(), level }))
    .min(1)
    .max(logComponents.length + 1),
  forMs: z.int().min(1).max(LEVEL_MAX_MS).optional(),
});

export const logQuery: z.ZodType<LogQuery> = z.strictObject({
  level: level.default("info"),
  component: component.optional(),
  lines: z
    .string()
    .regex(/^\d{1,6}$/, "a whole number is needed")
    .transform(Number)
    .default(100),
  follow: flag.default(false),
});

const passphrase = z.base64().min(1).max(8_192);

/** Base64, because a passphrase may be any bytes. */
export const rekeyBody: z.ZodType<{ readonly passphrase: string; readonly newPassphrase: string }> = z.strictObject({
  passphrase,
  newPassphrase: passphrase,
});

export const backupBody: z.ZodType<{ readonly directory: string }> = z.strictObject({
  directory: z
    .string()
    .min(1)
    .max(4_096)
    .refine((path) => isAbsolute(path) && !path.includes("\0"), "an absolute path is needed"),
});

export const listQuery: z.ZodType<{ readonly limit: number }> = z.strictObject({
  limit: count.pipe(z.int().min(1).max(LIST_MAX)).default(100),
});

export const parkedParams: z.ZodType<{ readonly id: number }> = z.strictObject({ id: count });

export const ackBody: z.ZodType<AckBody> = z.strictObject({ seq: z.int().min(0) });

/** `Last-Event-ID` of a browser's EventSource or of curl; anything else in it is refused. */
export const lastEventId: z.ZodType<number> = count;
