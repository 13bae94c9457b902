/** The Store port's rows about a message on its way. Part of `ports.ts`, which everybody imports it from. */
import type { ContentTopic, MessageId } from "../../wire/ids.ts";
import type { ConversationNumber, EventRow, MessageRow, OutboxRow } from "../ports.ts";

/** What is known of one publishing. */
export interface Published {
  /** Waku message hash. */
  readonly hash: Uint8Array;
  /** Service nodes that took it. */
  readonly peers: number;
  /** When to look first whether a Store node has it. */
  readonly lookAtMs: number;
}

/** A message that is published and that no Store node is known to have. */
export interface PublicationRow {
  /** The row of its message: a message has one publication, however often it was published. */
  readonly message: number;
  readonly conversation: ConversationNumber;
  readonly messageId: MessageId;
  readonly topic: ContentTopic;
  /** Final bytes. */
  readonly envelope: Uint8Array;
  /** Of the newest publishings, newest last. */
  readonly hashes: readonly Uint8Array[];
  /** How often a Store node said "not there" since it was published last. */
  readonly looks: number;
  readonly times: number;
  /** undefined: nobody looks; it waits in the outbox, or was looked for often enough. */
  readonly dueAtMs: number | undefined;
}

/** What looking came to, by row of the message. */
export interface LookOutcome {
  readonly stored: readonly number[];
  readonly later: readonly { readonly message: number; readonly dueAtMs: number }[];
  /** To be published again: back to the outbox, the same bytes. */
  readonly again: readonly number[];
  /** Looked for often enough. */
  readonly enough: readonly number[];
}

/** All that is known of one message. */
export interface MessageTrace {
  readonly message: MessageRow;
  /** Oldest first. */
  readonly events: readonly EventRow[];
  readonly outbox: OutboxRow | undefined;
  readonly publication: PublicationRow | undefined;
}
