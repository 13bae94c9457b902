/**
 * The claims: `umbrad version` takes at most twice as long as bare node, a question to the daemon at most three times, and
 * a daemon with 10 000 conversations starts in seconds. Measured on what is built, as it is installed.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connectAdmin } from "../../src/admin/client.ts";
import type { StatusView } from "../../src/admin/views.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import type { PairwiseOpening } from "../../src/conversation/pairwise-opening.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import { systemClock } from "../../src/daemon/clock.ts";
import { initialiseState } from "../../src/engine/initialise.ts";
import { conversationWrite } from "../../src/engine/turn/conversation-write.ts";
import { createStore } from "../../src/sqlite/open.ts";
import type { ContentTopic } from "../../src/wire/ids.ts";
import { interleave, median, nowMs, printTable, spread } from "./measure.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = join(root, "dist", "umbrad.js");
const commandRounds = 31;
const startRounds = 5;
const sizes = [10, 10_000];
const topics = ["/umbra/1/b8-00/proto" as ContentTopic];

export async function benchCli(): Promise<void> {
  if (!existsSync(bin)) throw new Error("run npm run build first: what is installed is measured");
  const directory = mkdtempSync(join(tmpdir(), "umbrad-bench-"));
  const devnet = spawn(process.execPath, [bin, "devnet", "--json", "--state-dir", join(directory, "devnet")], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const peer = await readyAddress(devnet);
    for (const size of sizes) await makeState(stateDir(directory, size), size);
    await benchStarts(directory, peer);
    await benchCommands(stateDir(directory, 10), peer);
  } finally {
    devnet.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

function stateDir(directory: string, size: number): string {
  return join(directory, `state-${size}`);
}

async function readyAddress({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error("the devnet has no stdout");
  for await (const line of createInterface({ input: stdout })) return JSON.parse(line).multiaddr;
  throw new Error("the devnet ended");
}

/** Pairs: both sides of a ratio see the same load of the machine. */
async function benchCommands(state: string, peer: string): Promise<void> {
  const daemon = await startDaemon(state, peer);
  const env = { PATH: process.env["PATH"] ?? "", UMBRAD_STATE_DIR: state };
  const run = (...args: string[]) => {
    const began = nowMs();
    const { status } = spawnSync(process.execPath, args, { env });
    if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}`);
    return nowMs() - began;
  };
  const cases = new Map([
    ["node -e 0", () => run("-e", "0")],
    ["umbrad version", () => run(bin, "version")],
    ["umbrad status --json", () => run(bin, "status", "--json")],
    ["umbrad complete conversations", () => run(bin, "complete", "conversations")],
  ]);
  const results = await interleave<number>(cases, commandRounds);
  await daemon.stop();
  const bare = results.get("node -e 0") ?? [];
  printTable(
    ["command", "ms", "times node", "fastest"],
    [...results].map(([name, times]) => {
      const ratios = times.map((time, round) => time / (bare[round] ?? time));
      return [name, spread(times), median(ratios).toFixed(2), (Math.min(...times) / Math.min(...bare)).toFixed(2)];
    }),
  );
  console.log(
    "Goals: version at most 2.0, status at most 3.0 times bare node (medians of paired rounds; fastest: of all rounds, which a busy machine\ndisturbs less).",
  );
}

async function benchStarts(directory: string, peer: string): Promise<void> {
  const cases = new Map(
    sizes.map((size) => [
      String(size),
      async () => {
        const daemon = await startDaemon(stateDir(directory, size), peer);
        const { begunMs, readyMs } = daemon;
        const residentMb = residentMbOf(daemon.pid);
        await daemon.stop();
        return { begunMs, readyMs, residentMb };
      },
    ]),
  );
  const results = await interleave(cases, startRounds);
  printTable(
    ["conversations", "socket and states ms", "ready ms", "resident MB"],
    [...results].map(([size, starts]) => [
      size,
      spread(starts.map(({ begunMs }) => begunMs)),
      spread(starts.map(({ readyMs }) => readyMs)),
      spread(starts.map(({ residentMb }) => residentMb)),
    ]),
  );
  console.log("Ready: a service node is connected, history is read, and a canary came back.");
}

interface Daemon {
  readonly pid: number;
  /** Until it is no longer `starting`. */
  readonly begunMs: number;
  readonly readyMs: number;
  stop(): Promise<void>;
}

async function startDaemon(state: string, peer: string): Promise<Daemon> {
  const began = nowMs();
  const flags = ["--network", "devnet", "--peer", peer, "--log-level", "error"];
  const child = spawn(process.execPath, [bin, "run", "--state-dir", state, ...flags], { stdio: "ignore" });
  const ended = once(child, "exit");
  const place = { socketPath: join(state, "admin.sock") };
  const admin = connectAdmin({ place, timeoutMs: 30_000, startHint: async () => "" });
  const reach = async (isThere: (status: StatusView) => boolean): Promise<number> => {
    for (;;) {
      const status = await admin.get<StatusView>("/v1/status").catch(() => undefined);
      if (status !== undefined && isThere(status)) return nowMs() - began;
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const begunMs = await reach(({ state: phase }) => phase !== "starting");
  const readyMs = await reach(({ state: phase }) => phase === "ready");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return { pid: child.pid ?? 0, begunMs, readyMs, stop };
}

function residentMbOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** As many conversations, each with another peer, as they are after an invite was accepted. */
async function makeState(state: string, size: number): Promise<void> {
  const random = (length: number) => systemClock.random(length);
  const store = await createStore({ stateDir: state, seal: { kind: "plaintext" }, random });
  const now = systemClock.now();
  const ourAddress = initialiseState({ store, clock: systemClock, inbox: inboxV1 });
  const perCommit = 500;
  for (let first = 1; first <= size; first += perCommit) {
    const numbers = Array.from({ length: Math.min(perCommit, size - first + 1) }, (_, at) => first + at);
    const conversations = numbers.map((number) => {
      const opening = privateV1.open(openingWith(ourAddress, now), { now, random, records: new Map() });
      if (opening.kind !== "accept") throw new Error("a conversation could not be opened");
      return conversationWrite({ number, type: privateV1, revision: 0, before: undefined }, opening, now);
    });
    store.commit({ atMs: now, conversations });
  }
  store.close();
}

function openingWith(ourAddress: string, createdAtMs: number): PairwiseOpening {
  const key = (length = 32) => systemClock.random(length);
  const keys = { sharedSecret: key(), inviterHeaderKey: key(), inviteeNextHeaderKey: key(), ident: key(16) };
  const peerAddress = Buffer.from(key()).toString("hex");
  const places = { ourTopics: topics, peerTopics: topics };
  const ours = { ourPrekeySecret: key(), isUndecided: false, siblings: [] };
  return { role: "invitee", keys, ourAddress, peerAddress, createdAtMs, ...places, ...ours };
}
