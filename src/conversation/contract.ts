/**
 * The contract between the engine and every kind of conversation. A ConversationType is one object; a conversation is a
 * State value that only its type understands. Everything here is pure: no I/O, clock or randomness but `TurnContext`.
 * The Conversations specification says that a type MUST define its content topics, its encryption, its frames and their
 * encoding, and its conversation ids: these are the members `contentTopics`, `encryption`, `frames` and `conversationId`.
 */
import type { ContentFrame } from "../wire/content-frame.ts";
import type { Decoded } from "../wire/decoded.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { ContentTopic, ConversationId, MessageId } from "../wire/ids.ts";

/** Name of a record beside the state, for instance `skip/3/17`. `message/<id>` is a view: see `MessageRecord`. */
export type RecordKey = string;

export interface TurnContext {
  /** Unix time in milliseconds. */
  readonly now: number;
  /** The network counts what we publish: better late than often (profile 8.9-3). Absent: it does not. */
  readonly isMetered?: boolean;
  /** Fresh random bytes: keys, nonces, salts, jitter. */
  random(length: number): Uint8Array;
  /** What `reads` named and an earlier `lacks` asked for. A key that was asked for and does not exist maps to undefined. */
  readonly records: ReadonlyMap<RecordKey, Uint8Array | undefined>;
}

export type Input<Command> =
  | {
      readonly kind: "envelope";
      readonly envelope: Envelope;
      /** What `expectedHints` said of this hint; 0 for a static hint. */
      readonly ref: number;
    }
  | { readonly kind: "command"; readonly command: Command }
  /** `tokens`: how many acknowledgements and repetitions this turn may publish. Absent: nobody counts them. */
  | { readonly kind: "timer"; readonly name: string; readonly tokens?: number }
  /** What another conversation of this daemon told this one (effect `tell`), once. */
  | { readonly kind: "told"; readonly name: string; readonly data: Uint8Array }
  /**
   * The whole state is an older copy (ADR 0034): what was sent and read since is unknown. Once, or again after a crash. From
   * then on the conversation must send nothing that its keys of now could make; it never refuses this.
   */
  | { readonly kind: "rolled-back" }
  /** The outbox gave up on a message that `publish` named. */
  | { readonly kind: "undeliverable"; readonly messageId: MessageId; readonly reason: string };

/** A hint that the router must recognise. */
export type ExpectedHint =
  /** Any salt: the router hashes `id` with the envelope's salt. Inboxes only; at most 8 in a daemon (profile 8.5). */
  | { readonly kind: "static"; readonly id: Uint8Array }
  /**
   * One envelope. `ref` (uint32) is unique within the conversation while the hint is registered; `derive` computes the
   * 32 hint bytes, so that a turn pays only for what changed.
   */
  | { readonly kind: "ratcheted"; readonly ref: number; derive(): Uint8Array };

/** What a timer takes a token of the network's quota for; acknowledgements come before the rest (profile 8.9-3). */
export type TokenNeed = "acknowledgement" | "resend";

/** Why an envelope leaves: the outbox sends invites first, acknowledgements within their share (profile 10.6). */
export type Purpose = "invite" | "content" | "acknowledgement" | "repeat";

/**
 * Bytes beside a message's content: of every file, and of content too large for a row. `parts`: they are the records
 * `<prefix>0` to `<prefix><count - 1>` put together, from `offset` on. Without it they are in the content itself, or
 * were not kept (a large file of our own, once it is on its way).
 */
export interface Attachment {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly parts?: { readonly prefix: RecordKey; readonly count: number; readonly offset: number };
}

/** What happened in a conversation, for the event log and the message table. */
export type ConversationEvent =
  | { readonly type: "conversation.opened"; readonly peer: string; readonly role: "inviter" | "invitee" }
  | { readonly type: "conversation.unsupported"; readonly what: string }
  | {
      readonly type: "message.received";
      readonly messageId: MessageId;
      readonly sender: string;
      readonly timestampMs: number;
      readonly content: ContentFrame;
      readonly attachment?: Attachment;
      /** What its id would be in other conversations: if the message table knows it there, it is not delivered again. */
      readonly otherIds?: readonly MessageId[];
    }
  | {
      readonly type: "message.queued";
      readonly messageId: MessageId;
      readonly timestampMs: number;
      readonly content: ContentFrame;
      readonly attachment?: Attachment;
    }
  /** Of a message in several parts: how many have arrived. Told at most ten times. */
  | {
      readonly type: "message.progress";
      readonly messageId: MessageId;
      readonly arrived: number;
      readonly parts: number;
    }
  | { readonly type: "message.delivered"; readonly messageId: MessageId }
  | { readonly type: "message.failed"; readonly messageId: MessageId; readonly reason: string }
  /** What had failed is `queued` again: the one way out of a final state. */
  | { readonly type: "message.retried"; readonly messageId: MessageId }
  /** The peer's messages that others wait for did not come in time: what waited is delivered. They may still arrive. */
  | { readonly type: "message.lost"; readonly messageIds: readonly string[] }
  /** Somebody whom nobody has accepted wants to talk: the conversation sends nothing until it is accepted. */
  | { readonly type: "contact.requested"; readonly peer: string }
  /** Nothing that we have of the peer lets us invite it again: its operator must make a new link. */
  | { readonly type: "contact.link-needed"; readonly peer: string }
  | { readonly type: "invite.created"; readonly id: string; readonly uses: number; readonly expiresAtMs: number }
  | { readonly type: "invite.redeemed"; readonly id: string; readonly peer: string; readonly usesLeft: number }
  | { readonly type: "invite.revoked" | "invite.expired"; readonly id: string };

/** The closed set of effects. Each becomes rows of the turn's commit; none is a call. */
export type Effect =
  /** Final envelope bytes for the outbox. `messageId` ties it to a message whose states the network's answers move. */
  | {
      readonly kind: "publish";
      readonly topic: ContentTopic;
      readonly envelope: Uint8Array;
      readonly purpose: Purpose;
      readonly messageId?: MessageId;
    }
  | { readonly kind: "deliver"; readonly event: ConversationEvent }
  /**
   * With `needs` the turn publishes acknowledgements or repetitions: where a quota counts them it waits for a token.
   * `isDate`: it stands for a date (when a link ends), which setting the clock does not move. Any other measures an
   * interval: when this machine's clock is set back it is due so much earlier.
   */
  | {
      readonly kind: "schedule";
      readonly name: string;
      readonly atMs: number;
      readonly needs?: TokenNeed;
      readonly isDate?: true;
    }
  | { readonly kind: "cancel"; readonly name: string }
  | { readonly kind: "put"; readonly key: RecordKey; readonly bytes: Uint8Array }
  | { readonly kind: "drop"; readonly key: RecordKey }
  /** Another conversation in the same commit. If its `open` refuses, the whole turn is refused with its reason. */
  | { readonly kind: "open"; readonly type: string; readonly opening: unknown }
  /**
   * A word to another conversation of this daemon, as a row of this commit that becomes its input `told` (ADR 0030). Lost
   * without a trace when there is no such open conversation. Names are unique in a transition; order is not kept.
   */
  | { readonly kind: "tell"; readonly to: ConversationId; readonly name: string; readonly data: Uint8Array }
  | { readonly kind: "close" };

export type Transition<State> =
  | {
      readonly kind: "accept";
      readonly state: State;
      readonly effects: readonly Effect[];
      readonly reply?: unknown;
      /** The key was used up, but what it opened was refused ("badly formed inside", profile 8.11): counted. */
      readonly refusedInside?: string;
    }
  /** Nothing for us: a repetition, a stale timer. */
  | { readonly kind: "ignore"; readonly reason: string }
  /** A stranger's (or a caller's) fault. Changes nothing. */
  | { readonly kind: "reject"; readonly reason: string; readonly detail?: string }
  /** `step` learnt, after decrypting, of records it needs (ADR 0001): it runs again with them. Changes nothing. */
  | { readonly kind: "lacks"; readonly keys: readonly RecordKey[] };

/** Versioned bytes at rest. `decode` throws only for bytes that `encode` never made. */
export interface StateCodec<State> {
  encode(state: State): Uint8Array;
  decode(bytes: Uint8Array): State;
}

/** Structural subset of a zod schema. */
export interface Schema<Value> {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: Value }
    | {
        readonly success: false;
        readonly error: {
          readonly message: string;
          readonly issues?: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
        };
      };
}

export interface ConversationSummary {
  /** The peer's client address; absent where there is none (an inbox). */
  readonly peer?: string;
  /** Our own client address, where the conversation is what the world reaches us by (an inbox). */
  readonly clientAddress?: string;
  readonly createdAtMs: number;
  /**
   * Absent: accepted. None of the others sends anything; a blocked one reads nothing either. A rolled-back one has to be
   * begun anew with its peer.
   */
  readonly standing?: "undecided" | "blocked" | "rolled-back";
  /** A message of the peer has been read. */
  readonly isHeard?: boolean;
  /** Bytes of content that has arrived in part. What it drops of it when the engine fires `TIMER_SPILL`, its oldest first. */
  readonly incompleteBytes?: number;
  /** Keys of messages that may yet come. It drops its oldest when the engine fires `TIMER_SPILL_KEYS`. */
  readonly skippedKeys?: number;
}

export interface ConversationType<State, Command, Opening> {
  /** `<convo_type>/<version>`, as in its conversation ids, on disk and in the configuration. */
  readonly name: `${string}/${string}`;
  /** The scheme, and the one member of EncryptedBytes it reads: any other member on its hints is badly formed (profile 8.10). */
  readonly encryption: { readonly scheme: string; readonly member: "encrypted_bytes" | "ecies" };
  /** The frames inside the encryption and their deterministic decoding. */
  readonly frames: { decode(bytes: Uint8Array): Decoded<unknown> };
  readonly state: StateCodec<State>;
  readonly command: Schema<Command>;
  conversationId(state: State): ConversationId;
  summary(state: State): ConversationSummary;
  open(opening: Opening, context: TurnContext): Transition<State>;
  step(state: State, input: Input<Command>, context: TurnContext): Transition<State> | Promise<Transition<State>>;
  /** Records beside the state that this input certainly needs. */
  reads(state: State, input: Input<Command>): readonly RecordKey[];
  contentTopics(state: State): readonly ContentTopic[];
  expectedHints(state: State): Iterable<ExpectedHint>;
}

/** A type whose parameters the engine does not need to know. */
// biome-ignore lint/suspicious/noExplicitAny: State, Command and Opening are existential here; only the type itself reads them.
export type AnyConversationType = ConversationType<any, any, any>;

/** Fired by the engine, and never set, where there is too much content that has arrived in part. */
export const TIMER_SPILL = "spill";
/** The same where there are too many keys of messages that may yet come. */
export const TIMER_SPILL_KEYS = "spill-keys";

/** A read-only record: the ids of our messages here that are `queued`, a line each, the oldest first, at most 1,000. */
export const RECORD_QUEUED: RecordKey = "message/queued";

/** Bytes of the read-only record `message/<id>`: "the message table knows this id". */
export const messageRecordKey = (id: MessageId | string): RecordKey => `message/${id}`;

export function accept<State>(state: State, effects: readonly Effect[] = [], reply?: unknown): Transition<State> {
  return reply === undefined ? { kind: "accept", state, effects } : { kind: "accept", state, effects, reply };
}

export function ignore(reason: string): Transition<never> {
  return { kind: "ignore", reason };
}

export function reject(reason: string, detail?: string): Transition<never> {
  return detail === undefined ? { kind: "reject", reason } : { kind: "reject", reason, detail };
}
