/** A TokenTable that keeps everything in memory, and the tokens of an admin API in front of it. */
import { randomBytes } from "node:crypto";
import { Tokens } from "../../../src/admin/token/tokens.ts";
import type { TokenRow, TokenTable } from "../../../src/engine/ports.ts";

export class MemoryTokens implements TokenTable {
  readonly #rows: TokenRow[] = [];
  #last = 0;

  list(): TokenRow[] {
    return [...this.#rows];
  }

  add(token: Omit<TokenRow, "id">): number {
    this.#last += 1;
    this.#rows.push({ ...token, id: this.#last });
    return this.#last;
  }

  replace(token: TokenRow): void {
    const at = this.#rows.findIndex(({ id }) => id === token.id);
    if (at >= 0) this.#rows[at] = token;
  }

  drop(id: number): void {
    const at = this.#rows.findIndex((row) => row.id === id);
    if (at >= 0) this.#rows.splice(at, 1);
  }
}

export function memoryTokens(now: () => number = Date.now, table: TokenTable = new MemoryTokens()): Tokens {
  return new Tokens({ table, now, random: (length) => randomBytes(length) });
}
