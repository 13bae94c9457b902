/**
 * Whether the daemon does its work, and if not, why: the words of `umbrad status`, `umbrad health` and `/readyz`. Each
 * check is about something that was seen to work, not about something that ought to.
 */
import type { DaemonState, EngineStatus, HealthCheck } from "./api.ts";
import type { Phase } from "./commands.ts";
import type { Conversations } from "./conversations.ts";
import type { DiskWatch } from "./disk/disk-watch.ts";
import { UmbradError } from "./errors.ts";
import { OUTBOX_AGE_MAX_MS, OUTBOX_UNTAKEN_MAX_MS, STORE_PROBE_MS } from "./limits.ts";
import type { CanaryStatus } from "./loops/canary/canary.ts";
import type { Listening } from "./loops/listening.ts";
import type { NetworkTime } from "./loops/network-time.ts";
import type { OutboxLoop } from "./loops/outbox.ts";
import type { Clock, Store, Transport, TransportStatus } from "./ports.ts";
import type { Quota } from "./quota/quota.ts";

interface HealthDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly listening: Listening;
  readonly conversations: Conversations;
  readonly quota: Quota | undefined;
  readonly phase: () => Phase;
  readonly disk: DiskWatch;
  readonly outbox: Pick<OutboxLoop, "failing">;
}

export class Health {
  readonly #deps: HealthDeps;
  #probed: { readonly atMs: number; readonly ms: number; readonly error: string | undefined } | undefined;

  constructor(deps: HealthDeps) {
    this.#deps = deps;
  }

  status(): EngineStatus {
    const { store, conversations, listening, clock } = this.#deps;
    const { state, rttMs, heardAtMs, silentNodes } = listening.canary.status();
    return {
      ...this.#readiness(),
      clientAddress: conversations.clientAddress(),
      network: this.#network(),
      canary: {
        state,
        rttMs: rttMs ?? null,
        ageMs: heardAtMs === undefined ? null : clock.steady() - heardAtMs,
        silentNodes,
      },
      synced: this.#isSynced(),
      conversations: conversations.list().length,
      outbox: store.outboxCount(),
      parked: store.parkedCount(),
      quota: this.#deps.quota?.status() ?? null,
      lastSeq: store.lastSeq(),
      backedUpAtMs: store.backedUpAtMs() ?? null,
    };
  }

  /** In the order in which they are to be mended: what fails makes what comes after it fail. */
  checks(): readonly HealthCheck[] {
    const network = this.#network();
    return [
      this.#storeCheck(),
      peersCheck(network),
      this.#subscriptionsCheck(network),
      canaryCheck(this.#deps.listening.canary.status(), this.#deps.clock.steady()),
      clockCheck(this.#deps.listening.time.status()),
      this.#historyCheck(),
      this.#outboxCheck(),
    ];
  }

  #readiness(): { readonly state: DaemonState; readonly reasons: readonly string[] } {
    const failed = this.checks().find(({ ok }) => !ok);
    const reasons = failed === undefined ? [] : [failed.text];
    const phase = this.#deps.phase();
    if (phase !== "running") return { state: phase, reasons };
    return { state: failed === undefined ? "ready" : "degraded", reasons };
  }

  /** Without the canary's topic: it is no conversation's. */
  #network(): TransportStatus {
    const { transport, listening } = this.#deps;
    const network = transport.status();
    const wanted = new Set(listening.subscriptions.topics());
    return { ...network, listening: network.listening.filter((topic) => wanted.has(topic)) };
  }

  #isSynced(): boolean {
    const { subscriptions, history } = this.#deps.listening;
    const { listening } = this.#network();
    return subscriptions.topics().every((topic) => listening.includes(topic) && history.isCovered(topic));
  }

  /** A real commit, with its fsync; not at each look, because callers look often. */
  #storeCheck(): HealthCheck {
    const { store, clock, disk } = this.#deps;
    const now = clock.steady();
    if (disk.fault !== undefined) {
      this.#probed = undefined;
      const { code, message } = disk.fault;
      const text = `the state cannot be written (${code}: ${message}): nothing is received or sent until it can`;
      return { name: "store", ok: false, text, data: { commitMs: null, error: code } };
    }
    if (this.#probed === undefined || now - this.#probed.atMs >= STORE_PROBE_MS) {
      let error: string | undefined;
      try {
        store.probe();
      } catch (cause) {
        error = cause instanceof UmbradError ? cause.code : "store/unexpected";
      }
      this.#probed = { atMs: now, ms: clock.steady() - now, error };
    }
    const { ms, error } = this.#probed;
    const text = error === undefined ? "a commit reached the disk" : `the state cannot be written (${error})`;
    return { name: "store", ok: error === undefined, text, data: { commitMs: ms, error: error ?? null } };
  }

  #subscriptionsCheck({ listening }: TransportStatus): HealthCheck {
    const wanted = this.#deps.listening.subscriptions.topics();
    const ok = wanted.every((topic) => listening.includes(topic));
    const text = ok ? `all ${wanted.length} content topics are subscribed` : "not every content topic is subscribed";
    return { name: "subscriptions", ok, text, data: { wanted: wanted.length, held: listening.length } };
  }

  #historyCheck(): HealthCheck {
    const ok = this.#isSynced();
    const readAtMs = this.#deps.listening.history.readAtMs() ?? null;
    const { isMissing } = this.#deps.listening;
    const all = isMissing ? "what was over the limits is being read at their rate" : "nothing is missing";
    const text = ok ? all : "history is being read";
    return { name: "history", ok, text, data: { synced: ok, readAtMs } };
  }

  #outboxCheck(): HealthCheck {
    const { store, clock, quota } = this.#deps;
    const waiting = store.outboxCount();
    const oldestMs = store.outboxOldestMs();
    const ageMs = oldestMs === undefined ? null : Math.max(0, clock.now() - oldestMs);
    // Waiting for the network's quota is how it should be, and needs nobody.
    const isHeldBack = waiting > 0 && quota?.left() === 0;
    const failing = this.#deps.outbox.failing();
    // A canary may come back from a node that answers nothing.
    const isUntaken = waiting > 0 && failing !== undefined && clock.steady() - failing.sinceMs >= OUTBOX_UNTAKEN_MAX_MS;
    const ok = !isUntaken && (ageMs === null || ageMs <= OUTBOX_AGE_MAX_MS || isHeldBack);
    const since = ageMs === null ? "" : `, the oldest for ${seconds(ageMs)}`;
    const cause = isHeldBack ? " for the network's quota" : "";
    const why = isUntaken ? `, no service node takes them (${failing.reason})` : "";
    const text = ok
      ? `${waiting} envelopes wait${cause}${since}`
      : `envelopes cannot leave${why}: ${waiting} wait${since}`;
    return { name: "outbox", ok, text, data: { waiting, oldestMs: ageMs } };
  }
}

function peersCheck({ peers, configuredPeers, impostors = [] }: TransportStatus): HealthCheck {
  const ok = configuredPeers > 0 && peers > 0;
  const missing = "no service node is configured: give one with --peer or in the configuration";
  const away = configuredPeers === 0 ? missing : "no service node is connected";
  const [impostor] = impostors;
  const wrong =
    impostor === undefined
      ? ""
      : `; at the address of ${impostor.configured} answers ${impostor.found}, which is not trusted: correct the ` +
        "address with --peer or in the configuration";
  const text = `${ok ? `${peers} of ${configuredPeers} service nodes are connected` : away}${wrong}`;
  const data = { connected: peers, configured: configuredPeers, impostors: impostors.length };
  return { name: "peers", ok, text, data };
}

function canaryCheck({ state, rttMs, heardAtMs, reason, silentNodes }: CanaryStatus, now: number): HealthCheck {
  const ageMs = heardAtMs === undefined ? null : now - heardAtMs;
  const since = ageMs === null ? "" : ` for ${seconds(ageMs)}`;
  const texts: Readonly<Record<CanaryStatus["state"], string>> = {
    off: "there is no canary",
    waiting: "no canary has come back yet",
    hearing: `a canary came back ${seconds(ageMs ?? 0)} ago after ${rttMs ?? 0} ms${butNotFrom(silentNodes)}`,
    deaf: `what we publish has not come back${since}: the service nodes push nothing to us`,
    unsendable: `no service node takes what we publish: ${reason ?? "unknown"}`,
  };
  const ok = state === "hearing" || state === "off";
  const data = { state, rttMs: rttMs ?? null, ageMs, silentNodes: silentNodes.length };
  return { name: "canary", ok, text: texts[state], data };
}

/** A wrong clock is made up for, so it keeps nothing from working; somebody should set it all the same. */
function clockCheck({ shiftMs, isKept }: ReturnType<NetworkTime["status"]>): HealthCheck {
  const secondsOff = Math.round(shiftMs / 1000);
  const unknown = isKept === undefined ? "no Store node has said yet" : "no Store node keeps what we publish";
  const agrees = isKept === true ? "our clock and that of the service nodes agree" : unknown;
  const text =
    secondsOff === 0
      ? agrees
      : `clock.skewed: our clock is some ${Math.abs(secondsOff)} s ${secondsOff > 0 ? "behind" : "ahead of"} that of the ` +
        "service nodes; messages are given their time. Set this machine's clock";
  return { name: "clock", ok: true, text, data: { secondsOff, kept: isKept ?? null } };
}

/** The others push, so nothing is lost; but there is less left to lose. */
function butNotFrom(silentNodes: readonly string[]): string {
  return silentNodes.length === 0 ? "" : `, but these service nodes push nothing: ${silentNodes.join(", ")}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
