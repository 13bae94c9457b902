// Goal: a program behind `umbrad listen --consumer` misses nothing and sees nothing again after its acknowledgement,
// whoever is killed. Method: messages flow; the listening process is killed at random lines, the daemon at random times,
// both are started again; in the end the lines of all processes together are the daemon's event log.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import type { EventView } from "../../src/admin/event-view.ts";
import type { ConsumerJson } from "../../src/admin/views.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { inTime, type Launched, Stage, until } from "./stage/processes.ts";
import { Traffic } from "./stage/traffic.ts";

const READER_KILLS_MIN = 20;
const DAEMON_KILLS_MIN = 4;
/** A reader is killed after at most so many lines, or after so long. */
const LINES_MAX = 20;
const PATIENCE_MS_MAX = 4_000;
/** One reader in so many outlives its daemon. */
const DAEMON_KILL_SHARE = 0.25;
/** One reader in so many is acknowledged for from outside, after the line was handled and not when it was printed. */
const MANUAL_SHARE = 0.5;
/** Of its lines so many. */
const ACK_SHARE = 0.3;

/** One process that read, from its start to its end. */
interface Reading {
  /** What was acknowledged for certain before it started. */
  readonly ackedBefore: number;
  readonly events: readonly EventView[];
}

test("a consumer killed 20 times and its daemon 4 times: nothing lost, in order, nothing again after its ack", async (t) => {
  const seed = Number(process.env["UMBRAD_TEST_SEED"] ?? randomInt(2 ** 32));
  t.diagnostic(`seed ${seed} (UMBRAD_TEST_SEED repeats its choices)`);
  const random = randomFrom(seed);
  const stage = new Stage(t);
  // Of their own: a reader that loses its daemon says so on stderr, and rightly.
  const readers = new Stage(t);
  const { node, alice, bob } = await twoParties(stage);
  const traffic = new Traffic(bob, random);
  t.after(() => traffic.abandon());

  const readings: Reading[] = [];
  const kills = { reader: 0, daemon: 0 };
  while (kills.reader < READER_KILLS_MIN || kills.daemon < DAEMON_KILLS_MIN) {
    const ackedBefore = await ackedSeq(alice);
    const isManual = random() < MANUAL_SHARE;
    const reader = listen(readers, alice, isManual ? "manual" : "auto");
    if (isManual) acknowledgeSome(reader, alice, random);
    const atDaemon = random() < DAEMON_KILL_SHARE;
    await aim(reader, random);
    if (atDaemon) {
      await inTime("the end of a killed daemon", alice.running.kill("SIGKILL"));
      await alice.start();
      kills.daemon += 1;
    } else if (reader.isRunning()) {
      await reader.kill("SIGKILL");
      kills.reader += 1;
    }
    readings.push({ ackedBefore, events: await eventsOf(reader) });
  }
  await inTime("the last answer", traffic.stop());
  const last = listen(readers, alice, "auto");
  await until("everything delivered and acknowledged", async () => {
    const delivered = (await bob.events()).filter(({ type }) => type === "message.delivered").length;
    const isRead = (await ackedSeq(alice)) === (await alice.status()).lastSeq;
    return (delivered >= traffic.acknowledged.length && isRead) || undefined;
  });
  await last.kill("SIGKILL");
  readings.push({ ackedBefore: 0, events: await eventsOf(last) });

  const log = await alice.events();
  const { repeated } = assertAllRead(readings, log);
  const texts = log.filter(({ type }) => type === "message.received").map(({ data }) => data["text"]);
  assert.deepEqual(texts, ["bob 0", ...traffic.acknowledged.map(({ text }) => text)]);
  t.diagnostic(
    `${kills.reader} readers and ${kills.daemon} daemons killed; ${log.length} events, ${repeated} of them given again`,
  );
  for (const party of [alice, bob]) await party.stop();
  await node.stop();
  assertNoErrors(stage);
});

async function twoParties(stage: Stage): Promise<{ node: ServiceNode; alice: Party; bob: Party }> {
  const node = new ServiceNode(stage);
  await node.start();
  const [alice, bob] = ["alice", "bob"].map((name) => new Party(stage, name, ["--peer", node.multiaddr])) as [
    Party,
    Party,
  ];
  for (const party of [alice, bob]) {
    await party.init();
    await party.start();
    await party.wait("ready");
  }
  await connect(alice, bob, "bob 0");
  return { node, alice, bob };
}

function listen(readers: Stage, { stateDir }: Party, ack: "auto" | "manual"): Launched {
  return readers.launch("listen", ["listen", "--consumer", "bot", "--ack", ack, "--json", "--state-dir", stateDir]);
}

/** As a bridge does: what was handled is acknowledged by another call, which the death of the daemon may take along. */
function acknowledgeSome(reader: Launched, { admin }: Party, random: () => number): void {
  reader.output.follow((line) => {
    if (line === undefined || random() > ACK_SHARE) return;
    const { seq } = JSON.parse(line) as EventView;
    admin.post("/v1/consumers/bot/ack", { seq }).catch((error: unknown) => {
      if (!(error instanceof UmbradError)) throw error;
    });
  });
}

/** Resolves at a random line, after a random time, or when the reader has ended. */
async function aim(reader: Launched, random: () => number): Promise<void> {
  let left = Math.floor(random() * LINES_MAX);
  const lines = new Promise<void>((resolve) => {
    reader.output.follow((line) => {
      if (line === undefined || left-- <= 0) resolve();
    });
  });
  await Promise.race([lines, new Promise((resolve) => setTimeout(resolve, random() * PATIENCE_MS_MAX))]);
}

/** When the process is gone: killed, or because its daemon is not there. */
async function eventsOf(reader: Launched): Promise<EventView[]> {
  const { code, signal } = await inTime("the end of a reader", reader.ended);
  assert.ok(signal === "SIGKILL" || code === 69 || code === 75, `exit ${code}\n${reader.output.everything()}`);
  return reader.output.lines.map((line) => JSON.parse(line) as EventView);
}

/** 0 while the consumer or the daemon is not there. */
async function ackedSeq({ admin }: Party): Promise<number> {
  try {
    const { consumers } = await admin.get<{ consumers: ConsumerJson[] }>("/v1/consumers");
    return consumers[0]?.ackedSeq ?? 0;
  } catch (error) {
    if (error instanceof UmbradError) return 0;
    throw error;
  }
}

function assertAllRead(readings: readonly Reading[], log: readonly EventView[]): { repeated: number } {
  assertGapFree(log);
  let readThrough = 0;
  let repeated = 0;
  for (const { ackedBefore, events } of readings) {
    for (const [index, event] of events.entries()) {
      assert.deepEqual(event, log[event.seq - 1], "what was read is what is in the log");
      assert.equal(event.seq, (events[0]?.seq ?? 0) + index, "in order, none left out");
      assert.ok(event.seq > ackedBefore, `event ${event.seq} came again after ${ackedBefore} was acknowledged`);
      assert.ok(event.seq <= readThrough + 1, `event ${readThrough + 1} was skipped`);
      if (event.seq <= readThrough) repeated += 1;
      readThrough = Math.max(readThrough, event.seq);
    }
  }
  assert.equal(readThrough, log.length, "everything was read");
  return { repeated };
}

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
