import assert from "node:assert/strict";
import { test } from "node:test";
import type { RatchetState } from "../../../src/protocol/double-ratchet/ratchet-state.ts";
import {
  expectedHints,
  positionOf,
  refOf,
  registeredPositions,
} from "../../../src/protocol/double-ratchet/registered-hints.ts";
import {
  evictOverCaps,
  forgetSkipped,
  MAX_SKIP,
  SKIPPED_CHAINS_MAX,
  SKIPPED_KEYS_MAX,
} from "../../../src/protocol/double-ratchet/skipped-numbers.ts";
import { keyName, type Peer, peers, plain } from "./peer.ts";

function count(state: RatchetState): number {
  return state.skipped.reduce((sum, { numbers }) => sum + numbers.length, 0);
}

/** The sender fills a chain of which only `read` is read, then both step, so that the rest is skipped. */
function chainWithRest(sender: Peer, receiver: Peer, length: number, read = 0): ReturnType<Peer["receive"]> {
  const sent = Array.from({ length }, (_, n) => sender.send(plain(`${n}`)));
  const first = receiver.receive(sent[read]!);
  assert.equal(sender.receive(receiver.send(plain("step"))).kind, "read");
  return first;
}

test("the bounds are the profile's", () => {
  assert.deepEqual([MAX_SKIP, SKIPPED_KEYS_MAX, SKIPPED_CHAINS_MAX], [1024, 2048, 256]);
});

test("1024 numbers of an old chain may be skipped, 1025 are refused and change nothing", () => {
  for (const [length, kind] of [
    [1 + MAX_SKIP, "read"],
    [2 + MAX_SKIP, "badly-formed"],
  ] as const) {
    const { inviter, invitee } = peers(`skip ${length}`);
    chainWithRest(inviter, invitee, length);
    const before = invitee.state;
    const result = invitee.receive(inviter.send(plain("new chain")));
    assert.equal(result.kind, kind);
    if (result.kind === "read") assert.equal(result.stored.length, MAX_SKIP);
    else assert.equal(invitee.state, before);
  }
});

test("2048 skipped keys are kept; a message is never refused for more, the oldest keys are dropped", () => {
  const { inviter, invitee } = peers("keys");
  const dropped: string[] = [];
  for (let chain = 0; chain < 4; chain++) {
    const result = chainWithRest(inviter, invitee, 1001);
    assert.ok(result.kind === "read");
    dropped.push(...result.dropped.map(keyName));
    assert.ok(count(invitee.state) <= SKIPPED_KEYS_MAX);
    assert.equal(invitee.keys.size, count(invitee.state));
  }
  assert.equal(count(invitee.state), SKIPPED_KEYS_MAX);
  assert.equal(dropped.length, 952);
  assert.deepEqual([dropped[0], dropped.at(-1)], ["0/1", "0/952"], "oldest first");
  assert.deepEqual(invitee.state.skipped[0]?.numbers[0], 953);
});

test("512 old chains are kept, and the state stays far below 64 KiB", () => {
  const { inviter, invitee } = peers("chains");
  for (let chain = 0; chain < SKIPPED_CHAINS_MAX + 8; chain++) {
    const result = chainWithRest(inviter, invitee, 2, 1);
    assert.ok(result.kind === "read");
    assert.deepEqual(result.dropped, chain < SKIPPED_CHAINS_MAX ? [] : [{ serial: chain - SKIPPED_CHAINS_MAX, n: 0 }]);
  }
  assert.equal(invitee.state.skipped.length, SKIPPED_CHAINS_MAX);
  assert.equal(invitee.keys.size, SKIPPED_CHAINS_MAX);
  const worst = SKIPPED_CHAINS_MAX * (32 + 4) + SKIPPED_KEYS_MAX * 3;
  assert.ok(worst < 32 * 1024);
});

test("a chain too far back for the 16 bits of a ref is dropped, so refs stay unique", () => {
  const headerKey = new Uint8Array(32);
  const skipped = [3, 4, 70000].map((serial) => ({ serial, headerKey, numbers: [1, 2] }));
  assert.deepEqual(evictOverCaps(skipped, 3 + 65535).dropped, []);
  const evicted = evictOverCaps(skipped, 4 + 65535);
  assert.deepEqual(evicted.dropped, [
    { serial: 3, n: 1 },
    { serial: 3, n: 2 },
  ]);
  assert.deepEqual(
    evicted.skipped.map(({ serial }) => serial),
    [4, 70000],
  );
});

test("a forgotten number is expected no more: a mark in the current chain, nothing in an old one", () => {
  const { inviter, invitee } = peers("forget");
  chainWithRest(inviter, invitee, 3);
  const sent = [0, 1, 2].map((n) => inviter.send(plain(`${n}`)));
  assert.equal(invitee.receive(sent[2]!).kind, "read");
  assert.equal(count(invitee.state), 4);
  const gone = [
    { serial: 0, n: 1 },
    { serial: 0, n: 2 },
    { serial: 1, n: 0 },
    { serial: 9, n: 9 },
  ];
  const before = structuredClone(invitee.state);
  const after = forgetSkipped(invitee.state, gone);
  assert.deepEqual(invitee.state, before);
  assert.deepEqual(
    after.skipped.map(({ serial, numbers }) => [serial, numbers]),
    [[1, [1]]],
  );
  assert.equal(positionOf(after, refOf({ serial: 0, n: 1 })), undefined);
  assert.equal(positionOf(after, refOf({ serial: 1, n: 0 }))?.kind, "mark");
});

test("what is registered is what a ref names, and every ref once", () => {
  const { inviter, invitee } = peers("refs");
  chainWithRest(inviter, invitee, 30, 5);
  const sent = Array.from({ length: 14 }, (_, n) => inviter.send(plain(`${n}`)));
  for (const n of [13, 3]) assert.equal(invitee.receive(sent[n]!).kind, "read");
  const positions = [...registeredPositions(invitee.state)];
  const kinds = Map.groupBy(positions, ({ kind }) => kind);
  assert.deepEqual(
    (["current", "next", "skipped", "mark"] as const).map((kind) => kinds.get(kind)?.length),
    [16, 16, 5 + 24 + 12, 2],
  );
  assertNamedByRefs(invitee.state);
  for (let n = 14; n < 20; n++) assert.equal(invitee.receive(inviter.send(plain(`${n}`))).kind, "read");
  assertNamedByRefs(invitee.state);
});

function assertNamedByRefs(state: RatchetState): void {
  const positions = [...registeredPositions(state)];
  assert.equal(new Set([...expectedHints(state)].map(({ ref }) => ref)).size, positions.length);
  for (let serial = 0; serial < 5; serial++) {
    for (let n = 0; n < 64; n++) {
      const named = positions.find((each) => each.serial === serial && each.n === n);
      assert.deepEqual(positionOf(state, refOf({ serial, n })), named);
    }
  }
}
