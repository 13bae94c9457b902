/** The message table: one row for each message of a conversation, its state moving forwards only. */
import type { Attachment } from "../conversation/contract.ts";
import type { ConversationNumber, MessageRow, MessageState, NewMessage } from "../engine/ports.ts";
import type { MessageId } from "../wire/ids.ts";
import type { Database, Row } from "./database.ts";
import { type Place, packRow, type Sealer, unpackRow } from "./seal.ts";

export interface StoredMessage extends Row {
  row_id: number;
  conversation: number;
  id_tag: Uint8Array;
  state: number;
  body: Uint8Array;
}

/** Names are in the database by position: append only. */
const states: readonly MessageState[] = ["queued", "published", "stored", "delivered", "failed", "received"];
/** `delivered`, `failed` and `received` are final. */
const FIRST_FINAL = states.indexOf("delivered");

interface Header {
  readonly id: MessageId;
  readonly direction: "in" | "out";
  readonly timestampMs: number;
  readonly sender: string;
  readonly domain: number;
  readonly tag: number;
  readonly attachment?: Attachment;
  readonly isExpired?: true;
}

const columns = "row_id, conversation, id_tag, state, body";

export class MessageTable {
  readonly #database: Database;
  readonly #sealer: Sealer;

  constructor(database: Database, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  /** The new row, or undefined when the conversation has this message already, or another one has it under another id. */
  insert(conversation: ConversationNumber, { otherIds, ...message }: NewMessage, atMs: number): MessageRow | undefined {
    const { messageId, direction, timestampMs, body } = message;
    if (otherIds?.some((id) => this.#isKnown(id))) return undefined;
    const tag = this.#tag(messageId);
    const { bytes, ...described } = body;
    const header: Header = { id: messageId, direction, timestampMs, ...described };
    const { changes, rowId } = this.#database.run(
      `INSERT INTO message (conversation, id_tag, state, at_ms, body) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id_tag, conversation) DO NOTHING`,
      conversation,
      tag,
      states.indexOf(message.state),
      atMs,
      this.#sealer.seal(placeOf(conversation, tag), packRow({ ...header }, bytes)),
    );
    return changes === 0 ? undefined : { ...message, rowId, conversation };
  }

  /** Whether the state moved: never backwards, and never from a final one. */
  advance(rowId: number, state: MessageState): boolean {
    const { changes } = this.#database.run(
      "UPDATE message SET state = ?1 WHERE row_id = ?2 AND state < ?1 AND state < ?3",
      states.indexOf(state),
      rowId,
      FIRST_FINAL,
    );
    // Whoever has it needs no Store to have it.
    if (changes === 1 && state !== "published") this.#database.run("DELETE FROM publication WHERE message = ?", rowId);
    return changes === 1;
  }

  /** Whether it had failed, and is `queued` again. */
  revive(rowId: number): boolean {
    const sql = "UPDATE message SET state = 0 WHERE row_id = ? AND state = ?";
    return this.#database.run(sql, rowId, states.indexOf("failed")).changes === 1;
  }

  rowIdOf(conversation: ConversationNumber, messageId: MessageId): number | undefined {
    return this.#database.get<{ row_id: number }>(
      "SELECT row_id FROM message WHERE id_tag = ? AND conversation = ?",
      this.#tag(messageId),
      conversation,
    )?.row_id;
  }

  #isKnown(messageId: MessageId): boolean {
    return this.#database.get("SELECT 1 FROM message WHERE id_tag = ? LIMIT 1", this.#tag(messageId)) !== undefined;
  }

  /** What `message/<id>` reads. */
  stateOf(conversation: ConversationNumber, messageId: MessageId): MessageState | undefined {
    const row = this.#database.get<{ state: number }>(
      "SELECT state FROM message WHERE id_tag = ? AND conversation = ?",
      this.#tag(messageId),
      conversation,
    );
    return row === undefined ? undefined : states[row.state];
  }

  read(rowId: number): MessageRow | undefined {
    const row = this.#database.get<StoredMessage>(`SELECT ${columns} FROM message WHERE row_id = ?`, rowId);
    return row === undefined ? undefined : this.unseal(row);
  }

  /** By id alone: the newest, should two conversations have it. */
  find(messageId: MessageId): MessageRow | undefined {
    const row = this.#database.get<StoredMessage>(
      `SELECT ${columns} FROM message WHERE id_tag = ? ORDER BY row_id DESC LIMIT 1`,
      this.#tag(messageId),
    );
    return row === undefined ? undefined : this.unseal(row);
  }

  /** Newest first. */
  list(conversation: ConversationNumber, limit: number, before: number): MessageRow[] {
    const rows = this.#database.all<StoredMessage>(
      `SELECT ${columns} FROM message WHERE conversation = ? AND row_id < ? ORDER BY row_id DESC LIMIT ?`,
      conversation,
      before,
      limit,
    );
    return rows.map((row) => this.unseal(row));
  }

  /** Takes its content away. Returns the records that held parts of it. */
  empty(rowId: number): string[] {
    const row = this.#database.get<StoredMessage>(`SELECT ${columns} FROM message WHERE row_id = ?`, rowId);
    if (row === undefined) return [];
    const place = placeOf(row.conversation, row.id_tag);
    const { id, direction, timestampMs, sender, attachment } = unpackRow<Header>(
      this.#sealer.open(place, row.body),
    ).header;
    const header: Header = { id, direction, timestampMs, sender, domain: 0, tag: 0, isExpired: true };
    const body = this.#sealer.seal(place, packRow({ ...header }, new Uint8Array()));
    this.#database.run("UPDATE message SET at_ms = NULL, body = ? WHERE row_id = ?", body, rowId);
    const { prefix, count } = attachment?.parts ?? { prefix: "", count: 0 };
    return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  }

  /** Oldest first: of all conversations, or of one. */
  queued(limit: number, conversation?: ConversationNumber): MessageRow[] {
    const sql = `SELECT ${columns} FROM message WHERE state = 0 AND conversation = ifnull(?1, conversation)
      ORDER BY row_id LIMIT ?2`;
    return this.#database.all<StoredMessage>(sql, conversation ?? null, limit).map((row) => this.unseal(row));
  }

  /** Of a conversation, oldest first: what was sent in it and has neither arrived nor failed. */
  unfinished(conversation: ConversationNumber): MessageRow[] {
    const sql = `SELECT ${columns} FROM message WHERE conversation = ? AND state < ? ORDER BY row_id`;
    return this.#database.all<StoredMessage>(sql, conversation, FIRST_FINAL).map((row) => this.unseal(row));
  }

  /** Of a conversation, newest first, a page at a time. */
  *all(conversation: ConversationNumber): Generator<MessageRow> {
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      const page = this.list(conversation, 256, before);
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      before = last.rowId;
    }
  }

  unseal(row: StoredMessage): MessageRow {
    const place = placeOf(row.conversation, row.id_tag);
    const { header, bytes } = unpackRow<Header>(this.#sealer.open(place, row.body));
    const { id, direction, timestampMs, ...described } = header;
    const state = states[row.state]!;
    const body = { ...described, bytes };
    return { rowId: row.row_id, conversation: row.conversation, messageId: id, direction, state, timestampMs, body };
  }

  #tag(messageId: MessageId): Uint8Array {
    return this.#sealer.tag("message", messageId);
  }
}

/** Bound to the conversation too: a message moved to another one does not open. */
function placeOf(conversation: ConversationNumber, tag: Uint8Array): Place {
  return { column: "message.body", row: [conversation, tag] };
}
