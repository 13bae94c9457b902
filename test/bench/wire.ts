/**
 * Bytes on the wire for a text of 100 characters, its acknowledgement included, through real engines. The budget is that of
 * profile 5.5: 10 Mbit/s for 10,000 people with 4 messages a minute each, all included, so relay framing and an RLN proof
 * are added, although not every network wants one. Bytes do not depend on the machine.
 */
import { WakuMessage } from "@waku/proto";
import { toNanoseconds } from "../../src/waku/message.ts";
import { meet, say, type Talk } from "../simulation/world/talk.ts";
import { World } from "../simulation/world/world.ts";
import { pubsubTopic } from "../support/engine/in-process-transport.ts";
import { printTable } from "./measure.ts";

/** 10 Mbit/s ÷ (10,000 people × 4 messages a minute). */
export const BUDGET_BYTES = 1_875;
/** Of each kind of talk. */
const MESSAGES = 20;
const TEXT_LENGTH = 100;
const hourMs = 3_600_000;

export interface WireFigures {
  readonly talk: string;
  readonly messages: number;
  /** One for each published envelope, in order. */
  readonly envelopes: readonly EnvelopeBytes[];
  /** Everything, for one message. */
  readonly averageBytes: number;
}

export interface EnvelopeBytes {
  readonly envelope: number;
  /** The encoded WakuMessage around it. */
  readonly wakuMessage: number;
  /** With an RLN proof, in a frame of the relay. */
  readonly relayed: number;
}

type Say = (world: World, talk: Talk) => Promise<void>;

/** Two people who have met, in each kind of talk. */
export async function measureWire(): Promise<WireFigures[]> {
  const figures: WireFigures[] = [];
  for (const [talk, speak] of Object.entries(kinds)) figures.push(await measure(talk, speak));
  return figures;
}

const kinds: Readonly<Record<string, Say>> = {
  async "one way, each acknowledged by a sync message"(world, talk) {
    for (let index = 0; index < MESSAGES; index += 1) {
      await say(world, talk, talk.host, textOf(index));
      await world.pause(60_000);
    }
  },
  async "ping-pong, the answer acknowledges"(world, talk) {
    for (let index = 0; index < MESSAGES; index += 1) {
      const [from, to] = index % 2 === 0 ? [talk.host, talk.guest] : [talk.guest, talk.host];
      const heard = new Promise<void>((resolve) => {
        const forget = to.life?.engine.onEvents((events) => {
          if (!events.some(({ type }) => type === "message.received")) return;
          forget?.();
          resolve();
        });
      });
      await say(world, talk, from, textOf(index));
      await heard;
    }
  },
};

async function measure(name: string, speak: Say): Promise<WireFigures> {
  const world = new World(1);
  try {
    const talk: Talk = { host: await world.addNode(), guest: await world.addNode(), id: undefined, accepted: [] };
    world.network.faults.delayMs = [5, 5];
    world.act(() => meet(world, talk, "hello"));
    await world.runUntilQuiet(hourMs);
    const before = world.carried.length;
    world.act(() => speak(world, talk));
    const isQuiet = await world.runUntilQuiet(24 * hourMs);
    if (!isQuiet || world.failures.length > 0) throw new Error(`the talk came to no end: ${world.failures.join("; ")}`);
    const envelopes = world.carried.slice(before).map(({ payload, topic }) => bytesOf(payload, topic));
    const total = envelopes.reduce((sum, { relayed }) => sum + relayed, 0);
    return { talk: name, messages: MESSAGES, envelopes, averageBytes: total / MESSAGES };
  } finally {
    await world.dispose();
  }
}

function textOf(index: number): string {
  return String(index).padStart(TEXT_LENGTH, "x");
}

function bytesOf(payload: Uint8Array, contentTopic: string): EnvelopeBytes {
  const fields = { payload, contentTopic, version: 0, timestamp: toNanoseconds(1_800_000_000_000), ephemeral: false };
  const key = new Uint8Array(32).fill(1);
  const rateLimitProof = {
    proof: new Uint8Array(128).fill(1),
    merkleRoot: key,
    epoch: key,
    shareX: key,
    shareY: key,
    nullifier: key,
    rlnIdentifier: key,
  };
  const proved = WakuMessage.encode({ ...fields, rateLimitProof }).length;
  // Tag and length of the topic and of the data, of the message around them, and the length before the frame.
  const frame = 2 + pubsubTopic.length + 3 + 3 + 2;
  return { envelope: payload.length, wakuMessage: WakuMessage.encode(fields).length, relayed: proved + frame };
}

export async function benchWire(): Promise<void> {
  for (const { talk, messages, envelopes, averageBytes } of await measureWire()) {
    const sizes = new Map<string, EnvelopeBytes & { count: number }>();
    for (const one of envelopes) {
      const key = `${one.envelope} ${one.wakuMessage}`;
      sizes.set(key, { ...one, count: (sizes.get(key)?.count ?? 0) + 1 });
    }
    console.log(`\n${talk}: ${messages} texts of ${TEXT_LENGTH} characters, ${envelopes.length} envelopes`);
    printTable(
      ["envelopes", "bytes of the envelope", "of the WakuMessage", "relayed with an RLN proof"],
      [...sizes.values()].map((size) => [size.count, size.envelope, size.wakuMessage, size.relayed]),
    );
    const share = ((100 * averageBytes) / BUDGET_BYTES).toFixed(0);
    console.log(`${averageBytes.toFixed(0)} B a message, all included: ${share} % of ${BUDGET_BYTES} B`);
  }
}
