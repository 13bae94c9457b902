/**
 * Goal: over a wire that loses, reorders, repeats and forges, every message that may be read is read exactly once and
 * nothing else changes a state. Method: random scripts against an oracle that knows numbers only, no keys.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, toHex } from "../../../src/crypto/bytes.ts";
import { expectedHints, refOf } from "../../../src/protocol/double-ratchet/registered-hints.ts";
import { type Peer, peers, plain, type Wire } from "./peer.ts";

type Action =
  | { readonly act: "send"; readonly by: 0 | 1 }
  | { readonly act: "deliver"; readonly pick: number; readonly keep: boolean }
  | { readonly act: "lose"; readonly pick: number }
  | { readonly act: "forge"; readonly pick: number; readonly how: number; readonly at: number };

interface Sent {
  readonly from: 0 | 1;
  readonly serial: number;
  readonly n: number;
  /** How many messages the chain before had. */
  readonly previous: number;
  readonly text: string;
  readonly wire: Wire;
}

/** What profile 8.5 and 8.6 say about numbers, and nothing else. */
class Oracle {
  current = -1;
  next = 0;
  readonly open = new Set<number>();

  verdict({ serial, n }: Sent): "read" | "mark" | "unrouted" {
    if (serial === this.current + 1) return n < 16 ? "read" : "unrouted";
    if (this.open.has(refOf({ serial, n }))) return "read";
    if (serial !== this.current) return "unrouted";
    if (n >= this.next) return n < this.next + 16 ? "read" : "unrouted";
    return n < 16 ? "mark" : "unrouted";
  }

  read({ serial, n, previous }: Sent): void {
    if (serial === this.current + 1) {
      if (this.current >= 0) this.#skipTo(previous);
      this.current = serial;
      this.next = 0;
    }
    if (this.open.delete(refOf({ serial, n }))) return;
    this.#skipTo(n);
    this.next = n + 1;
  }

  registered(): Set<number> {
    const refs = new Set(this.open);
    for (let n = 0; n < 16; n++) {
      refs.add(refOf({ serial: this.current + 1, n }));
      if (this.current < 0) continue;
      refs.add(refOf({ serial: this.current, n: this.next + n }));
      if (n < this.next) refs.add(refOf({ serial: this.current, n }));
    }
    return refs;
  }

  #skipTo(end: number): void {
    for (let n = this.next; n < end; n++) this.open.add(refOf({ serial: this.current, n }));
  }
}

class Wireland {
  readonly peer: readonly [Peer, Peer];
  readonly oracle: readonly [Oracle, Oracle] = [new Oracle(), new Oracle()];
  readonly flying: Sent[] = [];
  readonly sent: Sent[] = [];
  readonly delivered = new Set<string>();
  readonly hints = new Set<string>();
  readonly chains: readonly [number[], number[]] = [[], []];

  constructor(seed: string) {
    const { inviter, invitee } = peers(seed);
    this.peer = [inviter, invitee];
  }

  run(action: Action): void {
    if (action.act === "send") {
      this.send(action.by);
      return;
    }
    const index = this.flying.length === 0 ? -1 : action.pick % this.flying.length;
    const message = this.flying[index];
    if (message === undefined) return;
    if (action.act === "lose") this.flying.splice(index, 1);
    else if (action.act === "forge") this.forge(message, action.how, action.at);
    else if (this.deliver(message) && !action.keep) this.flying.splice(index, 1);
  }

  send(from: 0 | 1): void {
    const peer = this.peer[from];
    if (peer.state.send === undefined) return;
    const text = `${from} says ${this.sent.length}`;
    const wire = peer.send(plain(text));
    const lengths = this.chains[from];
    assert.equal(wire.n, lengths[wire.sendSerial] ?? 0, "numbers of a chain go up by one and are never used twice");
    lengths[wire.sendSerial] = wire.n + 1;
    assert.ok(!this.hints.has(toHex(wire.hint)), "no hint is used twice");
    this.hints.add(toHex(wire.hint));
    const message = {
      from,
      serial: wire.sendSerial,
      n: wire.n,
      previous: lengths[wire.sendSerial - 1] ?? 0,
      text,
      wire,
    };
    this.sent.push(message);
    this.flying.push(message);
  }

  /** False for a message that is not expected yet or any more. */
  deliver(message: Sent): boolean {
    const peer = this.peer[1 - message.from]!;
    const oracle = this.oracle[1 - message.from]!;
    const verdict = oracle.verdict(message);
    const before = peer.state;
    const result = peer.receive(message.wire);
    assert.equal(result.kind, verdict, `${message.text} (${message.serial}/${message.n})`);
    if (result.kind !== "read") {
      assert.equal(peer.state, before);
      return verdict === "mark";
    }
    assert.deepEqual(result.plaintext, plain(message.text));
    assert.ok(!this.delivered.has(message.text), "nothing is read twice");
    this.delivered.add(message.text);
    oracle.read(message);
    assert.deepEqual(new Set([...expectedHints(peer.state)].map(({ ref }) => ref)), oracle.registered());
    return true;
  }

  /** A forged copy changes nothing, whatever it is made of. */
  forge(message: Sent, how: number, at: number): void {
    const peer = this.peer[1 - message.from]!;
    const ref = peer.refFor(message.wire.hint);
    if (ref === undefined) return;
    const before = peer.state;
    const snapshot = structuredClone(before);
    const result = peer.tryRead(this.#forged(message, how, at), ref, {
      random: () => assert.fail("a forged copy draws no randomness"),
    });
    assert.notEqual(result.kind, "read");
    assert.notEqual(result.kind, "lacks");
    assert.equal(peer.state, before);
    assert.deepEqual(before, snapshot);
  }

  #forged({ wire, text }: Sent, how: number, at: number): Wire {
    const { blob, salt } = wire;
    const other = this.sent.find((sent) => sent.text !== text)?.wire.blob ?? new Uint8Array(300);
    const flipped = blob.slice();
    flipped[at % blob.length]! ^= 1 << (how & 7);
    const forgeries: readonly Wire[] = [
      { ...wire, blob: flipped },
      { ...wire, blob: blob.slice(0, at % blob.length) },
      { ...wire, blob: concat(blob, Uint8Array.of(at & 0xff)) },
      { ...wire, blob: concat(blob.subarray(0, 68), other.subarray(68)) },
      { ...wire, blob: concat(other.subarray(0, 68), blob.subarray(68)) },
      { ...wire, blob: other },
      { ...wire, salt: (salt ^ (1 << (at & 15))) >>> 0 },
      { ...wire, blob: new Uint8Array(at) },
    ];
    return forgeries[how % forgeries.length]!;
  }

  /** Everything that still flies, in the order it was sent. */
  settle(): void {
    for (const message of [...this.flying].sort((a, b) => a.serial - b.serial || a.n - b.n)) this.deliver(message);
  }
}

const by = fc.constantFrom<0 | 1>(0, 1);
const pick = fc.nat({ max: 1000 });
const send = fc.record({ act: fc.constant("send" as const), by });
const deliver = fc.record({ act: fc.constant("deliver" as const), pick, keep: fc.boolean() });
const forge = fc.record({
  act: fc.constant("forge" as const),
  pick,
  how: fc.nat({ max: 63 }),
  at: fc.nat({ max: 999 }),
});
const lose = fc.record({ act: fc.constant("lose" as const), pick });

function play(seed: number, actions: readonly Action[]): Wireland {
  const land = new Wireland(`seed ${seed}`);
  for (let i = 0; i < 3; i++) land.send(0);
  for (const action of actions) land.run(action);
  land.settle();
  return land;
}

test("without loss, whatever the order, copies and forgeries: everything is read exactly once", () => {
  const action = fc.oneof(
    { weight: 5, arbitrary: send },
    { weight: 5, arbitrary: deliver },
    { weight: 2, arbitrary: forge },
  );
  fc.assert(
    fc.property(fc.nat(), fc.array(action, { maxLength: 120, size: "max" }), (seed, actions) => {
      const land = play(seed, actions);
      assert.equal(land.delivered.size, land.sent.length);
      for (const peer of land.peer) assert.equal(peer.keys.size, 0, "no skipped key is left over");
    }),
    { numRuns: 60 },
  );
});

test("with loss, exactly what the registered window admits is read, and exactly once", () => {
  const action = fc.oneof(
    { weight: 6, arbitrary: send },
    { weight: 3, arbitrary: deliver },
    { weight: 3, arbitrary: lose },
    { weight: 1, arbitrary: forge },
  );
  fc.assert(
    fc.property(fc.nat(), fc.array(action, { maxLength: 120, size: "max" }), (seed, actions) => {
      const land = play(seed, actions);
      for (const [index, oracle] of land.oracle.entries()) {
        assert.equal(land.peer[index]!.keys.size, oracle.open.size, "one stored key for each number still open");
      }
    }),
    { numRuns: 60 },
  );
});
