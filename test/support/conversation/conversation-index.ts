/** The router of the conversation world: which conversation expects a hint. As plain as it can be, so that it can be believed. */
import { toHex } from "../../../src/crypto/bytes.ts";
import { hintHex } from "../../../src/wire/conversation-hint.ts";
import type { Envelope } from "../../../src/wire/envelope.ts";
import type { Hint } from "../../../src/wire/ids.ts";
import { type Row, stateOf } from "./conversation-rows.ts";

export interface Route {
  readonly row: Row;
  readonly ref: number;
}

export class ConversationIndex {
  readonly #routes = new Map<Hint, Route>();
  /** What each row has registered, by ref: only what is new is derived. */
  readonly #registered = new Map<Row, Map<number, Hint>>();
  readonly #statics = new Map<Row, Uint8Array>();

  route({ hint, salt }: Envelope): Route | undefined {
    const route = this.#routes.get(hint);
    if (route !== undefined) return route;
    for (const [row, id] of this.#statics) if (hintHex(salt, id) === hint) return { row, ref: 0 };
    return undefined;
  }

  /** After every commit. Returns the hints that are new. */
  update(row: Row): Set<Hint> {
    const before = this.#registered.get(row) ?? new Map<number, Hint>();
    const after = new Map<number, Hint>();
    const added = new Set<Hint>();
    for (const expected of row.type.expectedHints(stateOf(row))) {
      if (expected.kind === "static") {
        this.#statics.set(row, expected.id);
        continue;
      }
      const known = before.get(expected.ref);
      const hint = known ?? (toHex(expected.derive()) as Hint);
      after.set(expected.ref, hint);
      if (known === undefined) added.add(hint);
      this.#routes.set(hint, { row, ref: expected.ref });
    }
    for (const [ref, hint] of before) if (!after.has(ref)) this.#routes.delete(hint);
    this.#registered.set(row, after);
    return added;
  }

  /** Of a conversation that has ended. */
  forget(row: Row): void {
    for (const hint of this.#registered.get(row)?.values() ?? []) this.#routes.delete(hint);
    this.#registered.delete(row);
    this.#statics.delete(row);
  }
}
