/** One configured service node, connected or not: what the supervisor knows about it. Does nothing by itself. */
import type { Connection } from "@libp2p/interface";
import type { Clock } from "../engine/ports.ts";
import { createRateLimit, type RateLimit } from "./filter/rate-limit.ts";
import type { FilterSession } from "./filter/session.ts";
import type { ServicePeer } from "./peer-address.ts";

/** With a refill of 20 a minute at most 30 in any minute, what service nodes allow a peer. */
const filterBurst = 10;
const filterPerSecond = 20 / 60;

export interface Link {
  readonly peer: ServicePeer;
  readonly budget: RateLimit;
  /** It is not configured any more. */
  readonly removed: AbortController;
  /** That, or the whole transport has stopped. */
  readonly ended: AbortSignal;
  ready: { readonly connection: Connection; readonly protocols: ReadonlySet<string> } | undefined;
  session: FilterSession | undefined;
  failures: number;
  /** Who answered instead of the configured peer, at the last dial. */
  impostor: string | undefined;
  /** When it last left a question unanswered. */
  silentAtMs: number;
  /** When its subscriptions were last made anew because nothing arrived. */
  renewedAtMs: number;
  /** Rounds of dialling and of its filter session: whoever looks twice sees whether it is alive. */
  rounds: number;
}

export function newLink(peer: ServicePeer, clock: Clock, stopped: AbortSignal): Link {
  const removed = new AbortController();
  return {
    peer,
    budget: createRateLimit({ capacity: filterBurst, perSecond: filterPerSecond, clock }),
    removed,
    ended: AbortSignal.any([removed.signal, stopped]),
    ready: undefined,
    session: undefined,
    failures: 0,
    impostor: undefined,
    silentAtMs: Number.NEGATIVE_INFINITY,
    renewedAtMs: Number.NEGATIVE_INFINITY,
    rounds: 0,
  };
}

/** Whether it is the same service node at the same addresses. */
export function isLinkTo(link: Link, { name, addresses }: ServicePeer): boolean {
  const known = link.peer.addresses;
  if (link.peer.name !== name || known.length !== addresses.length) return false;
  return known.every((address, at) => addresses[at]?.equals(address) === true);
}
