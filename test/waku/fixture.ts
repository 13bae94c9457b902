/** What tests of the Waku transport share: the wall clock, a log that remembers, temporary service nodes. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Devnet, startDevnet } from "../../src/devnet/node.ts";
import type { Clock, Log, LogFields } from "../../src/engine/ports.ts";
import { createWakuTransport, type PeeredTransport, type WakuTransportOptions } from "../../src/waku/transport.ts";

/** Wall time and real randomness. */
const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  random: (length) => new Uint8Array(randomBytes(length)),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Keeps every line. */
export class MemoryLog implements Log {
  readonly lines: { readonly level: string; readonly fields: LogFields; readonly message: string }[] = [];
  debug(fields: LogFields, message: string): void {
    this.lines.push({ level: "debug", fields, message });
  }
  info(fields: LogFields, message: string): void {
    this.lines.push({ level: "info", fields, message });
  }
  warn(fields: LogFields, message: string): void {
    this.lines.push({ level: "warn", fields, message });
  }
  error(fields: LogFields, message: string): void {
    this.lines.push({ level: "error", fields, message });
  }
  /** Lines at error: our own bugs. */
  errors(): readonly unknown[] {
    return this.lines.filter(({ level }) => level === "error");
  }
}

/** A transport on the devnet's network with the wall clock and a fresh key. */
export function transportTo(peers: readonly string[], overrides: Partial<WakuTransportOptions> = {}): PeeredTransport {
  return createWakuTransport({
    clusterId: 66,
    shards: 8,
    peers,
    privateKeySeed: new Uint8Array(randomBytes(32)),
    clock: systemClock,
    log: new MemoryLog(),
    ...overrides,
  });
}

/** A service node that can be stopped and started again at the same address. */
export interface ServiceNode {
  readonly multiaddr: string;
  readonly websocketMultiaddr: string;
  readonly devnet: Devnet;
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a devnet node in a temporary directory. */
export async function startServiceNode(): Promise<ServiceNode> {
  const stateDir = await mkdtemp(join(tmpdir(), "umbrad-waku-test-"));
  let devnet = await startDevnet({ stateDir });
  const { multiaddr, websocketMultiaddr } = devnet;
  return {
    multiaddr,
    websocketMultiaddr,
    get devnet() {
      return devnet;
    },
    down: () => devnet.stop(),
    up: async () => {
      devnet = await startDevnet({ stateDir });
    },
    close: async () => {
      await devnet.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
