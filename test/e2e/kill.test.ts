// Goal: kill -9 at any moment loses no acknowledged message, doubles none, and never uses a ratchet position twice.
// Method: traffic both ways, one of the two daemons killed again and again at moments that a seed chooses and some of
// which are aimed, each restarted at once; at the end both databases, both event logs and the network's archive agree.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { EventView } from "../../src/admin/event-view.ts";
import { readArchive } from "../../src/devnet/archive.ts";
import { decodeEnvelope } from "../../src/wire/envelope.ts";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { inTime, Stage, until } from "./stage/processes.ts";
import { Traffic } from "./stage/traffic.ts";
import { assertIntegrity, readWreck, takenOf } from "./stage/wreck.ts";

const KILLS_MIN = 50;
const KILLS_MAX = 150;
/** A kill waits no longer for the moment that it is aimed at. */
const AIM_MS_MAX = 3_000;
const PATIENCE_MS_MAX = 1_500;
const OPEN_TICKETS_AIM = 3;
const ANSWERS_MAX = 20;
/** About what a send takes. */
const SEND_MS_MAX = 8;

interface Side {
  readonly party: Party;
  readonly traffic: Traffic;
  /** Envelopes that its state had taken when its present process began. */
  seenBefore: number;
}

const aims = ["any moment", "within a send", "after an answer", "while envelopes wait"] as const;
type Aim = (typeof aims)[number];

interface Kill {
  readonly atMs: number;
  /** Routed to a conversation, not refused by it, and not in the database. */
  readonly uncommitted: number;
  /** A message is committed and its sender does not know. */
  readonly hasUnanswered: boolean;
  readonly outbox: readonly string[];
}

test("dozens of kills -9 under traffic both ways lose nothing, double nothing, reuse nothing", async (t) => {
  const seed = Number(process.env["UMBRAD_TEST_SEED"] ?? randomInt(2 ** 32));
  t.diagnostic(`seed ${seed} (UMBRAD_TEST_SEED repeats its choices)`);
  const random = randomFrom(seed);
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const parties = ["alice", "bob"].map((name) => {
    return new Party(stage, name, ["--peer", node.multiaddr, "--log-level", "debug"]);
  });
  for (const party of parties) {
    await party.init();
    await party.start();
    await party.wait("ready");
  }
  const [alice, bob] = parties as [Party, Party];
  await connect(alice, bob, "bob 0");
  const sides = parties.map((party): Side => {
    return { party, traffic: new Traffic(party, random), seenBefore: 0 };
  }) as [Side, Side];
  t.after(() => {
    for (const { traffic } of sides) traffic.abandon();
  });

  const kills = await killAndRestart(stage, sides, random, () => firstArchived(node.stateDir));
  await Promise.all(sides.map(({ traffic }) => inTime("the last answers", traffic.stop())));
  const { beforePublish, beforeCommit } = report(t, kills, firstArchived(node.stateDir), sides);
  // Looked at before and after the end of everything: reuse is the cause of what would be missing then.
  assertNoReuse(firstArchived(node.stateDir).keys());
  await assertAgreement(t, sides);
  for (const { party } of sides) await party.stop();
  await node.stop();

  const archived = firstArchived(node.stateDir);
  assertNoReuse(archived.keys());
  for (const envelope of kills.flatMap((kill) => kill.outbox)) {
    assert.ok(archived.has(envelope), "what was committed is published, after a kill too");
  }
  for (const { party } of sides) assertIntegrity(party.stateDir);
  assertNoErrors(stage);
  assert.ok(beforePublish > 0, "no kill fell between commit and publish");
  assert.ok(beforeCommit > 0, "no kill fell between receive and commit");
});

async function killAndRestart(
  stage: Stage,
  sides: readonly [Side, Side],
  random: () => number,
  archived: () => ReadonlyMap<string, number>,
): Promise<Kill[]> {
  const kills: Kill[] = [];
  const isEnough = (): boolean => {
    if (kills.length < KILLS_MIN) return false;
    return kills.some(({ uncommitted }) => uncommitted > 0) && kills.some((kill) => isBeforePublish(kill, archived()));
  };
  while (!isEnough() && kills.length < KILLS_MAX) {
    const side = sides[kills.length % 2] as Side;
    const { party } = side;
    await takeAim(side, random);
    const exit = await inTime("the end of a killed daemon", party.running.kill("SIGKILL"));
    assert.equal(exit.signal, "SIGKILL", `${party.name} ended by itself\n${party.running.output.everything()}`);
    const unanswered = side.traffic.unanswered ?? "";
    const { outbox, seen, knowsKey } = await readWreck(party.stateDir, join(stage.directory, "wreck"), unanswered);
    kills.push({
      atMs: exit.atMs,
      uncommitted: takenOf(party.running.output.log()) - (seen - side.seenBefore),
      hasUnanswered: knowsKey,
      outbox: outbox.map((envelope) => Buffer.from(envelope).toString("hex")),
    });
    side.seenBefore = seen;
    party.launch();
  }
  assert.ok(kills.length >= KILLS_MIN, `only ${kills.length} kills`);
  return kills;
}

/** Resolves in the moment of the kill. */
async function takeAim(side: Side, random: () => number): Promise<void> {
  const aim = aims[Math.floor(random() * aims.length)] as Aim;
  // What a daemon does when it is up cannot be aimed at before.
  if (aim !== "any moment") await inTime("daemon.started", side.party.running.output.event("daemon.started"));
  const patienceMs = aim === "any moment" ? random() * PATIENCE_MS_MAX : AIM_MS_MAX;
  const patience = new Promise<void>((resolve) => setTimeout(resolve, patienceMs));
  if (aim === "any moment") await patience;
  if (aim === "within a send") {
    await answers(side, 1);
    await Promise.race([patience, side.traffic.nextQuestion()]);
    await new Promise((resolve) => setTimeout(resolve, random() * SEND_MS_MAX));
  }
  if (aim === "after an answer") await Promise.race([patience, answers(side, 1 + Math.floor(random() * ANSWERS_MAX))]);
  if (aim === "while envelopes wait") await Promise.race([patience, envelopesWaiting(side.party)]);
}

async function answers({ traffic }: Side, count: number): Promise<void> {
  for (let answered = 0; answered < count; answered += 1) await traffic.nextAnswer();
}

/** Resolves when several envelopes are routed and their turns have not ended. */
function envelopesWaiting({ running: { output } }: Party): Promise<void> {
  return new Promise((resolve) => {
    let open = 0;
    const stop = output.follow((line) => {
      if (line?.includes('"envelope.routed"')) open += 1;
      if (line?.includes('"envelope.settled"')) open = Math.max(0, open - 1);
      if (line !== undefined && open < OPEN_TICKETS_AIM) return;
      stop();
      resolve();
    });
  });
}

function isBeforePublish({ outbox, atMs }: Kill, archived: ReadonlyMap<string, number>): boolean {
  return outbox.some((envelope) => (archived.get(envelope) ?? Number.POSITIVE_INFINITY) > atMs);
}

/** Both event logs end up telling the same story; then nothing is left to do anywhere. */
async function assertAgreement(t: TestContext, [one, other]: readonly [Side, Side]): Promise<void> {
  const began = performance.now();
  for (const { party, traffic } of [one, other]) {
    await until(`every message of ${party.name} delivered`, async () => {
      const delivered = new Set(idsOf(await party.events(), "message.delivered"));
      return traffic.acknowledged.every(({ messageId }) => delivered.has(messageId)) || undefined;
    });
    await party.wait("outbox-empty");
  }
  t.diagnostic(`quiet ${Math.round(performance.now() - began)} ms after the last message`);
  const [ours, theirs] = [await one.party.events(), await other.party.events()];
  assert.ok(![...ours, ...theirs].some(({ type }) => type === "state.rolled-back"), "a kill is no restored backup");
  assertOneWay(one, ours, theirs, []);
  assertOneWay(other, theirs, ours, ["bob 0"]);
}

/** What one side sent, the other has: each message once and in the order of the sender's log. */
function assertOneWay(
  { party, traffic: { acknowledged } }: Side,
  sent: readonly EventView[],
  received: readonly EventView[],
  alsoSent: readonly string[],
): void {
  assertGapFree(sent);
  const texts = received.filter(({ type }) => type === "message.received").map(({ data }) => data["text"]);
  assert.deepEqual(texts, [...alsoSent, ...acknowledged.map(({ text }) => text)]);
  assert.deepEqual(
    idsOf(received, "message.received").slice(alsoSent.length),
    acknowledged.map(({ messageId }) => messageId),
    `a repeated key of ${party.name} gives the id of the first try`,
  );
  const delivered = idsOf(sent, "message.delivered");
  assert.equal(new Set(delivered).size, delivered.length, "delivered once");
}

function idsOf(events: readonly EventView[], type: string): string[] {
  return events.filter((event) => event.type === type).map(({ data }) => String(data["messageId"]));
}

/** When each payload was archived first. */
function firstArchived(stateDir: string): Map<string, number> {
  const first = new Map<string, number>();
  for (const { payload, timestampNs } of readArchive(stateDir)) {
    const key = Buffer.from(payload).toString("hex");
    if (!first.has(key)) first.set(key, Number(timestampNs / 1_000_000n));
  }
  return first;
}

/** A hint is a position of a ratchet: two envelopes with one hint would be two plaintexts under one key. */
function assertNoReuse(payloads: Iterable<string>): void {
  const byHint = new Map<string, string>();
  for (const payload of payloads) {
    const decoded = decodeEnvelope(Buffer.from(payload, "hex"));
    assert.equal(decoded.kind, "readable");
    if (decoded.kind !== "readable" || decoded.value.encryptedBytes.member !== "encrypted_bytes") continue;
    const { hint } = decoded.value;
    assert.ok((byHint.get(hint) ?? payload) === payload, "one hint, two payloads");
    byHint.set(hint, payload);
  }
  assert.ok(byHint.size > 0);
}

function report(t: TestContext, kills: readonly Kill[], archived: ReadonlyMap<string, number>, sides: readonly Side[]) {
  const beforePublish = kills.filter((kill) => isBeforePublish(kill, archived)).length;
  const beforeMark = kills.filter((kill) => kill.outbox.length > 0 && !isBeforePublish(kill, archived)).length;
  const beforeCommit = kills.filter(({ uncommitted }) => uncommitted > 0).length;
  const beforeAnswer = kills.filter((kill) => kill.hasUnanswered).length;
  const messages = sides.map(({ traffic }) => traffic.acknowledged.length);
  const repeated = sides.flatMap(({ traffic }) => traffic.acknowledged.filter(({ attempts }) => attempts > 1)).length;
  t.diagnostic(
    `${kills.length} kills: ${beforePublish} between commit and publish, ${beforeMark} between publish and its record, ` +
      `${beforeCommit} between receive and commit, ${beforeAnswer} between commit and answer; ${messages.join(" + ")} messages, ${repeated} sends repeated`,
  );
  return { beforePublish, beforeCommit };
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
