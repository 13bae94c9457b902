/**
 * What the engine relies on of every ConversationType. Most of it is checked in every turn of every run (see
 * `conversation-turn.ts`: purity, determinism, lacks, codec, bounds); the properties here drive the type into many states.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AnyConversationType, ExpectedHint } from "../../src/conversation/contract.ts";
import { toHex } from "../../src/crypto/bytes.ts";
import { SEGMENT_SIZE } from "../../src/protocol/segmentation/segment.ts";
import { hintHex } from "../../src/wire/conversation-hint.ts";
import type { EncryptedBytes } from "../../src/wire/encrypted-bytes.ts";
import { decodeEnvelope, type Envelope } from "../../src/wire/envelope.ts";
import type { Hint } from "../../src/wire/ids.ts";
import { type Row, recordOf, stateOf } from "../support/conversation/conversation-rows.ts";
import { type Decided, decide } from "../support/conversation/conversation-turn.ts";
import { type Node, World, type WorldOptions } from "../support/conversation/conversation-world.ts";
import { keepsSilent } from "./store/rolled-back.ts";

/** What the suite cannot know of a type. */
export interface ConversationTypeCase {
  /** Types that it opens, or that open it. */
  readonly companions: readonly AnyConversationType[];
  /** Ways to begin; each gives the world at least two nodes. */
  readonly openings: Readonly<Record<string, (world: World) => Promise<void>>>;
  /** Asks a conversation of the node for something an application could want, if there is anything. */
  command(world: World, node: Node, choice: number): Promise<void>;
  /** Further claims on a state once everything is said and heard. */
  atRest?(state: unknown): void;
}

interface Act {
  readonly who: number;
  readonly choice: number;
  readonly gapMs: number;
}

const act: fc.Arbitrary<Act> = fc.record({
  who: fc.nat(7),
  choice: fc.nat(1_000),
  gapMs: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(120_000)),
});
const script = fc.array(act, { minLength: 1, maxLength: 24 });
const seed = fc.nat(0x7fffffff);

/** Registers the suite. */
export function conversationTypeConformance(type: AnyConversationType, given: ConversationTypeCase): void {
  const types = [type, ...given.companions];
  describe(`${type.name} as a ConversationType`, () => {
    it("declares what the specification asks of a type", () => {
      assert.match(type.name, /^[a-z0-9]{1,32}\/[a-z0-9]{1,32}$/);
      assert.ok(type.encryption.scheme.length > 0);
      assert.ok(["encrypted_bytes", "ecies"].includes(type.encryption.member));
    });

    it("decodes any bytes and parses any command without throwing", () => {
      const isTotal = (bytes: Uint8Array, value: unknown) => {
        assert.ok(["readable", "badly-formed", "unsupported"].includes(type.frames.decode(bytes).kind));
        assert.equal(typeof type.command.safeParse(value).success, "boolean");
      };
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.anything(), isTotal), { numRuns: 300 });
    });

    it("refuses a state of a newer version", async () => {
      const world = await begun({ seed: 1, types }, Object.values(given.openings)[0]);
      for (const row of rowsOf(world, type)) {
        assert.throws(() => type.state.decode(withVersion(row.bytes, 2)), RangeError);
      }
    });

    for (const [title, open] of Object.entries(given.openings)) {
      const options = { types };

      it(`${title}: refuses forged envelopes, and they change nothing`, async () => {
        await fc.assert(
          fc.asyncProperty(
            seed,
            script,
            fc.array(forgery, { minLength: 20, maxLength: 60 }),
            async (at, acts, forged) => {
              const world = await begun({ ...options, seed: at }, open);
              await play(world, given, acts);
              for (const row of rowsOf(world, type)) for (const each of forged) await refuses(world, row, each);
            },
          ),
          { numRuns: 5 },
        );
      });

      it(`${title}: repeats nothing when the whole traffic comes again`, async () => {
        await fc.assert(
          fc.asyncProperty(seed, script, async (at, acts) => {
            const world = await begun({ ...options, seed: at }, open);
            await play(world, given, acts);
            await world.run();
            const before = world.nodes.map(historyOf);
            for (const publication of [...world.published]) {
              for (const node of world.nodes) world.arrive(node, { ...publication, hash: world.nextHash() }, 30_000);
            }
            await world.run();
            assert.deepEqual(world.nodes.map(historyOf), before);
          }),
          { numRuns: 3 },
        );
      });

      it(`${title}: both sides agree after losses, repetitions and delays`, async () => {
        await fc.assert(
          fc.asyncProperty(seed, script, fc.constantFrom(0.1, 0.3, 0.6), async (at, acts, loss) => {
            let isBad = true;
            const fate = (random: () => number) => (isBad ? badFate(random, loss) : [20]);
            const world = await begun({ ...options, seed: at, fate }, open);
            await play(world, given, acts);
            isBad = false;
            await world.run();
            agree(world, given);
          }),
          { numRuns: 8 },
        );
      });

      it(`${title}: sends nothing any more when the state is an older copy`, async () => {
        await fc.assert(
          fc.asyncProperty(seed, script, async (at, acts) => {
            const fate = (random: () => number) => badFate(random, 0.3);
            const world = await begun({ ...options, seed: at, fate }, open);
            await play(world, given, acts);
            await keepsSilent(world, type);
          }),
          { numRuns: 5 },
        );
      });

      it(`${title}: loses nothing to crashes at the boundaries of a commit`, async () => {
        await fc.assert(
          fc.asyncProperty(seed, script, async (at, acts) => {
            let isBad = true;
            const crash = (random: () => number) => (isBad && random() < 0.3 ? crashOf(random()) : "none");
            const fate = (random: () => number) => (isBad ? badFate(random, 0.1) : [20]);
            const world = await begun({ ...options, seed: at, fate, crash }, open);
            await play(world, given, acts);
            isBad = false;
            await world.run();
            agree(world, given);
          }),
          { numRuns: 8 },
        );
      });
    }
  });
}

async function begun(options: WorldOptions, open: ((world: World) => Promise<void>) | undefined): Promise<World> {
  const world = new World(options);
  await open?.(world);
  assert.ok(world.nodes.length >= 2, "an opening gives the world its nodes");
  return world;
}

async function play(world: World, given: ConversationTypeCase, acts: readonly Act[]): Promise<void> {
  for (const { who, choice, gapMs } of acts) {
    await world.run(world.nowMs + gapMs);
    const node = world.nodes[who % world.nodes.length];
    if (node !== undefined) await given.command(world, node, choice);
  }
}

function badFate(random: () => number, loss: number): number[] {
  if (random() < loss) return [];
  const delayMs = random() * 40_000;
  return random() < 0.2 ? [delayMs, random() * 60_000] : [delayMs];
}

function crashOf(number: number): "before-commit" | "after-commit" | "after-publish" {
  return number < 0.5 ? "before-commit" : number < 0.75 ? "after-commit" : "after-publish";
}

/** Whatever was said has been heard on the other side: once, in order, and the speaker knows. */
function agree(world: World, given: ConversationTypeCase): void {
  const rows = world.nodes.flatMap((node) => node.rows);
  const failed = new Set<string>();
  for (const row of rows) {
    given.atRest?.(stateOf(row));
    const said = [...row.messages].filter(([, { direction }]) => direction === "out");
    for (const content of failedOf(row)) {
      assert.ok(hasSibling(world, row) && content.length > SEGMENT_SIZE * 2, "only what does not move may fail");
      failed.add(content);
    }
    for (const [, { state: fate }] of said) assert.match(fate, /^message\.(delivered|failed)$/);
    if (row.messages.size === 0) continue;
    const others = rows.filter((other) => other !== row && idOf(other) === idOf(row));
    // Where one conversation succeeds another, what was said in the one may be heard in the other, and its invite never.
    if (hasSibling(world, row)) continue;
    assert.equal(others.length, 1, `${idOf(row)} is open on both sides`);
    const heard = others[0]?.events.flatMap((event) => (event.type === "message.received" ? [event.messageId] : []));
    assert.deepEqual(
      heard,
      said.map(([id]) => id),
    );
  }
  // What failed may have arrived all the same.
  const sure = (type: "message.received" | "message.queued") =>
    contentsOf(rows, type).filter((each) => !failed.has(each));
  assert.deepEqual(sure("message.received"), sure("message.queued"));
}

/** In hexadecimal. Content of several segments ends with the conversation that it was sent in (ADR 0031). */
function failedOf({ events, messages }: Row): string[] {
  return events.flatMap((event) =>
    event.type === "message.queued" && messages.get(event.messageId)?.state === "message.failed"
      ? [toHex(event.content.bytes)]
      : [],
  );
}

function hasSibling(world: World, row: Row): boolean {
  const peerOf = (each: Row) => each.type.summary(stateOf(each)).peer;
  const node = world.nodes.find(({ rows }) => rows.includes(row));
  return node?.rows.some((other) => other !== row && other.type === row.type && peerOf(other) === peerOf(row)) === true;
}

function contentsOf(rows: readonly Row[], type: "message.received" | "message.queued"): string[] {
  return rows
    .flatMap(({ events }) => events.flatMap((event) => (event.type === type ? [toHex(event.content.bytes)] : [])))
    .sort();
}

function idOf(row: Row): string {
  return row.type.conversationId(stateOf(row));
}

function rowsOf(world: World, type: AnyConversationType): Row[] {
  return world.nodes.flatMap((node) => node.rows).filter((row) => row.type === type);
}

function historyOf(node: Node): unknown {
  return node.rows.map((row) => ({ id: idOf(row), events: row.events, messages: [...row.messages] }));
}

/** The version is the first field of every state. */
function withVersion(bytes: Uint8Array, version: number): Uint8Array {
  assert.deepEqual([...bytes.subarray(0, 2)], [0x08, 0x01], "a state begins with its version");
  return Uint8Array.from([0x08, version, ...bytes.subarray(2)]);
}

interface Forgery {
  readonly hint: number;
  readonly source: number;
  /** Which byte is changed, and how; absent: nothing but bytes of the forger. */
  readonly flip: { readonly at: number; readonly by: number } | undefined;
  readonly bytes: Uint8Array;
  readonly cut: number;
}

const forgery: fc.Arbitrary<Forgery> = fc.record({
  hint: fc.nat(),
  source: fc.nat(),
  flip: fc.option(fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) }), { nil: undefined }),
  bytes: fc.uint8Array({ maxLength: 400 }),
  cut: fc.nat(20),
});

/** A stranger copies a live hint, and perhaps most of a real envelope. */
async function refuses(world: World, row: Row, forged: Forgery): Promise<void> {
  const state = stateOf(row);
  const hints = [...(row.type.expectedHints(state) as Iterable<ExpectedHint>)];
  const expected = hints[forged.hint % hints.length];
  assert.ok(expected !== undefined);
  const source = world.published[forged.source % world.published.length];
  const real = source === undefined ? undefined : readEnvelope(source.envelope);
  const salt = real?.salt ?? 7;
  const hint = expected.kind === "static" ? hintHex(salt, expected.id) : (toHex(expected.derive()) as Hint);
  const ref = expected.kind === "static" ? 0 : expected.ref;
  const encryptedBytes = forgedBytes(row.type, real, forged);
  const input = { kind: "envelope", envelope: { hint, salt, encryptedBytes }, ref } as const;
  const decided = await decide({
    type: row.type,
    state,
    input,
    now: world.nowMs,
    seed: forged.hint,
    record: (key) => recordOf(row, key),
  });
  assertHarmless(row.type, state, decided);
}

function readEnvelope(bytes: Uint8Array): Envelope {
  const decoded = decodeEnvelope(bytes);
  assert.ok(decoded.kind === "readable");
  return decoded.value;
}

function forgedBytes(type: AnyConversationType, real: Envelope | undefined, forged: Forgery): EncryptedBytes {
  const { flip, cut } = forged;
  const copied = real?.encryptedBytes.member === type.encryption.member ? real.encryptedBytes : undefined;
  let bytes = forged.bytes;
  if (copied !== undefined && flip !== undefined) {
    bytes = copied.bytes.slice(0, Math.max(0, copied.bytes.length - cut));
    const at = flip.at % Math.max(1, bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ flip.by;
  }
  if (type.encryption.member === "encrypted_bytes") return { member: "encrypted_bytes", bytes };
  const shape = {
    member: "ecies",
    bytes,
    ephemeralPublic: new Uint8Array(32).fill(9),
    tag: new Uint8Array(16),
  } as const;
  return copied?.member === "ecies" ? { ...copied, bytes } : shape;
}

/** A repetition may be answered without proof of who repeats; nothing else may come of it, and no hint is used up. */
function assertHarmless(type: AnyConversationType, state: unknown, decided: Decided): void {
  if (decided.kind !== "accept") {
    assert.ok(!("state" in decided));
    return;
  }
  assert.deepEqual(
    decided.effects.filter(({ kind }) => kind === "deliver" || kind === "open" || kind === "close"),
    [],
  );
  const refs = (of: unknown) =>
    [...(type.expectedHints(of) as Iterable<ExpectedHint>)].map((hint) => (hint.kind === "static" ? 0 : hint.ref));
  assert.deepEqual(refs(decided.state), refs(state));
}
