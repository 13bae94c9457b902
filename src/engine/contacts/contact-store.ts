/** The part of the Store port that keeps what an operator says of identities. */

/** A name, a block or a verification; an identity without any has no row. */
export interface ContactRow {
  /** Client address. */
  readonly address: string;
  readonly name: string | undefined;
  readonly isBlocked: boolean;
  readonly isVerified: boolean;
}

/** Written outside turns: no conversation depends on it. */
export interface ContactStore {
  contacts(): ContactRow[];
  /** Replaces the row of the address. */
  putContact(row: ContactRow): void;
}
