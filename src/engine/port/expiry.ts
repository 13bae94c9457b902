/** The end of messages: part of the Store port. What is deleted is content; that there was a message stays known. */
import type { ConversationNumber } from "../ports.ts";

/** Which messages of a conversation end. */
export interface ExpiryBounds {
  readonly conversation: ConversationNumber;
  /** Older ones end. */
  readonly beforeMs: number;
  /** Of these, those whose events some consumer has not acknowledged stay until they are older than this. */
  readonly unacknowledgedBeforeMs: number;
}

export interface ExpiryStore {
  /** How long a conversation keeps messages; undefined: as long as the others. */
  setExpiry(conversation: ConversationNumber, ms: number | undefined): void;
  expiry(conversation: ConversationNumber): number | undefined;
  /** Conversations after this number, closed ones too, with their expiry; only those that have one when asked. */
  expiries(
    after: ConversationNumber,
    limit: number,
    which: "all" | "own",
  ): readonly { readonly conversation: ConversationNumber; readonly ms: number | undefined }[];
  /**
   * Deletes the contents of the oldest messages, large files' parts too; what has not left yet stays. At most so many
   * messages at once, fewer when they have many parts. Says how many.
   */
  expireMessages(bounds: ExpiryBounds, limit: number): number;
  /** Empties the write-ahead log, where deleted bytes lie until it is written over. */
  emptyLog(): void;
}
