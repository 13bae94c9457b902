/** Conversations stepped one input at a time: a test decides what is delivered, when, and with which random bytes. */
import assert from "node:assert/strict";
import type {
  AnyConversationType,
  ConversationEvent,
  Effect,
  ExpectedHint,
  Input,
  TurnContext,
} from "../../src/conversation/contract.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import type { InboxState } from "../../src/conversation/inbox-v1/state.ts";
import type { PairwiseOpening } from "../../src/conversation/pairwise-opening.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../src/conversation/private-v1/state.ts";
import { toHex } from "../../src/crypto/bytes.ts";
import { hintHex } from "../../src/wire/conversation-hint.ts";
import { decodeEnvelope, type Envelope } from "../../src/wire/envelope.ts";
import { applyRows, type Row, recordOf } from "../support/conversation/conversation-rows.ts";
import {
  type Accepted,
  checkAccepted,
  type Decided,
  decide,
  unsafeSeededBytes,
} from "../support/conversation/conversation-turn.ts";

export type Publish = Extract<Effect, { kind: "publish" }>;

/** The vectors' first moment; tests count from it. */
export const startMs = 1_763_800_000_000;

export class Hand<State> {
  readonly type: AnyConversationType;
  readonly row: Row;
  state: State;
  nowMs: number;
  #seed: number;

  constructor(type: AnyConversationType, accepted: Accepted, nowMs: number, seed = 1) {
    this.type = type;
    this.nowMs = nowMs;
    this.#seed = seed;
    const bytes = checkAccepted(type, accepted);
    this.row = {
      number: 1,
      type,
      bytes,
      records: new Map(),
      timers: new Map(),
      messages: new Map(),
      events: [],
      told: new Map(),
      isClosed: false,
    };
    this.state = accepted.state as State;
    applyRows(this.row, accepted.effects, [this.row]);
  }

  get events(): readonly ConversationEvent[] {
    return this.row.events;
  }

  /** What would come of the input; nothing is kept. */
  async decide(input: Input<unknown>, random?: () => TurnContext["random"]): Promise<Decided> {
    this.#seed += 1;
    return decide({
      type: this.type,
      state: this.state,
      input,
      now: this.nowMs,
      seed: random ?? this.#seed,
      record: (key) => recordOf(this.row, key),
    });
  }

  /** An accepted turn; returns its effects. */
  async take(input: Input<unknown>, random?: () => TurnContext["random"]): Promise<Accepted> {
    const decided = await this.decide(input, random);
    assert.ok(decided.kind === "accept", "reason" in decided ? decided.reason : "");
    this.row.bytes = checkAccepted(this.type, decided);
    this.state = this.type.state.decode(this.row.bytes) as State;
    if (input.kind === "timer") this.row.timers.delete(input.name);
    applyRows(this.row, decided.effects, [this.row]);
    return decided;
  }

  /** A turn that changes nothing, for this reason. */
  async refuses(input: Input<unknown>, reason: string): Promise<void> {
    const decided = await this.decide(input);
    assert.notEqual(decided.kind, "accept", "it was accepted");
    assert.equal((decided as { reason: string }).reason, reason);
    assert.ok(!("state" in decided) && !("effects" in decided));
  }

  /** The envelope as the router would give it; fails when the state does not expect the hint. */
  input(bytes: Uint8Array): Input<unknown> & { readonly kind: "envelope" } {
    const envelope = readEnvelope(bytes);
    const ref = this.refOf(envelope);
    assert.ok(ref !== undefined, "the hint is not expected");
    return { kind: "envelope", envelope, ref };
  }

  refOf({ hint, salt }: Envelope): number | undefined {
    for (const expected of this.type.expectedHints(this.state) as Iterable<ExpectedHint>) {
      if (expected.kind === "static" ? hintHex(salt, expected.id) === hint : toHex(expected.derive()) === hint)
        return expected.kind === "static" ? 0 : expected.ref;
    }
    return undefined;
  }

  async read(publish: Publish | Uint8Array): Promise<Accepted> {
    return this.take(this.input(publish instanceof Uint8Array ? publish : publish.envelope));
  }

  /** Fires a timer that must be set, at its time or now if that is past. */
  async fire(name: string): Promise<Accepted> {
    const atMs = this.row.timers.get(name);
    assert.ok(atMs !== undefined, `the timer ${name} is set`);
    this.nowMs = Math.max(this.nowMs, atMs);
    return this.take({ kind: "timer", name });
  }

  texts(): string[] {
    return this.events.flatMap((event) =>
      event.type === "message.received" ? [new TextDecoder().decode(event.content.bytes.subarray(2))] : [],
    );
  }
}

export function readEnvelope(bytes: Uint8Array): Envelope {
  const decoded = decodeEnvelope(bytes);
  assert.ok(decoded.kind === "readable");
  return decoded.value;
}

export function publishesOf({ effects }: Accepted): Publish[] {
  return effects.filter((effect) => effect.kind === "publish");
}

/** The one envelope of a turn. */
export function onlyPublish(accepted: Accepted): Publish {
  const [first, ...more] = publishesOf(accepted);
  assert.ok(first !== undefined && more.length === 0, "the turn publishes one envelope");
  return first;
}

export function openInbox(seed: number, nowMs = startMs): Hand<InboxState> {
  const opened = inboxV1.open(undefined, { now: nowMs, random: unsafeSeededBytes(seed), records: new Map() });
  assert.ok(opened.kind === "accept");
  return new Hand<InboxState>(inboxV1, opened, nowMs, seed * 1_000);
}

/** The conversation that a turn of an inbox opens. */
export function openPrivate(
  inboxTurn: Accepted,
  nowMs: number,
  random: TurnContext["random"] = unsafeSeededBytes(77),
): { readonly hand: Hand<PrivateState>; readonly opened: Accepted } {
  const open = inboxTurn.effects.find((effect) => effect.kind === "open");
  assert.ok(open?.kind === "open" && open.type === privateV1.name);
  const opened = privateV1.open(open.opening as PairwiseOpening, { now: nowMs, random, records: new Map() });
  assert.ok(opened.kind === "accept", "reason" in opened ? opened.reason : "");
  return { hand: new Hand<PrivateState>(privateV1, opened, nowMs, nowMs % 1_000), opened };
}

export async function createLink(
  inbox: Hand<InboxState>,
  uses = 1,
  expiresAtMs = startMs + 3_600_000,
): Promise<string> {
  const { reply } = await inbox.take({ kind: "command", command: { kind: "create-invite", uses, expiresAtMs } });
  return (reply as { link: string }).link;
}

export interface Couple {
  readonly a: Hand<PrivateState>;
  readonly b: Hand<PrivateState>;
  readonly invite: Publish;
  readonly inboxA: Hand<InboxState>;
  readonly inboxB: Hand<InboxState>;
}

/** A has invited B, with a text unless it is null, and B has read it; nothing else has travelled. */
export async function couple(text: string | null = "hello"): Promise<Couple> {
  const inboxA = openInbox(1);
  const inboxB = openInbox(2);
  const link = await createLink(inboxB);
  const command = { kind: "accept-invite", link, ...(text === null ? {} : { text }) };
  const { hand: a, opened } = openPrivate(await inboxA.take({ kind: "command", command }), startMs);
  const invite = onlyPublish(opened);
  const { hand: b } = openPrivate(await inboxB.read(invite), startMs + 500, unsafeSeededBytes(78));
  return { a, b, invite, inboxA, inboxB };
}

/** Says something; the envelopes that leave. */
export async function say(hand: Hand<PrivateState>, text: string): Promise<Publish[]> {
  return publishesOf(await hand.take({ kind: "command", command: { kind: "send", text } }));
}

export async function sayMany(hand: Hand<PrivateState>, count: number): Promise<Publish[]> {
  const published: Publish[] = [];
  for (let i = 0; i < count; i += 1) published.push(...(await say(hand, `number ${i}`)));
  return published;
}

/** A couple of which the inviter has read the first acknowledgement. */
export async function answered(): Promise<Couple> {
  const made = await couple();
  await made.a.read(onlyPublish(await made.b.fire("acknowledge")));
  made.a.nowMs = made.b.nowMs;
  return made;
}

/** What became of our messages, in their order. */
export function fatesOf({ row }: Hand<PrivateState>): string[] {
  return [...row.messages.values()].filter(({ direction }) => direction === "out").map(({ state }) => state);
}

export function assertSameBytes(a: Publish | undefined, b: Publish | undefined): void {
  assert.deepEqual(a?.envelope, b?.envelope);
}
