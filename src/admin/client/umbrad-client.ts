/**
 * `umbrad/client`: a daemon's API for programs in TypeScript and JavaScript. Calls and streams are those of the umbrad
 * command (`admin/client.ts`); here they have types, and a stream goes on after an interruption.
 */
import { UmbradError } from "../../engine/errors.ts";
import { type AdminClient, type AdminPlace, connectAdmin } from "../client.ts";
import type { TraceView } from "../event-view.ts";
import { parseTcpPlace, resolveSocketPath, resolveStateDir } from "../location.ts";
import type {
  AcceptedView,
  ConsumerJson,
  ContactJson,
  ConversationJson,
  HealthView,
  InviteJson,
  InviteView,
  MessageView,
  PublicLinkView,
  SentView,
  StatusView,
} from "../views.ts";
import type { UmbradEvent } from "./events.ts";
import { type EventOfType, type ListenOptions, listen } from "./listen.ts";
import { patiently } from "./patience.ts";

export { UmbradError } from "../../engine/errors.ts";
export type { EventView, TraceView } from "../event-view.ts";
export type {
  AcceptedView,
  ConsumerJson,
  ContactJson,
  ConversationJson,
  FileView,
  HealthView,
  InviteJson,
  InviteView,
  MessageView,
  PublicLinkView,
  SentView,
  StatusView,
} from "../views.ts";
export type { ConversationEventData, DaemonEventData, MessageContent, UmbradEvent } from "./events.ts";
export type { EventOfType, ListenOptions } from "./listen.ts";
export { isRefused, isRetryable } from "./patience.ts";

/** Nothing given: the unix socket where the umbrad command would look for it (`$UMBRAD_SOCKET`, `$UMBRAD_STATE_DIR`). */
export interface ConnectOptions {
  readonly socket?: string | undefined;
  /** `http://127.0.0.1:7777`: the TCP listener, with a token of `umbrad token create`. */
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  /** For one answer; 30 s. */
  readonly timeoutMs?: number;
}

export interface SendOptions {
  /** Sent once, however often it is repeated with the same key. */
  readonly key?: string;
  /**
   * With a key: how long it is repeated while the daemon is away or busy; a minute. 0: never. Without a key nothing is
   * repeated, since it might be sent twice.
   */
  readonly patienceMs?: number;
}

/** A file to send. */
export interface OutgoingFile {
  /** What the receiver sees: one plain name. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Its media type, like `image/png`. */
  readonly mime?: string | undefined;
}

/** Errors are UmbradErrors with the codes of docs/exit-codes.md. */
export interface UmbradClient {
  status(): Promise<StatusView>;
  health(): Promise<HealthView>;
  conversations(): Promise<ConversationJson[]>;
  createInvite(options?: { readonly uses?: number; readonly expiresInMs?: number }): Promise<InviteView>;
  acceptInvite(link: string, text?: string): Promise<AcceptedView>;
  /** For everybody: who uses it is among the requests. */
  publicLink(): Promise<PublicLinkView>;
  invites(): Promise<InviteJson[]>;
  revokeInvite(id: string): Promise<InviteJson>;
  contacts(): Promise<ContactJson[]>;
  /** Strangers who ask to talk, each as the conversation that it would be. */
  requests(): Promise<ConversationJson[]>;
  acceptRequest(conversation: string): Promise<ConversationJson>;
  rejectRequest(conversation: string): Promise<ConversationJson>;
  /** On disk when this resolves; `umbrad message trace` follows it from there. */
  send(conversation: string, text: string, options?: SendOptions): Promise<SentView>;
  /** On disk when this resolves. */
  sendFile(conversation: string, file: OutgoingFile, options?: SendOptions): Promise<SentView>;
  /** The bytes of a message: of `data.file` of an event. Not kept of large files that were sent. */
  content(messageId: string): Promise<Uint8Array>;
  /** The newest messages, oldest first. */
  history(conversation: string, page?: { readonly limit?: number; readonly before?: string }): Promise<MessageView[]>;
  message(id: string): Promise<MessageView>;
  trace(id: string): Promise<TraceView>;
  /**
   * The event log. Goes on by itself after an interruption and a restart of the daemon, without a gap or a repetition;
   * throws when the daemon cannot be reached at first, and what no repetition mends.
   */
  listen<Type extends UmbradEvent["type"] = UmbradEvent["type"]>(
    options?: ListenOptions<Type>,
  ): AsyncGenerator<EventOfType<Type>, void, undefined>;
  consumers(): Promise<ConsumerJson[]>;
  acknowledge(consumer: string, seq: number): Promise<ConsumerJson>;
}

const requestMsDefault = 30_000;
/** Longer than a daemon needs to start again. */
const patienceMsDefault = 60_000;

/** Connects when it is first used. */
export function connect(options: ConnectOptions = {}): UmbradClient {
  const { timeoutMs = requestMsDefault } = options;
  const startHint = async (): Promise<string> => "umbrad run starts it";
  return typed(connectAdmin({ place: placeOf(options), timeoutMs, startHint }));
}

function placeOf({ socket, url, token }: ConnectOptions): AdminPlace {
  if (url === undefined) {
    const { env } = process;
    return { socketPath: resolveSocketPath(socket, resolveStateDir(undefined, env), env) };
  }
  const place = parseTcpPlace(url.replace(/^http:\/\//, "").replace(/\/$/, ""));
  // From a file it ends with a line break.
  const secret = token?.trim() ?? "";
  if (place === undefined || !/^[\x21-\x7e]+$/.test(secret)) {
    throw new UmbradError("cli/usage", "a url like http://127.0.0.1:7777 needs a token with it", {
      hint: "umbrad status shows the address, umbrad token create makes a token",
    });
  }
  return { ...place, token: secret };
}

function typed(admin: AdminClient): UmbradClient {
  const named = (conversation: string): string => `/v1/conversations/${encodeURIComponent(conversation)}`;
  const acknowledge = (consumer: string, seq: number): Promise<ConsumerJson> =>
    admin.post(`/v1/consumers/${encodeURIComponent(consumer)}/ack`, { seq });
  return {
    status: () => admin.get("/v1/status"),
    health: () => admin.get("/v1/health"),
    conversations: async () =>
      (await admin.get<{ conversations: ConversationJson[] }>("/v1/conversations")).conversations,
    createInvite: (options = {}) => admin.post("/v1/invites", options),
    acceptInvite: (link, text) => admin.post("/v1/invites/accept", { link, text }),
    publicLink: () => admin.post("/v1/invites/public"),
    invites: async () => (await admin.get<{ invites: InviteJson[] }>("/v1/invites")).invites,
    revokeInvite: (id) => admin.post(`/v1/invites/${encodeURIComponent(id)}/revoke`),
    contacts: async () => (await admin.get<{ contacts: ContactJson[] }>("/v1/contacts")).contacts,
    requests: async () => (await admin.get<{ requests: ConversationJson[] }>("/v1/requests")).requests,
    acceptRequest: (conversation) => admin.post(`/v1/requests/${encodeURIComponent(conversation)}/accept`),
    rejectRequest: (conversation) => admin.post(`/v1/requests/${encodeURIComponent(conversation)}/reject`),
    send: (conversation, text, options) =>
      keyed(options, (key) => admin.post("/v1/messages", { conversation, text, key })),
    sendFile(conversation, { name, bytes, mime }, options) {
      return keyed(options, (key) => {
        const query = new URLSearchParams({ name });
        if (mime !== undefined) query.set("mime", mime);
        if (key !== undefined) query.set("key", key);
        return admin.upload(`${named(conversation)}/files?${query}`, bytes);
      });
    },
    content: (id) => patiently(patienceMsDefault, () => contentOf(admin, id)),
    async history(conversation, { limit = 50, before } = {}) {
      const query = new URLSearchParams({ limit: String(limit), ...(before === undefined ? {} : { before }) });
      return (await admin.get<{ messages: MessageView[] }>(`${named(conversation)}/messages?${query}`)).messages;
    },
    message: (id) => admin.get(`/v1/messages/${encodeURIComponent(id)}`),
    trace: (id) => admin.get(`/v1/messages/${encodeURIComponent(id)}/trace`),
    listen: (options = {}) => listen(admin, acknowledge, options),
    consumers: async () => (await admin.get<{ consumers: ConsumerJson[] }>("/v1/consumers")).consumers,
    acknowledge,
  };
}

/** What has no key might be sent twice: it is asked for once. */
function keyed(
  { key, patienceMs = patienceMsDefault }: SendOptions = {},
  ask: (key: string | undefined) => Promise<SentView>,
): Promise<SentView> {
  return patiently(key === undefined ? 0 : patienceMs, () => ask(key));
}

async function contentOf(admin: AdminClient, messageId: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  await admin.download(`/v1/messages/${encodeURIComponent(messageId)}/content`, async (chunk) => {
    chunks.push(chunk);
  });
  return Buffer.concat(chunks);
}
