/** The part of the Store port that keeps what an operator says of identities. */

/** A name or a block; an identity without either has no row. */
export interface ContactRow {
  /** Client address. */
  readonly address: string;
  readonly name: string | undefined;
  readonly isBlocked: boolean;
}

/** Written outside turns: no conversation depends on it. */
export interface ContactStore {
  contacts(): ContactRow[];
  /** Replaces the row of the address. */
  putContact(row: ContactRow): void;
}
