/** The messages this node keeps for Store queries: one SQLite file, one writer. Knows no protocol and no peer. */
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { WakuMessage } from "@waku/proto";
import type { ContentTopic } from "../wire/ids.ts";
import type { AcceptedMessage } from "./waku-message.ts";

/** One archived message as an observer of the network sees it. */
export interface ObservedMessage {
  readonly contentTopic: ContentTopic;
  readonly payload: Uint8Array;
  readonly timestampNs: bigint;
  readonly hash: Uint8Array;
}

/** What a page is taken from. All given conditions must hold; none given means everything. */
export interface ArchiveQuery {
  readonly pubsubTopic?: string;
  readonly contentTopics: readonly string[];
  readonly hashes: readonly Uint8Array[];
  /** Inclusive. */
  readonly startNs?: bigint;
  /** Exclusive. */
  readonly endNs?: bigint;
}

/** A place in the order of the archive: by timestamp, then by hash. */
export interface Position {
  readonly timestampNs: bigint;
  readonly hash: Uint8Array;
}

/** An archived message and where it lives. */
export interface ArchivedMessage {
  readonly hash: Uint8Array;
  readonly pubsubTopic: string;
  /** The encoded WakuMessage. */
  readonly bytes: Uint8Array;
}

const fileName = "store.db";

const schema = `
  CREATE TABLE IF NOT EXISTS message (
    hash BLOB NOT NULL PRIMARY KEY,
    timestamp_ns INTEGER NOT NULL,
    pubsub_topic TEXT NOT NULL,
    content_topic TEXT NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS message_in_order ON message (timestamp_ns, hash);
  CREATE INDEX IF NOT EXISTS message_of_topic ON message (content_topic, pubsub_topic, timestamp_ns, hash);
`;

/** The archive of one node. */
export class Archive {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #position: StatementSync;
  readonly #message: StatementSync;

  /** Messages older than `keepFromNs` are forgotten at the start. */
  constructor(stateDir: string, keepFromNs?: bigint) {
    this.#database = new DatabaseSync(join(stateDir, fileName), { timeout: 5_000 });
    // NORMAL, where the daemon's own store has FULL: nothing here is the only copy of anything. A service node of the
    // real network promises no durability either, and a power cut costs the last moments but never the file.
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;");
    this.#database.exec(schema);
    if (keepFromNs !== undefined) this.#prepare("DELETE FROM message WHERE timestamp_ns < ?").run(keepFromNs);
    this.#insert = this.#prepare("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?)");
    this.#position = this.#prepare("SELECT timestamp_ns AS timestampNs, hash FROM message WHERE hash = ?");
    this.#message = this.#prepare("SELECT hash, pubsub_topic AS pubsubTopic, bytes FROM message WHERE hash = ?");
  }

  /** Keeps a message; a repetition of the same hash changes nothing. */
  add({ hash, pubsubTopic, message, bytes }: AcceptedMessage): void {
    this.#insert.run(hash, message.timestamp ?? 0n, pubsubTopic, message.contentTopic, bytes);
  }

  /** Where a message is, or undefined when it was never archived: a cursor that names it is then invalid. */
  positionOf(hash: Uint8Array): Position | undefined {
    return this.#position.get(hash) as unknown as Position | undefined;
  }

  /** The message with this hash. */
  messageOf(hash: Uint8Array): ArchivedMessage | undefined {
    return this.#message.get(hash) as unknown as ArchivedMessage | undefined;
  }

  /**
   * The first `limit` positions after (or before) `from` in reading order. Each topic is read along its own index and
   * the results are merged, so that a page costs the same whatever the size of the archive.
   */
  positions(query: ArchiveQuery, reading: { from?: Position; forward: boolean; limit: number }): Position[] {
    const { forward, limit } = reading;
    const found = query.hashes.length > 0 ? this.#named(query, reading) : this.#ranged(query, reading);
    const order = forward ? byPosition : (a: Position, b: Position): number => byPosition(b, a);
    return found.sort(order).slice(0, limit);
  }

  close(): void {
    this.#database.close();
  }

  #named(query: ArchiveQuery, { from, forward }: { from?: Position; forward: boolean }): Position[] {
    const distinct = new Map(query.hashes.map((hash) => [Buffer.from(hash).toString("hex"), hash]));
    return [...distinct.values()]
      .map((hash) => this.positionOf(hash))
      .filter((position) => position !== undefined)
      .filter(
        (position) => from === undefined || (forward ? byPosition(from, position) < 0 : byPosition(position, from) < 0),
      );
  }

  #ranged(query: ArchiveQuery, reading: { from?: Position; forward: boolean; limit: number }): Position[] {
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const where = (condition: string, ...given: SQLInputValue[]): void => {
      conditions.push(condition);
      values.push(...given);
    };
    if (query.pubsubTopic !== undefined) where("pubsub_topic = ?", query.pubsubTopic);
    if (query.startNs !== undefined) where("timestamp_ns >= ?", query.startNs);
    if (query.endNs !== undefined) where("timestamp_ns < ?", query.endNs);
    const direction = reading.forward ? "ASC" : "DESC";
    if (reading.from !== undefined) {
      where(`(timestamp_ns, hash) ${reading.forward ? ">" : "<"} (?, ?)`, reading.from.timestampNs, reading.from.hash);
    }
    const topics = [...new Set(query.contentTopics)];
    if (topics.length > 0) where("content_topic = ?");
    const statement = this.#prepare(
      `SELECT timestamp_ns AS timestampNs, hash FROM message
       ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
       ORDER BY timestamp_ns ${direction}, hash ${direction} LIMIT ?`,
    );
    const read = (...topic: string[]): Position[] =>
      statement.all(...values, ...topic, reading.limit) as unknown as Position[];
    return topics.length === 0 ? read() : topics.flatMap((topic) => read(topic));
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql);
    // Timestamps in nanoseconds are past 2^53.
    statement.setReadBigInts(true);
    return statement;
  }
}

/** Everything the node in this state directory has archived, oldest first: what an observer of the network saw. */
export function* readArchive(stateDir: string): Iterable<ObservedMessage> {
  const database = new DatabaseSync(join(stateDir, fileName), { readOnly: true, timeout: 5_000 });
  try {
    const statement = database.prepare(
      `SELECT content_topic AS contentTopic, bytes, timestamp_ns AS timestampNs, hash
       FROM message ORDER BY timestamp_ns, hash`,
    );
    statement.setReadBigInts(true);
    for (const row of statement.iterate()) {
      const { contentTopic, bytes, timestampNs, hash } = row as unknown as Omit<ObservedMessage, "payload"> & {
        readonly bytes: Uint8Array;
      };
      yield { contentTopic, payload: WakuMessage.decode(bytes).payload, timestampNs, hash };
    }
  } finally {
    database.close();
  }
}

function byPosition(a: Position, b: Position): number {
  if (a.timestampNs !== b.timestampNs) return a.timestampNs < b.timestampNs ? -1 : 1;
  return Buffer.compare(a.hash, b.hash);
}
