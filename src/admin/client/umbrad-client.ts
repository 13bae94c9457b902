/**
 * `umbrad/client`: a daemon's API for programs in TypeScript and JavaScript. Calls and streams are those of the umbrad
 * command (`admin/client.ts`); here they have types, and a stream goes on after an interruption.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { UmbradError } from "../../engine/errors.ts";
import { type AdminClient, type AdminPlace, connectAdmin } from "../client.ts";
import type { EventView, TraceView } from "../event-view.ts";
import { parseTcpPlace, resolveSocketPath, resolveStateDir } from "../location.ts";
import { problemOf } from "../problem.ts";
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

export { UmbradError } from "../../engine/errors.ts";
export type { EventView, TraceView } from "../event-view.ts";
export type {
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
}

export interface ListenOptions {
  /** Go on where this consumer's acknowledgements end; made on first use. Two readers of one name refuse each other. */
  readonly consumer?: string;
  /**
   * `auto`: an event is acknowledged when the next one is asked for, so one whose handling threw comes again. `manual`: by
   * `acknowledge`.
   */
  readonly ack?: "auto" | "manual";
  /** Without a consumer: begin after this event instead of now. */
  readonly after?: number;
  /** Handles, names or ids; not with a consumer. */
  readonly conversations?: readonly string[];
  /** Ends the stream. */
  readonly signal?: AbortSignal;
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
  /** The newest messages, oldest first. */
  history(conversation: string, page?: { readonly limit?: number; readonly before?: string }): Promise<MessageView[]>;
  message(id: string): Promise<MessageView>;
  trace(id: string): Promise<TraceView>;
  /**
   * The event log. Goes on by itself after an interruption and a restart of the daemon, without a gap or a repetition;
   * throws when the daemon cannot be reached at first, and what no repetition mends.
   */
  listen(options?: ListenOptions): AsyncGenerator<EventView, void, undefined>;
  consumers(): Promise<ConsumerJson[]>;
  acknowledge(consumer: string, seq: number): Promise<ConsumerJson>;
}

const requestMsDefault = 30_000;

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
  if (place === undefined || token === undefined) {
    throw new UmbradError("cli/usage", "a url like http://127.0.0.1:7777 needs a token with it", {
      hint: "umbrad status shows the address, umbrad token create makes a token",
    });
  }
  return { ...place, token };
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
    send: (conversation, text, { key } = {}) => admin.post("/v1/messages", { conversation, text, key }),
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

const pauseMsMin = 100;
const pauseMsMax = 5_000;

async function* listen(
  admin: AdminClient,
  acknowledge: UmbradClient["acknowledge"],
  options: ListenOptions,
): AsyncGenerator<EventView, void, undefined> {
  const { consumer, ack = "auto", signal } = options;
  let { after } = options;
  let pauseMs = pauseMsMin;
  let isFirst = true;
  while (signal?.aborted !== true) {
    try {
      const stream = await admin.events(queryOf(options, after));
      const close = (): void => stream.close();
      signal?.addEventListener("abort", close);
      try {
        isFirst = false;
        after = Math.max(after ?? 0, stream.after);
        for await (const line of stream.lines) {
          const event: EventView = JSON.parse(line);
          after = event.seq;
          pauseMs = pauseMsMin;
          yield event;
          if (consumer !== undefined && ack === "auto") await acknowledgeAtLast(acknowledge, consumer, event.seq);
        }
      } finally {
        signal?.removeEventListener("abort", close);
        close();
      }
    } catch (error) {
      if (isFirst || !isPassing(error)) throw error;
    }
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMsMax, pauseMs * 2);
  }
}

function queryOf({ consumer, conversations = [] }: ListenOptions, after: number | undefined): URLSearchParams {
  const query = new URLSearchParams({ follow: "true" });
  if (after !== undefined) query.set("after", String(after));
  if (consumer !== undefined) query.set("consumer", consumer);
  for (const conversation of conversations) query.append("conversation", conversation);
  return query;
}

/** A daemon that has just gone away gets it with the next acknowledgement: each covers all that came before. */
async function acknowledgeAtLast(
  acknowledge: UmbradClient["acknowledge"],
  consumer: string,
  seq: number,
): Promise<void> {
  try {
    await acknowledge(consumer, seq);
  } catch (error) {
    if (!isPassing(error)) throw error;
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof UmbradError && problemOf(error.code).retryable;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {});
}
