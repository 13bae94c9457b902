/**
 * Goal: kill -9 at 252 moments loses nothing that was acknowledged, gives an acknowledging consumer nothing twice, keeps the
 * order of a conversation, uses no hint twice, and is never taken for a restored backup.
 * Method: two conversations of two processes each, with the real engine, types and SQLite files; the test is their network
 * and outlives them. Each process is killed again and again at moments that a seed chooses, most of them aimed. What the
 * dead left on disk tells which window a kill fell into.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { removeDir, scratchDir } from "../../../support/engine/test-node.ts";
import { compile, inTime, Life, type Moment } from "./life.ts";
import { Network } from "./network.ts";
import { Sender } from "./sender.ts";
import type { Sight } from "./words.ts";

const PAIRS = 2;
/** Of each process; with two pairs 252 in all. */
const KILLS = 63;
/** A kill waits no longer for the moment that it is aimed at. */
const AIM_MS_MAX = 2_000;
const LIFE_MS_MAX = 80;
/** About what a turn takes. */
const TURN_MS_MAX = 4;
const SEND_MS_MAX = 8;
const QUIET_MS_MAX = 180_000;

const aims: readonly ("any" | "asked" | Moment)[] = ["any", "asked", "got", "published", "answered"];

interface Windows {
  kills: number;
  beforePublish: number;
  beforeRecord: number;
  beforeAnswer: number;
  beforeCommit: number;
}

interface Side {
  readonly life: Life;
  readonly sender: Sender;
  /** For each kill, the envelopes that had reached the process and were in no commit. */
  readonly uncommitted: Uint8Array[][];
}

test(`${KILLS * PAIRS * 2} kills -9 of engine and SQLite lose nothing, double nothing, reuse nothing`, async (t) => {
  const seed = Number(process.env["UMBRAD_TEST_SEED"] ?? randomInt(2 ** 32));
  t.diagnostic(`seed ${seed} (UMBRAD_TEST_SEED repeats its choices)`);
  const random = randomFrom(seed);
  const directory = scratchDir("kills");
  const lives: Life[] = [];
  t.after(async () => {
    for (const life of lives) await life.end();
    removeDir(directory);
  });
  const windows: Windows = { kills: 0, beforePublish: 0, beforeRecord: 0, beforeAnswer: 0, beforeCommit: 0 };
  const began = performance.now();
  await compile(cacheOf(directory));
  const pair = (index: number) => runPair({ directory, index, lives, windows, random });
  await Promise.all(Array.from({ length: PAIRS }, (_, index) => pair(index)));
  const { kills, beforePublish, beforeRecord, beforeCommit, beforeAnswer } = windows;
  t.diagnostic(
    `${kills} kills in ${Math.round((performance.now() - began) / 1_000)} s: ${beforePublish} between commit and publish, ` +
      `${beforeRecord} between publish and its record, ${beforeCommit} between receive and commit, ` +
      `${beforeAnswer} between commit and answer; ${lives.map(({ events }) => events.length).join(" + ")} events`,
  );
  assert.equal(kills, KILLS * PAIRS * 2);
  for (const [window, count] of Object.entries({ beforePublish, beforeRecord, beforeCommit }))
    assert.ok(count > 0, `no kill fell into ${window}`);
});

interface PairOptions {
  readonly directory: string;
  readonly index: number;
  readonly lives: Life[];
  readonly windows: Windows;
  readonly random: () => number;
}

async function runPair({ directory, index, lives, windows, random }: PairOptions): Promise<void> {
  const network = new Network();
  const [one, other] = ["a", "b"].map((side) => {
    const name = `${side}${index}`;
    return new Life({ name, stateDir: join(directory, name), network, cacheDir: cacheOf(directory) });
  }) as [Life, Life];
  lives.push(one, other);
  for (const life of [one, other]) await life.start();
  const { link } = await one.ask<{ readonly link: string }>({ op: "invite" });
  await other.ask({ op: "accept", link, text: "hello" });
  await until("the invite is read", () => textsOf(one, "message.received").length === 1);
  const sides = [one, other].map((life): Side => {
    return { life, sender: new Sender(life, random), uncommitted: [] };
  }) as [Side, Side];
  await Promise.all(sides.map((side) => killAgain(side, { network, windows, random })));
  for (const { sender } of sides) await inTime("the last answer", sender.stop());
  await until("everything is delivered and consumed", () => isQuiet(one) && isQuiet(other));
  assertOneWay(sides[0].sender, one, other, []);
  assertOneWay(sides[1].sender, other, one, ["hello"]);
  for (const side of sides) windows.beforeCommit += await countBeforeCommit(side);
  for (const { life } of sides) {
    assert.equal((await life.ask<Sight>({ op: "look", hashes: [] })).outbox, 0);
    assert.deepEqual(life.faults, []);
    assert.ok(!life.events.some(({ type }) => type === "state.rolled-back"), "a crash is no restored backup");
  }
}

function cacheOf(directory: string): string {
  return join(directory, "compiled");
}

async function killAgain(
  { life, sender, uncommitted }: Side,
  { network, windows, random }: { network: Network; windows: Windows; random: () => number },
): Promise<void> {
  for (let kill = 0; kill < KILLS; kill += 1) {
    await Promise.race([takeAim(life, sender, random), sender.done]);
    const got = await life.kill();
    const { outbox, knowsKey, committed } = await life.start(sender.unanswered, got);
    const published = outbox.filter((envelope) => network.hasPayload(envelope)).length;
    windows.kills += 1;
    windows.beforePublish += published < outbox.length ? 1 : 0;
    windows.beforeRecord += published > 0 ? 1 : 0;
    windows.beforeAnswer += knowsKey ? 1 : 0;
    uncommitted.push(got.filter((_, index) => committed[index] === false));
  }
}

/** Resolves in the moment of the kill. */
async function takeAim(life: Life, sender: Sender, random: () => number): Promise<void> {
  const aim = aims[Math.floor(random() * aims.length)] ?? "any";
  const [patienceMs, share] = [aim === "any" ? random() * LIFE_MS_MAX : AIM_MS_MAX, random()];
  const patience = pause(patienceMs);
  if (aim === "any") return patience;
  await Promise.race([patience, aim === "asked" ? sender.nextQuestion() : life.next(aim)]);
  // An envelope is in its turn for less than that.
  if (aim === "asked") await pause(share * SEND_MS_MAX);
  else if (share > 0.5) await pause(share * TURN_MS_MAX);
}

/** An envelope that had reached a process and was in no commit then, but in the end is. Others were none of its business. */
async function countBeforeCommit({ life, uncommitted }: Side): Promise<number> {
  let kills = 0;
  for (const hashes of uncommitted) {
    const { committed } = await life.ask<Sight>({ op: "look", hashes });
    if (committed.includes(true)) kills += 1;
  }
  return kills;
}

/** All it queued is delivered, and its consumer has acknowledged all. */
function isQuiet(life: Life): boolean {
  const delivered = new Set(idsOf(life, "message.delivered"));
  return life.acked === life.events.length && idsOf(life, "message.queued").every((id) => delivered.has(id));
}

/** What one side sent, the other has: each message once, in the order in which it was accepted. */
function assertOneWay({ acknowledged }: Sender, from: Life, to: Life, alsoSent: readonly string[]): void {
  assert.deepEqual(textsOf(to, "message.received"), [...alsoSent, ...acknowledged]);
  assert.deepEqual(idsOf(to, "message.received"), idsOf(from, "message.queued"));
  const delivered = idsOf(from, "message.delivered");
  assert.equal(new Set(delivered).size, delivered.length, "delivered once");
}

function idsOf({ events }: Life, wanted: string): (string | undefined)[] {
  return events.filter(({ type }) => type === wanted).map(({ messageId }) => messageId);
}

function textsOf({ events }: Life, wanted: string): (string | undefined)[] {
  return events.filter(({ type }) => type === wanted).map(({ text }) => text);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + QUIET_MS_MAX;
  while (!holds()) {
    assert.ok(performance.now() < end, `not within ${QUIET_MS_MAX} ms: ${what}`);
    await pause(20);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
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
