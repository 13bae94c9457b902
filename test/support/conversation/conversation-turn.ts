/**
 * One turn of a conversation as the engine makes it, with the promises of the contract checked on the way: what `step`
 * may not do, it does not get away with here. Knows no clock, wire or conversation type.
 */
import assert from "node:assert/strict";
import type {
  AnyConversationType,
  Effect,
  Input,
  RecordKey,
  Transition,
  TurnContext,
} from "../../../src/conversation/contract.ts";
import { toHex } from "../../../src/crypto/bytes.ts";
import { parseBucketTopic } from "../../../src/wire/content-topic.ts";
import { decodeEnvelope, ENVELOPE_BYTES_MAX } from "../../../src/wire/envelope.ts";

export type Decided = Exclude<Transition<unknown>, { kind: "lacks" }>;
export type Accepted = Extract<Transition<unknown>, { kind: "accept" }>;

/** Rounds of `lacks` that the engine grants. */
const lacksRoundsMax = 8;
const stateBytesMax = 64 * 1024;

/** What a turn is given. */
export interface TurnInput {
  readonly type: AnyConversationType;
  readonly state: unknown;
  readonly input: Input<unknown>;
  readonly now: number;
  /** A seed, or what makes the same random bytes again. */
  readonly seed: number | (() => TurnContext["random"]);
  record(key: RecordKey): Uint8Array | undefined;
}

/** Asks for records as often as the engine would, and checks what `step` promises. */
export async function decide(turn: TurnInput): Promise<Decided> {
  const { type, state, input } = turn;
  const before = toHex(type.state.encode(state));
  const inputBefore = fingerprint(input);
  const records = new Map<RecordKey, Uint8Array | undefined>();
  let wanted: readonly RecordKey[] = type.reads(state, input);
  for (let round = 0; round < lacksRoundsMax; round += 1) {
    for (const key of wanted) records.set(key, turn.record(key)?.slice());
    const recordsBefore = fingerprint([...records]);
    const transition = await type.step(state, input, contextOf(turn, records));
    assert.equal(fingerprint([...records]), recordsBefore, `${type.name} changed the records it was given`);
    if (transition.kind !== "lacks") {
      assert.equal(toHex(type.state.encode(state)), before, `${type.name} changed the state it was given`);
      assert.equal(fingerprint(input), inputBefore, `${type.name} changed its input`);
      const again = await type.step(state, input, contextOf(turn, records));
      assert.equal(fingerprint(again), fingerprint(transition), `${type.name} decided otherwise the second time`);
      return transition;
    }
    assert.ok(transition.keys.length > 0, "lacks names records");
    assert.ok(
      transition.keys.every((key) => !records.has(key)),
      "a record that was given, even as absent, is not asked for again",
    );
    wanted = transition.keys;
  }
  throw new assert.AssertionError({ message: `${type.name} asked for records ${lacksRoundsMax} times` });
}

/** The checks on an accepted transition that need no world. Returns the state's bytes. */
export function checkAccepted(type: AnyConversationType, { state, effects }: Accepted): Uint8Array {
  const bytes = type.state.encode(state);
  assert.ok(bytes.length <= stateBytesMax, `a state of ${type.name} has ${bytes.length} bytes`);
  const decoded = type.state.decode(bytes);
  assert.equal(toHex(type.state.encode(decoded)), toHex(bytes), "a state survives its codec");
  assert.deepEqual(decoded, state);
  assert.equal(type.conversationId(decoded), type.conversationId(state));
  for (const topic of type.contentTopics(state)) assert.equal(parseBucketTopic(topic).kind, "readable", topic);
  checkHints(type, state);
  const subjects = effects.map(subjectOf).filter((subject) => subject !== undefined);
  assert.equal(new Set(subjects).size, subjects.length, `one word on each record and timer: ${subjects.join(", ")}`);
  for (const effect of effects) checkEffect(effect);
  return bytes;
}

function checkHints(type: AnyConversationType, state: unknown): void {
  const refs = new Set<number>();
  let count = 0;
  for (const expected of type.expectedHints(state)) {
    if (expected.kind === "static") continue;
    assert.ok(Number.isInteger(expected.ref) && expected.ref >= 0 && expected.ref <= 0xffffffff, "a ref is a uint32");
    refs.add(expected.ref);
    count += 1;
  }
  assert.equal(refs.size, count, "the refs of a state are unique");
}

function checkEffect(effect: Effect): void {
  if (effect.kind === "schedule") assert.ok(Number.isSafeInteger(effect.atMs), "a timer has a whole time");
  if (effect.kind !== "publish") return;
  assert.ok(effect.envelope.length <= ENVELOPE_BYTES_MAX, "an envelope fits a Waku message");
  assert.equal(decodeEnvelope(effect.envelope).kind, "readable");
}

/** What a commit writes once at most: its order within a transition means nothing. */
function subjectOf(effect: Effect): string | undefined {
  if (effect.kind === "put" || effect.kind === "drop") return `record ${effect.key}`;
  return effect.kind === "schedule" || effect.kind === "cancel" ? `timer ${effect.name}` : undefined;
}

/** The same seed gives the same bytes, however often a turn is computed. */
function contextOf({ now, seed }: TurnInput, records: ReadonlyMap<RecordKey, Uint8Array | undefined>): TurnContext {
  return { now, random: typeof seed === "number" ? unsafeSeededBytes(seed) : seed(), records };
}

/** Fast and repeatable; keys made of it are fit for tests only. */
export function unsafeSeededBytes(seed: number): (length: number) => Uint8Array {
  const next = unsafeSeededNumbers(seed);
  return (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256));
}

/** Numbers in [0, 1): mulberry32. */
export function unsafeSeededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Values as text; functions count for nothing. */
export function fingerprint(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (part instanceof Uint8Array ? `0x${toHex(part)}` : part)) ?? "";
}
