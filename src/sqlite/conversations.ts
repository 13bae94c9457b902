/** Conversations with their records and timers. Knows nothing of messages, events or the outbox. */
import { toHex, utf8 } from "../crypto/bytes.ts";
import { UmbradError } from "../engine/errors.ts";
import type {
  ConversationNumber,
  ConversationWrite,
  StoredConversation,
  TimerChoice,
  TimerRow,
} from "../engine/ports.ts";
import type { Database, Row } from "./database.ts";
import { type Place, type Sealer, textOf } from "./seal.ts";

interface ConversationRow extends Row {
  number: number;
  type: string;
  revision: number;
  closed: number;
  created_at_ms: number;
  name: Uint8Array | null;
  state: Uint8Array;
}

interface StoredTimer extends Row {
  conversation: number;
  name: string;
  at_ms: number;
  needs: number;
  data: Uint8Array | null;
}

/** Names are in the database by position, from 1. */
const tokenNeeds: readonly NonNullable<TimerRow["needs"]>[] = ["acknowledgement", "resend"];
const choices: Readonly<Record<TimerChoice, string>> = {
  any: "",
  free: "AND needs = 0",
  token: "AND needs > 0",
  acknowledgement: "AND needs = 1",
};

const columns = "number, type, revision, closed, created_at_ms, name, state";
/** Rows held at once while all conversations are read: 100,000 states do not fit, and an open cursor would stop checkpoints. */
const PAGE_ROWS = 256;

export class ConversationTables {
  readonly #database: Database;
  readonly #sealer: Sealer;

  constructor(database: Database, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  *open(): IterableIterator<StoredConversation> {
    let after = -1;
    for (;;) {
      const page = this.#database.all<ConversationRow>(
        `SELECT ${columns} FROM conversation WHERE number > ? AND closed = 0 ORDER BY number LIMIT ${PAGE_ROWS}`,
        after,
      );
      for (const row of page) yield this.#stored(row);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_ROWS) return;
      after = last.number;
    }
  }

  find(number: ConversationNumber): StoredConversation | undefined {
    const row = this.#database.get<ConversationRow>(`SELECT ${columns} FROM conversation WHERE number = ?`, number);
    return row === undefined ? undefined : this.#stored(row);
  }

  numberOf(conversationId: string): ConversationNumber | undefined {
    const tag = this.#sealer.tag("conversation", conversationId);
    return this.#database.get<{ number: number }>("SELECT number FROM conversation WHERE id_tag = ?", tag)?.number;
  }

  nextNumber(): ConversationNumber {
    return Number(this.#database.value("SELECT coalesce(max(number) + 1, 0) FROM conversation"));
  }

  rename(number: ConversationNumber, name: string): void {
    const sealed = this.#sealer.seal({ column: "conversation.name", row: [number] }, utf8(name));
    const { changes } = this.#database.run("UPDATE conversation SET name = ? WHERE number = ?", sealed, number);
    if (changes !== 1) {
      throw new UmbradError("conversation/unknown", `there is no conversation c${number}`, {
        hint: "umbrad conversation list",
      });
    }
  }

  /** Creates the row, or replaces the state of exactly the expected revision. */
  write(write: ConversationWrite): void {
    const state = this.#sealer.seal({ column: "conversation.state", row: [write.number] }, write.state);
    if (write.expectedRevision === 0) {
      this.#insert(write, state);
      return;
    }
    const { changes } = this.#database.run(
      "UPDATE conversation SET state = ?, revision = revision + 1, closed = ? WHERE number = ? AND revision = ?",
      state,
      write.closed ? 1 : 0,
      write.number,
      write.expectedRevision,
    );
    if (changes !== 1) {
      throw new UmbradError("store/conflict", `c${write.number} is not at revision ${write.expectedRevision} any more`);
    }
  }

  #insert(write: ConversationWrite, state: Uint8Array): void {
    const { number, conversationId } = write;
    this.#database.run(
      `INSERT INTO conversation (number, id_tag, type, revision, closed, created_at_ms, id, state)
       VALUES (?, ?, ?, 1, ?, ?, ?, ?)`,
      number,
      this.#sealer.tag("conversation", conversationId),
      write.type,
      write.closed ? 1 : 0,
      write.createdAtMs,
      this.#sealer.seal({ column: "conversation.id", row: [number] }, utf8(conversationId)),
      state,
    );
  }

  record(conversation: ConversationNumber, key: string): Uint8Array | undefined {
    const tag = this.#recordTag(conversation, key);
    const row = this.#database.get<{ value: Uint8Array }>(
      "SELECT value FROM record WHERE conversation = ? AND key_tag = ?",
      conversation,
      tag,
    );
    return row === undefined ? undefined : this.#sealer.open(recordPlace(conversation, tag), row.value);
  }

  writeRecords(write: ConversationWrite): void {
    const { number } = write;
    for (const key of write.dropRecords) this.dropRecord(number, key);
    for (const { key, bytes } of write.putRecords) {
      const tag = this.#recordTag(number, key);
      this.#database.run(
        `INSERT INTO record (conversation, key_tag, value) VALUES (?, ?, ?)
         ON CONFLICT (conversation, key_tag) DO UPDATE SET value = excluded.value`,
        number,
        tag,
        this.#sealer.seal(recordPlace(number, tag), bytes),
      );
    }
  }

  dropRecord(conversation: ConversationNumber, key: string): void {
    const tag = this.#recordTag(conversation, key);
    this.#database.run("DELETE FROM record WHERE conversation = ? AND key_tag = ?", conversation, tag);
  }

  /** What a closed conversation leaves behind: nobody reads it again, and it holds keys. The records in `kept` stay. */
  clear(number: ConversationNumber, kept: Iterable<string>): void {
    const tags = new Set(Array.from(kept, (key) => toHex(this.#recordTag(number, key))));
    const rows = this.#database.all<{ key_tag: Uint8Array }>(
      "SELECT key_tag FROM record WHERE conversation = ?",
      number,
    );
    for (const { key_tag: tag } of rows) {
      if (tags.has(toHex(tag))) continue;
      this.#database.run("DELETE FROM record WHERE conversation = ? AND key_tag = ?", number, tag);
    }
    this.#database.run("DELETE FROM timer WHERE conversation = ?", number);
  }

  /**
   * Cancels first: whoever cancels and sets one name in a turn moves it. A timer that waits for a token already and is
   * set for now again keeps its place among those that wait.
   */
  writeTimers(write: ConversationWrite, nowMs: number): void {
    for (const name of write.cancelTimers) {
      this.#database.run("DELETE FROM timer WHERE conversation = ? AND name = ?", write.number, name);
    }
    for (const { name, atMs, needs, isDate } of write.setTimers) {
      this.#database.run(
        `INSERT INTO timer (conversation, name, at_ms, needs, is_date) VALUES (?1, ?2, ?3, ?4, ?6)
         ON CONFLICT (conversation, name) DO UPDATE SET needs = ?4, is_date = ?6,
           at_ms = CASE WHEN ?4 > 0 AND ?3 <= ?5 THEN min(at_ms, ?3) ELSE ?3 END`,
        write.number,
        name,
        atMs,
        needs === undefined ? 0 : tokenNeeds.indexOf(needs) + 1,
        nowMs,
        isDate === true ? 1 : 0,
      );
    }
  }

  addTell({ conversation, name, atMs, data }: Required<Omit<TimerRow, "needs">>): void {
    const sealed = this.#sealer.seal(tellPlace(conversation, name), data);
    const insert = "INSERT INTO timer (conversation, name, at_ms, data) VALUES (?, ?, ?, ?)";
    this.#database.run(insert, conversation, name, atMs, sealed);
  }

  /** Equal time only: a timer that was set anew meanwhile has yet to fire. */
  dropFiredTimer({ conversation, name, atMs }: TimerRow): void {
    this.#database.run("DELETE FROM timer WHERE conversation = ? AND name = ? AND at_ms = ?", conversation, name, atMs);
  }

  timersDue(nowMs: number, limit: number, which: TimerChoice): TimerRow[] {
    const rows = this.#database.all<StoredTimer>(
      `SELECT conversation, name, at_ms, needs, data FROM timer WHERE at_ms <= ? ${choices[which]}
       ORDER BY at_ms LIMIT ?`,
      nowMs,
      limit,
    );
    return rows.map(({ conversation, name, at_ms: atMs, needs, data }) => {
      const need = tokenNeeds[needs - 1];
      const timer = need === undefined ? { conversation, name, atMs } : { conversation, name, atMs, needs: need };
      return data === null ? timer : { ...timer, data: this.#sealer.open(tellPlace(conversation, name), data) };
    });
  }

  timersNextDueMs(which: TimerChoice): number | undefined {
    const sql = `SELECT min(at_ms) FROM timer WHERE at_ms IS NOT NULL ${choices[which]}`;
    return (this.#database.value(sql) as number | null) ?? undefined;
  }

  #recordTag(conversation: ConversationNumber, key: string): Uint8Array {
    // With the number: the same key in two conversations must not look the same.
    return this.#sealer.tag("record", conversation, key);
  }

  #stored(row: ConversationRow): StoredConversation {
    const { number } = row;
    return {
      number,
      type: row.type,
      revision: row.revision,
      closed: row.closed === 1,
      createdAtMs: row.created_at_ms,
      name:
        row.name === null
          ? undefined
          : textOf(this.#sealer.open({ column: "conversation.name", row: [number] }, row.name)),
      state: this.#sealer.open({ column: "conversation.state", row: [number] }, row.state),
    };
  }
}

function tellPlace(conversation: ConversationNumber, name: string): Place {
  return { column: "timer.data", row: [conversation, utf8(name)] };
}

function recordPlace(conversation: ConversationNumber, tag: Uint8Array): Place {
  return { column: "record.value", row: [conversation, tag] };
}
