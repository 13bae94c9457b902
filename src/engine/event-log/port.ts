/** The event log as the engine wants it of its Store: rows numbered without gaps, named consumers, and an end of the past. */
import type { ConversationNumber, EventRow, NewEvent } from "../ports.ts";

/** A named reader of the event log. Its cursor is durable. */
export interface ConsumerRow {
  readonly name: string;
  /** Everything up to here is done with; 0: nothing yet. Never moves backwards. */
  readonly ackedSeq: number;
  readonly createdAtMs: number;
  /** When the cursor moved last; at first when the consumer was made. */
  readonly ackedAtMs: number;
}

/** How long the past is kept. An event goes when one of the bounds says so, and never before an older one. */
export interface EventBounds {
  /** Older events that every consumer has acknowledged go. */
  readonly beforeMs: number;
  /** Beyond so many, the oldest that every consumer has acknowledged go. */
  readonly keep: number;
  /** Older events go even unacknowledged: a consumer that never comes back must not fill the disk. */
  readonly unacknowledgedBeforeMs: number;
}

/** The part of the Store that holds events and their consumers. Acknowledgements are durable on return, as commits are. */
export interface EventLog {
  events(query: {
    readonly after: number;
    readonly limit: number;
    readonly conversations?: readonly ConversationNumber[] | undefined;
    readonly types?: readonly string[] | undefined;
    /** The last seq to look at; without it the newest. */
    readonly through?: number | undefined;
  }): EventRow[];
  /** The newest seq that was ever given; 0 before the first. */
  lastSeq(): number;
  /** The oldest event that is still kept; 1 while the log is empty. */
  firstSeq(): number;
  /** Appends an event of the daemon itself. */
  appendEvent(event: NewEvent, atMs: number): EventRow;
  /** Deletes from the oldest on, at most `limit` rows; says how many. The newest event always stays: it numbers the next. */
  pruneEvents(bounds: EventBounds, limit: number): number;

  /** By name. */
  consumers(): ConsumerRow[];
  consumer(name: string): ConsumerRow | undefined;
  /** Does nothing when there is one of this name. */
  addConsumer(consumer: Omit<ConsumerRow, "ackedAtMs">): void;
  /** Moves the cursor forwards, or not at all. */
  acknowledge(name: string, seq: number, atMs: number): void;
  dropConsumer(name: string): void;
}
