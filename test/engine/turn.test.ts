/**
 * Goal: a turn is all or nothing, and memory follows the disk, never the other way round.
 * Method: Turns on a real store that can fail before or after a commit.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { TurnCommit } from "../../src/engine/ports.ts";
import { createRegistry } from "../../src/engine/registry.ts";
import { Router } from "../../src/engine/routing/router.ts";
import type { TurnOrigin, TurnOutcome } from "../../src/engine/turn/turn.ts";
import { type AcceptedTurn, Turns } from "../../src/engine/turn/turns.ts";
import { conversationWrite } from "../conformance/store/store-rows.ts";
import { temporaryStore } from "../sqlite/temporary-store.ts";
import { diskFull, type FaultyStore, faultyStore } from "./probe/faulty-store.ts";
import { type ProbeState, probeState, probeType, type Script } from "./probe/probe-type.ts";
import { SteppingClock } from "./probe/stepping-clock.ts";

let files: Awaited<ReturnType<typeof temporaryStore>>;
let faults: FaultyStore;
let turns: Turns;
let router: Router;
let accepted: AcceptedTurn[];
let hints: string[];

beforeEach(async () => {
  files = await temporaryStore();
  for (const number of [0, 1]) write(number, probeState(`p${number}`));
  faults = faultyStore(files.store);
  router = new Router();
  accepted = [];
  hints = [];
  turns = new Turns({
    store: faults.store,
    registry: createRegistry([probeType]),
    clock: new SteppingClock(),
    router,
    listener: { onAccepted: (outcome) => accepted.push(outcome), onHints: (added) => hints.push(...added) },
  });
});
afterEach(() => files.dispose());

function write(number: number, state: ProbeState, revision = 0): void {
  const part = { type: "probe/v1", state: probeType.state.encode(state), expectedRevision: revision };
  const conversationId = `/probe/v1/${state.ident}`;
  files.store.commit({ atMs: 0, conversations: [conversationWrite(number, { ...part, conversationId })] });
}

function command(number: number, script: Script, origin: TurnOrigin = {}): Promise<TurnOutcome> {
  const text = `!${JSON.stringify(script)}`;
  return turns.run(number, () => ({ input: { kind: "command", command: { kind: "send", text } }, origin }));
}

const say = (number: number, text: string, origin?: TurnOrigin) => command(number, { op: "say", text }, origin);
const stateOf = (number: number) => probeType.state.decode(files.store.conversation(number)?.state as Uint8Array);
const revisionOf = (number: number) => files.store.conversation(number)?.revision;

describe("a turn", () => {
  it("writes state, message, event and outbox row in one commit", async () => {
    const outcome = await say(0, "hello");
    assert.equal(outcome.kind, "accepted");
    assert.deepEqual(stateOf(0).log, ["sent hello"]);
    assert.equal(revisionOf(0), 2);
    assert.equal(files.store.outboxCount(), 1);
    assert.deepEqual(
      files.store.events({ after: 0, limit: 10 }).map(({ seq, type }) => [seq, type]),
      [[1, "message.queued"]],
    );
    assert.deepEqual(accepted[0]?.wrote, { outbox: true, timers: false });
  });

  it("changes nothing when it is refused, ignored or fails, not even the state's bytes", async () => {
    const before = files.store.conversation(0);
    let commits = 0;
    faults.before = ({ method }) => {
      if (method === "commitAll") commits += 1;
    };
    assert.deepEqual(await command(0, { op: "refuse" }), {
      kind: "rejected",
      reason: "probe-refused",
      detail: undefined,
    });
    assert.equal((await command(0, { op: "ignore" })).kind, "ignored");
    await assert.rejects(command(0, { op: "throw" }), /asked to throw/);
    await assert.rejects(command(0, { op: "never-decide" }), /without deciding/);
    assert.equal(commits, 0);
    assert.deepEqual(files.store.conversation(0), before);
    assert.deepEqual(accepted, []);
  });

  it("gets the records that it lacks, absent ones too, and decides with them", async () => {
    const deliveries = () => files.store.messages({ conversation: 0, limit: 10 }).length;
    await command(0, { op: "need", key: "k" });
    assert.match(stateOf(0).log[0] ?? "", /absent/);
    await command(0, { op: "put", key: "k" });
    await command(0, { op: "need", key: "k" });
    assert.match(stateOf(0).log[1] ?? "", /present/);
    assert.equal(deliveries(), 2);
  });

  it("of a closed or unknown conversation is ignored", async () => {
    await command(0, { op: "put", key: "k" });
    await command(0, { op: "close" });
    assert.equal((await say(0, "late")).kind, "ignored");
    assert.equal((await say(77, "nobody")).kind, "ignored");
    assert.deepEqual(files.store.conversation(0)?.state, new Uint8Array(), "its keys are gone");
    assert.equal(files.store.records(0, ["k"]).size, 0);
  });

  it("throws conversation/halted for a state that does not decode, and other conversations go on", async () => {
    const unreadable = { ...conversationWrite(0, { type: "probe/v1", expectedRevision: 1 }), state: new Uint8Array(3) };
    files.store.commit({ atMs: 0, conversations: [unreadable] });
    await assert.rejects(say(0, "x"), { code: "conversation/halted" });
    assert.equal((await say(1, "y")).kind, "accepted");
  });
});

describe("a failing commit", () => {
  it("applies nothing: the next turn starts from the disk, and uses no number twice with another text", async () => {
    await say(0, "one");
    faults.before = () => {
      throw diskFull();
    };
    await assert.rejects(say(0, "two"), { code: "store/full" });
    faults.before = () => {};
    assert.deepEqual(stateOf(0).log, ["sent one"]);
    assert.equal(accepted.length, 1);
    await say(0, "three");
    assert.deepEqual(stateOf(0).log, ["sent one", "sent three"]);
    assert.equal(stateOf(0).sent, 2);
  });

  it("that was durable after all is found on the disk by the next turn", async () => {
    faults.after = ({ method }) => {
      if (method === "commitAll") throw diskFull();
    };
    await assert.rejects(say(0, "one"), { code: "store/full" });
    faults.after = () => {};
    await say(0, "two");
    assert.deepEqual(stateOf(0).log, ["sent one", "sent two"]);
    assert.equal(revisionOf(0), 3);
  });

  it("for a revision that another writer took is refused, and the next turn builds on the other's state", async () => {
    await say(0, "one");
    write(0, { ...stateOf(0), log: ["written behind our back"] }, 2);
    await assert.rejects(say(0, "two"), { code: "store/conflict" });
    assert.equal(files.store.outboxCount(), 1);
    await say(0, "three");
    assert.deepEqual(stateOf(0).log, ["written behind our back", "sent three"]);
  });

  it("fails alone among the turns of its group", async () => {
    await Promise.all([say(0, "load"), say(1, "load")]);
    write(0, { ...stateOf(0), log: [] }, 2);
    const sizes: number[] = [];
    faults.before = ({ method, args }) => {
      if (method === "commitAll") sizes.push((args[0] as TurnCommit[]).length);
    };
    const [first, second] = await Promise.allSettled([say(0, "a"), say(1, "b")]);
    assert.deepEqual(sizes, [2]);
    assert.equal(first.status, "rejected");
    assert.equal(second.status, "fulfilled");
    assert.deepEqual(stateOf(1).log, ["sent load", "sent b"]);
  });
});

describe("group commit", () => {
  it("puts ready turns of many conversations into one transaction, each durable before it is acknowledged", async () => {
    for (let number = 2; number < 300; number += 1) write(number, probeState(`p${number}`));
    const sizes: number[] = [];
    faults.before = ({ method, args }) => {
      if (method === "commitAll") sizes.push((args[0] as TurnCommit[]).length);
    };
    await Promise.all(
      Array.from({ length: 300 }, async (_, number) => {
        await say(number, "x");
        assert.deepEqual(stateOf(number).log, ["sent x"], "acknowledged before it was on disk");
      }),
    );
    assert.deepEqual(sizes, [256, 44]);
  });

  it("never holds two turns of one conversation", async () => {
    const seen: number[][] = [];
    faults.before = ({ method, args }) => {
      if (method === "commitAll")
        seen.push((args[0] as TurnCommit[]).flatMap((turn) => turn.conversations.map(({ number }) => number)));
    };
    const slow = (number: number, text: string) => command(number, { op: "slow", rounds: 2, text });
    await Promise.all([say(0, "1"), slow(0, "2"), say(1, "1"), say(0, "3"), slow(1, "2"), say(1, "3")]);
    for (const numbers of seen) assert.equal(new Set(numbers).size, numbers.length);
    for (const number of [0, 1]) assert.deepEqual(stateOf(number).log, ["sent 1", "sent 2", "sent 3"]);
  });
});

describe("opening conversations in a turn", () => {
  it("gives every one a number of its own, also from two turns at the same time", async () => {
    const outcomes = await Promise.all([
      command(0, { op: "open", idents: ["a", "b"] }),
      command(1, { op: "open", idents: ["c"] }),
    ]);
    const numbers = outcomes.flatMap((outcome) =>
      outcome.kind === "accepted" ? outcome.opened.map(({ number }) => number) : [],
    );
    assert.deepEqual(numbers.toSorted(), [2, 3, 4]);
    assert.deepEqual(numbers.map((number) => stateOf(number).ident).toSorted(), ["a", "b", "c"]);
    assert.equal(hints.length, 3 * 4);
    assert.equal((await say(3, "to a conversation just opened")).kind, "accepted");
  });

  it("writes nothing at all when one of them refuses", async () => {
    const before = files.store.conversation(0);
    const outcome = await command(0, { op: "open", idents: ["a", "b"], refused: "b" });
    assert.deepEqual(outcome, { kind: "rejected", reason: "probe/refused", detail: "asked to refuse" });
    assert.deepEqual(files.store.conversation(0), before);
    assert.equal(files.store.conversationById("/probe/v1/a"), undefined);
    assert.equal(hints.length, 0);
  });

  it("writes nothing at all when one exists already", async () => {
    await command(0, { op: "open", idents: ["a"] });
    await assert.rejects(command(1, { op: "open", idents: ["b", "a"] }), { code: "store/conflict" });
    assert.equal(files.store.conversationById("/probe/v1/b"), undefined);
    assert.equal(revisionOf(1), 1);
  });

  it("gives no number of a failed turn to another in the same process", async () => {
    faults.before = ({ method }) => {
      if (method === "commitAll") throw diskFull();
    };
    await assert.rejects(command(0, { op: "open", idents: ["a"] }), { code: "store/full" });
    faults.before = () => {};
    const outcome = await command(0, { op: "open", idents: ["b"] });
    assert.ok(outcome.kind === "accepted");
    assert.deepEqual(
      outcome.opened.map(({ number }) => number),
      [3],
    );
  });
});

describe("what a turn consumes", () => {
  it("is remembered in its commit: idempotency key, Waku hash, cursor", async () => {
    const topic = probeState("x").topic;
    const seenWakuHash = new Uint8Array(32).fill(7);
    const outcome = await say(0, "one", {
      seenWakuHash,
      cursor: { topics: [topic], throughMs: 77 },
      idempotency: { key: "k", fingerprint: "f" },
    });
    assert.ok(outcome.kind === "accepted");
    assert.deepEqual(files.store.idempotent("k"), { fingerprint: "f", reply: outcome.reply });
    assert.ok(files.store.hasWakuHash(seenWakuHash));
    assert.equal(files.store.cursor(topic), 77);
  });

  it("is not consumed when the turn is refused or its commit fails", async () => {
    const topic = probeState("x").topic;
    const origin = {
      seenWakuHash: new Uint8Array(32).fill(7),
      cursor: { topics: [topic], throughMs: 77 },
      idempotency: { key: "k", fingerprint: "f" },
    };
    await command(0, { op: "refuse" }, origin);
    faults.before = () => {
      throw diskFull();
    };
    await assert.rejects(say(0, "one", origin));
    assert.equal(files.store.idempotent("k"), undefined);
    assert.ok(!files.store.hasWakuHash(origin.seenWakuHash));
    assert.equal(files.store.cursor(topic), undefined);
  });

  it("a key that another conversation's turn took first refuses the whole turn", async () => {
    await say(0, "one", { idempotency: { key: "k", fingerprint: "f" } });
    await assert.rejects(say(1, "one", { idempotency: { key: "k", fingerprint: "g" } }), { code: "store/conflict" });
    assert.deepEqual(stateOf(1).log, []);
    assert.equal(revisionOf(1), 1);
  });
});
