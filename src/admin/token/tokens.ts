/**
 * Bearer tokens of the TCP listener: making, checking, taking back. A token is `umbrad_t<id>_<secret>`; of the secret only
 * a hash is kept. Its 256 random bits are why a plain hash will do, and why guessing needs no further defence.
 */
import { bytesEqual } from "../../crypto/equal.ts";
import { sha256 } from "../../crypto/hash.ts";
import type { EngineApi } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { TokenRow, TokenTable } from "../../engine/ports.ts";
import type { Access, Caller, Role } from "../api/endpoint.ts";
import { SUCCESSORS_MAX, TOKENS_MAX } from "../limits.ts";

/** What a token is made for. */
export type TokenScope = Pick<
  TokenRow,
  "name" | "conversations" | "consumers" | "methods" | "perMinute" | "expiresAtMs"
> & {
  readonly roles: readonly Role[];
};

/** A token that is in force. */
interface Held {
  row: TokenRow;
  readonly revoked: AbortController;
  /** How many calls it may make at once, refilled with time. */
  credit: number;
  creditAtMs: number;
  lastUsedAtMs: number | undefined;
}

export interface TokenInfo extends Omit<TokenRow, "hash" | "successors"> {
  /** Since the daemon started. */
  readonly lastUsedAtMs: number | undefined;
}

type Successions = Pick<EngineApi, "successorsOf">;

interface TokensDeps {
  readonly table: TokenTable;
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
}

const SECRET_BYTES = 32;
const form = /^Bearer +umbrad_t(\d{1,15})_([\w-]{43})$/i;
const minuteMs = 60_000;

export class Tokens {
  readonly #deps: TokensDeps;
  readonly #held: Map<number, Held>;

  constructor(deps: TokensDeps) {
    this.#deps = deps;
    this.#held = new Map(deps.table.list().map((row) => [row.id, this.#hold(row)]));
  }

  list(): TokenInfo[] {
    return [...this.#held.values()].map(infoOf);
  }

  /** The secret exists in this answer and nowhere else. `token/exists`, `token/too-many`. */
  create(scope: TokenScope): { readonly secret: string; readonly info: TokenInfo } {
    const { table, now, random } = this.#deps;
    if (this.#held.size >= TOKENS_MAX) {
      throw new UmbradError("token/too-many", `there are ${TOKENS_MAX} tokens already`, { hint: "umbrad token list" });
    }
    if (this.#find(scope.name) !== undefined) {
      throw new UmbradError("token/exists", `there is a token called ${JSON.stringify(scope.name)} already`, {
        hint: `choose another name, or: umbrad token revoke ${scope.name}`,
      });
    }
    const bytes = random(SECRET_BYTES);
    const fields = { ...scope, successors: [], hash: sha256(bytes), createdAtMs: now() };
    const id = table.add(fields);
    const held = this.#hold({ ...fields, id });
    this.#held.set(id, held);
    return { secret: `umbrad_t${id}_${Buffer.from(bytes).toString("base64url")}`, info: infoOf(held) };
  }

  /** By name or id (`t1`); streams of the token end. `token/unknown`. */
  revoke(nameOrId: string): TokenInfo {
    const held = this.#find(nameOrId);
    if (held === undefined) {
      throw new UmbradError("token/unknown", `there is no token ${JSON.stringify(nameOrId)}`, {
        hint: "umbrad token list",
      });
    }
    this.#deps.table.drop(held.row.id);
    this.#held.delete(held.row.id);
    held.revoked.abort();
    return infoOf(held);
  }

  /** Who calls, when it may call this. `admin/unauthorized`, `admin/forbidden`, `admin/rate-limited`. */
  authorise(header: string | undefined, access: Access, method: string): Caller {
    const held = this.#authenticate(header);
    const { row } = held;
    const isInRole = access === "token" || row.roles.includes("admin") || row.roles.includes(access);
    if (access === "owner" || !isInRole || row.methods?.includes(method) === false) {
      const why = access === "owner" ? "only the unix socket does this" : "the token is not for this";
      throw new UmbradError("admin/forbidden", why, { hint: "umbrad token list shows what a token is for" });
    }
    this.#spend(held);
    held.lastUsedAtMs = this.#deps.now();
    return {
      tokenId: `t${row.id}`,
      confinedTo: row.conversations === undefined ? undefined : (engine) => this.#reach(held, engine),
      consumers: row.roles.includes("admin") ? undefined : new Set(row.consumers),
      until: this.#until(held),
    };
  }

  #authenticate(header: string | undefined): Held {
    const [, id, secret = ""] = form.exec(header ?? "") ?? [];
    const held = this.#held.get(Number(id));
    const bytes = Buffer.from(secret, "base64url");
    // The last of 43 characters has two bits to spare: only one way to write a token is that token.
    const isCanonical = bytes.toString("base64url") === secret;
    if (held === undefined || !bytesEqual(sha256(bytes), held.row.hash) || !isCanonical) {
      throw new UmbradError("admin/unauthorized", "this listener needs a token that it knows", {
        hint: "umbrad token create makes one; send it as: Authorization: Bearer TOKEN",
      });
    }
    if (this.#deps.now() >= (held.row.expiresAtMs ?? Number.POSITIVE_INFINITY)) {
      throw new UmbradError("admin/unauthorized", `the token t${held.row.id} has expired`, {
        hint: "umbrad token create makes another one",
      });
    }
    return held;
  }

  #spend(held: Held): void {
    const { perMinute } = held.row;
    if (perMinute === undefined) return;
    const now = this.#deps.now();
    const elapsedMs = Math.max(0, now - held.creditAtMs);
    held.credit = Math.min(perMinute, held.credit + (elapsedMs * perMinute) / minuteMs);
    held.creditAtMs = now;
    if (held.credit < 1) {
      throw new UmbradError("admin/rate-limited", `the token t${held.row.id} may call ${perMinute} times a minute`, {
        hint: "wait a moment and try again",
      });
    }
    held.credit -= 1;
  }

  /** What it is for, and what has taken the place of that since; kept, because a superseded conversation is closed in time. */
  #reach(held: Held, engine: Successions): ReadonlyMap<string, string> {
    const { conversations = [], successors } = held.row;
    const grown = conversations.map((root, at) => successorsNow(root, successors[at] ?? [], engine));
    if (
      grown.some((now, at) => now.length !== (successors[at]?.length ?? 0) || now.at(-1) !== successors[at]?.at(-1))
    ) {
      const row = { ...held.row, successors: grown };
      try {
        this.#deps.table.replace(row);
        held.row = row;
      } catch (error) {
        // A disk that takes no writes keeps nobody from reading: the next call tries again.
        if (!(error instanceof UmbradError)) throw error;
      }
    }
    const roots = conversations.map((root) => [`c${root}`, `c${root}`] as const);
    const followers = conversations.flatMap((root, at) => (grown[at] ?? []).map((n) => [`c${n}`, `c${root}`] as const));
    return new Map([...followers, ...roots]);
  }

  /** When a stream of this token has to end. */
  #until({ row, revoked }: Held): AbortSignal {
    if (row.expiresAtMs === undefined) return revoked.signal;
    const leftMs = Math.min(row.expiresAtMs - this.#deps.now(), 2 ** 31 - 1);
    return AbortSignal.any([revoked.signal, AbortSignal.timeout(leftMs)]);
  }

  #find(nameOrId: string): Held | undefined {
    return [...this.#held.values()].find(({ row }) => row.name === nameOrId || `t${row.id}` === nameOrId);
  }

  #hold(row: TokenRow): Held {
    const revoked = new AbortController();
    return { row, revoked, credit: row.perMinute ?? 0, creditAtMs: this.#deps.now(), lastUsedAtMs: undefined };
  }
}

/** Numbers, the newest last. */
function successorsNow(root: number, known: readonly number[], engine: Successions): number[] {
  const found = new Set(known);
  for (const number of [root, ...known])
    for (const handle of engine.successorsOf(`c${number}`)) found.add(Number(handle.slice(1)));
  return [...found].sort((a, b) => a - b).slice(-SUCCESSORS_MAX);
}

function infoOf({ row, lastUsedAtMs }: Held): TokenInfo {
  const { hash: _, successors: __, ...info } = row;
  return { ...info, lastUsedAtMs };
}
