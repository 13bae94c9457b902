/** The event log: gap-free numbers from 1, given inside the transaction, so that a rolled back turn leaves no hole. */
import type { ConversationNumber, EventRow, MessageRow, NewEvent, Store } from "../engine/ports.ts";
import type { Database, Row } from "./database.ts";
import type { MessageTable, StoredMessage } from "./messages.ts";
import { type Place, packRow, type Sealer, unpackRow } from "./seal.ts";

interface StoredEvent extends Row {
  seq: number;
  at_ms: number;
  type: string;
  event_conversation: number | null;
  data: Uint8Array | null;
  row_id: number | null;
}

const selected = `SELECT seq, event.at_ms, type, event.conversation AS event_conversation, data,
    message.row_id, message.conversation, message.id_tag, message.state, message.body
  FROM event LEFT JOIN message ON message.row_id = event.message`;

type EventsQuery = Parameters<Store["events"]>[0];
type Data = Readonly<Record<string, unknown>>;

/** Every page of events is unsealed at once. */
const PAGE_ROWS_MAX = 10_000;

export class EventTable {
  readonly #database: Database;
  readonly #sealer: Sealer;
  readonly #messages: MessageTable;

  constructor(database: Database, sealer: Sealer, messages: MessageTable) {
    this.#database = database;
    this.#sealer = sealer;
    this.#messages = messages;
  }

  /** Appends with the next number. Only inside a transaction: the number is read and used in two statements. */
  append(
    event: NewEvent,
    about: {
      readonly atMs: number;
      readonly conversation?: ConversationNumber;
      readonly message?: MessageRow | undefined;
    },
  ): EventRow {
    const seq = this.lastSeq() + 1;
    const { atMs, conversation, message } = about;
    const data = event.data ?? {};
    const isEmpty = Object.keys(data).length === 0;
    this.#database.run(
      "INSERT INTO event (seq, at_ms, type, conversation, message, data) VALUES (?, ?, ?, ?, ?, ?)",
      seq,
      atMs,
      event.type,
      conversation ?? null,
      message?.rowId ?? null,
      isEmpty ? null : this.#sealer.seal(placeOf(seq), packRow(data)),
    );
    return { seq, atMs, type: event.type, conversation, message, data };
  }

  lastSeq(): number {
    return Number(this.#database.value("SELECT coalesce(max(seq), 0) FROM event"));
  }

  firstSeq(): number {
    return Number(this.#database.value("SELECT coalesce(min(seq), 1) FROM event"));
  }

  list({ after, limit, through = Number.MAX_SAFE_INTEGER, conversations, types }: EventsQuery): EventRow[] {
    const lists = [
      { column: "event.conversation", values: conversations },
      { column: "event.type", values: types },
    ].filter(({ values }) => values !== undefined);
    const chosen = lists.map(({ column }) => `AND ${column} IN (SELECT value FROM json_each(?))`).join(" ");
    const rows = this.#database.all<StoredEvent>(
      `${selected} WHERE seq > ? AND seq <= ? ${chosen} ORDER BY seq LIMIT ?`,
      after,
      through,
      ...lists.map(({ values }) => JSON.stringify(values)),
      Math.min(limit, PAGE_ROWS_MAX),
    );
    return rows.map((row) => this.#unseal(row));
  }

  /** Of one message, oldest first. */
  about(message: number): EventRow[] {
    const rows = this.#database.all<StoredEvent>(`${selected} WHERE event.message = ? ORDER BY seq`, message);
    return rows.map((row) => this.#unseal(row));
  }

  #unseal(row: StoredEvent): EventRow {
    const { seq, at_ms: atMs, type } = row;
    const data = row.data === null ? {} : unpackRow<Data>(this.#sealer.open(placeOf(seq), row.data)).header;
    const message = hasMessage(row) ? this.#messages.unseal(row) : undefined;
    return { seq, atMs, type, conversation: row.event_conversation ?? undefined, message, data };
  }
}

function hasMessage(row: StoredEvent): row is StoredEvent & StoredMessage {
  return row.row_id !== null;
}

function placeOf(seq: number): Place {
  return { column: "event.data", row: [seq] };
}
