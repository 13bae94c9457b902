/** Tokens of the admin API: sealed as a whole, because their names and conversations are nobody's business. */
import type { TokenRow, TokenTable } from "../../engine/ports.ts";
import type { Database, Row } from "../database.ts";
import { packRow, type Sealer, unpackRow } from "../seal.ts";

interface StoredToken extends Row {
  id: number;
  body: Uint8Array;
}

/** Everything but the hash, which follows as bytes. */
type Header = Omit<TokenRow, "id" | "hash">;

export class TokenRows implements TokenTable {
  readonly #database: Database;
  readonly #sealer: Sealer;
  readonly #write: <Result>(body: () => Result) => Result;

  constructor(database: Database, sealer: Sealer, write: <Result>(body: () => Result) => Result) {
    this.#database = database;
    this.#sealer = sealer;
    this.#write = write;
  }

  list(): TokenRow[] {
    return this.#database.all<StoredToken>("SELECT id, body FROM token ORDER BY id").map(({ id, body }) => {
      const { header, bytes } = unpackRow<Header>(this.#sealer.open(place(id), body));
      const { conversations, consumers, methods, perMinute, expiresAtMs } = header;
      return { ...header, conversations, consumers, methods, perMinute, expiresAtMs, id, hash: bytes };
    });
  }

  add({ hash, ...header }: Omit<TokenRow, "id">): number {
    return this.#write(() => {
      // The sealing names the row, whose number only the insert gives.
      const { rowId } = this.#database.run("INSERT INTO token (body) VALUES (x'')");
      const body = this.#sealer.seal(place(rowId), packRow(header, hash));
      this.#database.run("UPDATE token SET body = ?2 WHERE id = ?1", rowId, body);
      return rowId;
    });
  }

  replace({ id, hash, ...header }: TokenRow): void {
    const body = this.#sealer.seal(place(id), packRow(header, hash));
    this.#write(() => this.#database.run("UPDATE token SET body = ?2 WHERE id = ?1", id, body));
  }

  drop(id: number): void {
    this.#write(() => this.#database.run("DELETE FROM token WHERE id = ?", id));
  }
}

function place(id: number): { column: string; row: number[] } {
  return { column: "token.body", row: [id] };
}
