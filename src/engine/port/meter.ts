/** Who measures what the engine does with its time, when anybody does: the engine itself knows no metrics. */

/** Times are milliseconds with fractions, by any clock that nobody sets. Every call must be quick and must not throw. */
export interface Meter {
  time(): number;
  /** From the bytes of an envelope to the conversation that it is for: decoding and the look-up of its hint. */
  routed(ms: number): void;
  /** One conversation has read one envelope: decryption and what follows from it, without the database. */
  stepped(ms: number): void;
  /** A canary came back. */
  returned(ms: number): void;
}
