/**
 * Which of several service nodes push to us: each that holds the canary's subscription has to push each canary that any of
 * them pushes. One that does not is deaf to the network or mute to us, while everything looks well because of the others.
 * Knows nothing of how a canary is made or when it flies.
 */
import { CANARY_MISSES_MAX, NODE_RENEWAL_MS } from "../../limits.ts";
import type { Clock, Log, NewEvent, NodeSubscription } from "../../ports.ts";

interface RollCallDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Who holds the canary's subscription now. */
  readonly subscribed: () => readonly NodeSubscription[];
  readonly renew: (node: string) => void;
  readonly tell: (event: NewEvent) => void;
  /** What this node alone would have pushed since then (by the steady clock) may be missing. */
  readonly onDeaf: (sinceMs: number) => void;
  readonly onChange: () => void;
}

interface NodeRecord {
  misses: number;
  /** When it last pushed a canary, or was first called without pushing one. */
  heardAtMs: number;
  /** When it was found to be silent. */
  deafAtMs: number | undefined;
  renewedAtMs: number;
  renewals: number;
}

export class RollCall {
  readonly #deps: RollCallDeps;
  readonly #nodes = new Map<string, NodeRecord>();

  constructor(deps: RollCallDeps) {
    this.#deps = deps;
  }

  /** Service nodes that push nothing to us, while others do. */
  silent(): readonly string[] {
    return [...this.#nodes].filter(([, { deafAtMs }]) => deafAtMs !== undefined).map(([node]) => node);
  }

  /** A canary came back by way of this node. */
  heard(node: string): void {
    const { clock, log, tell, onChange } = this.#deps;
    const now = clock.steady();
    const record = this.#nodes.get(node);
    this.#nodes.set(node, newRecord(now));
    if (record?.deafAtMs === undefined) return;
    const deafMs = now - record.deafAtMs;
    const fields = { event: "network.node-recovered", component: "canary", peer: node, deafMs };
    log.info(fields, "a service node pushes to us again");
    tell({ type: "network.node-recovered", data: { node, deafMs } });
    onChange();
  }

  /**
   * The time of a canary that left then is over, and these pushed it. True when a node was not among them for the first
   * time: the next canary should fly at once, to tell a lost push from silence.
   */
  close(sentAtMs: number, pushed: ReadonlySet<string>): boolean {
    const subscribed = this.#deps.subscribed();
    for (const node of this.#nodes.keys()) if (!subscribed.some((one) => one.node === node)) this.#gone(node);
    // Nobody pushed it: that says nothing about single nodes, and is the canary's own business.
    if (pushed.size === 0) return false;
    let isSuspicious = false;
    for (const { node, sinceMs } of subscribed) {
      if (pushed.has(node) || sinceMs > sentAtMs) continue;
      const record = this.#nodes.get(node) ?? newRecord(sinceMs);
      this.#nodes.set(node, record);
      record.misses += 1;
      if (record.misses < CANARY_MISSES_MAX) isSuspicious = true;
      else this.#silent(node, record);
    }
    return isSuspicious;
  }

  #silent(node: string, record: NodeRecord): void {
    const { clock, log, tell, renew, onDeaf, onChange } = this.#deps;
    const now = clock.steady();
    if (record.deafAtMs === undefined) {
      record.deafAtMs = now;
      const silentMs = now - record.heardAtMs;
      const fields = { event: "network.node-deaf", component: "canary", peer: node, silentMs };
      log.warn(fields, "a service node does not push what others push: renewing it");
      tell({ type: "network.node-deaf", data: { node, silentMs } });
      onChange();
    }
    // A new subscription, then a new connection; a node that both did not cure is left alone for a while each time.
    if (record.renewals >= 2 && now - record.renewedAtMs < NODE_RENEWAL_MS) return;
    record.renewals += 1;
    record.renewedAtMs = now;
    onDeaf(record.heardAtMs);
    renew(node);
  }

  /** Its subscription went with its connection or for a renewal: a silent one stays known for a while, not to be told anew. */
  #gone(node: string): void {
    const record = this.#nodes.get(node);
    const isRenewing = this.#deps.clock.steady() - (record?.renewedAtMs ?? Number.NEGATIVE_INFINITY) < NODE_RENEWAL_MS;
    if (record?.deafAtMs === undefined || !isRenewing) this.#nodes.delete(node);
  }
}

function newRecord(heardAtMs: number): NodeRecord {
  return { misses: 0, heardAtMs, deafAtMs: undefined, renewedAtMs: Number.NEGATIVE_INFINITY, renewals: 0 };
}
