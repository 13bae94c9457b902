/** The part of the Store that holds the tokens of the admin API. Part of `ports.ts`. The engine itself has no use for them. */

/** A bearer token, without its secret: only a hash of that is kept, sealed like everything else. */
export interface TokenRow {
  /** Never given twice. */
  readonly id: number;
  readonly name: string;
  readonly hash: Uint8Array;
  readonly roles: readonly string[];
  /** Numbers of the only conversations that it is for; undefined: all. */
  readonly conversations: readonly number[] | undefined;
  /** Of each of them in turn, those that are known to have taken its place: they stay when it is closed itself. */
  readonly successors: readonly (readonly number[])[];
  /** Names of consumers that it may read and acknowledge as; undefined: none, but with the role admin all. */
  readonly consumers: readonly string[] | undefined;
  /** The only methods that it is for; undefined: all that its roles allow. */
  readonly methods: readonly string[] | undefined;
  readonly perMinute: number | undefined;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
}

export interface TokenTable {
  list(): TokenRow[];
  /** Durable on return; gives the id. */
  add(token: Omit<TokenRow, "id">): number;
  /** Durable on return; nothing when there is none of its id. */
  replace(token: TokenRow): void;
  drop(id: number): void;
}
