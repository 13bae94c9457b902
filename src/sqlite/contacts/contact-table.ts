/** Names, blocks and verifications that the operator gave to identities. */
import { utf8 } from "../../crypto/bytes.ts";
import type { ContactRow } from "../../engine/ports.ts";
import type { Database } from "../database.ts";
import { type Place, type Sealer, textOf } from "../seal.ts";

export class ContactTable {
  readonly #database: Database;
  readonly #sealer: Sealer;

  constructor(database: Database, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  list(): ContactRow[] {
    const rows = this.#database.all<{ address_tag: Uint8Array; body: Uint8Array }>(
      "SELECT address_tag, body FROM contact",
    );
    return rows.map(({ address_tag: tag, body }) => {
      const { address, name, isBlocked, isVerified } = JSON.parse(textOf(this.#sealer.open(placeOf(tag), body)));
      return { address, name, isBlocked, isVerified };
    });
  }

  put(contact: ContactRow): void {
    const tag = this.#sealer.tag("contact", contact.address);
    this.#database.run(
      `INSERT INTO contact (address_tag, body) VALUES (?, ?)
       ON CONFLICT (address_tag) DO UPDATE SET body = excluded.body`,
      tag,
      this.#sealer.seal(placeOf(tag), utf8(JSON.stringify(contact))),
    );
  }
}

function placeOf(tag: Uint8Array): Place {
  return { column: "contact.body", row: [tag] };
}
