/** Inputs that must be refused, and must change nothing (invariant 4): forged envelopes, repetitions, wrong commands. */
import { UmbradError } from "../../../src/engine/errors.ts";
import { toIncoming, toNanoseconds } from "../../../src/waku/message.ts";
import { decodeEnvelope, encodeEnvelope } from "../../../src/wire/envelope.ts";
import { pubsubTopic } from "../../support/engine/in-process-transport.ts";
import type { Chance } from "./chance.ts";
import type { SimNode } from "./node.ts";
import type { Carried, World } from "./world.ts";

/** Gives a node bytes of a stranger who has seen everything on the network. Returns what it was. */
export function forge(world: World, node: SimNode, chance: Chance): string | undefined {
  // A copy of a hint that was read draws an answer, whatever is behind it: that is not refused (profile 8.5, rule 4).
  const unread = world.carried.filter(({ hint }) => !world.hasConsumed(node, hint));
  if (unread.length === 0 || node.life === undefined) return undefined;
  const [kind, payload] = forgery(chance.pick(unread), chance);
  const { topic } = chance.pick(unread);
  const fields = { payload, contentTopic: topic, timestamp: toNanoseconds(world.clock.now()) };
  const message = toIncoming(pubsubTopic, fields);
  if (message === undefined) return undefined;
  expectNoChange(world, node, `a forged envelope (${kind})`);
  node.deliver(message);
  return kind;
}

function forgery({ payload }: Carried, chance: Chance): readonly [string, Uint8Array] {
  const decoded = decodeEnvelope(payload);
  if (decoded.kind !== "readable") return ["as it is", payload];
  const envelope = decoded.value;
  const { bytes } = envelope.encryptedBytes;
  const changed = bytes.slice();
  switch (chance.below(5)) {
    case 0:
      changed[changed.length - 1 - chance.below(changed.length)]! ^= 1 << chance.below(8);
      return ["one bit", encodeEnvelope(withBytes(envelope, changed))];
    case 1:
      return ["a copied hint", encodeEnvelope(withBytes(envelope, chance.bytes(bytes.length)))];
    case 2:
      return ["another salt", encodeEnvelope({ ...envelope, salt: (envelope.salt ^ (1 + chance.below(255))) >>> 0 })];
    case 3:
      return ["cut off", encodeEnvelope(withBytes(envelope, bytes.subarray(0, chance.below(bytes.length))))];
    default:
      return ["noise", chance.bytes(chance.between(1, 600))];
  }
}

type Envelope = Parameters<typeof encodeEnvelope>[0];

function withBytes(envelope: Envelope, bytes: Uint8Array): Envelope {
  return { ...envelope, encryptedBytes: { ...envelope.encryptedBytes, bytes } };
}

/** A command that no node may take. */
export function command(world: World, node: SimNode, chance: Chance, usedLink: string | undefined): void {
  const engine = node.life?.engine;
  if (engine === undefined) return;
  const conversation = engine.conversations()[0]?.id ?? "c77";
  const wrong: readonly (() => Promise<unknown>)[] = [
    () => engine.send({ conversation, text: "" }),
    () => engine.send({ conversation: "c99", text: "to nobody" }),
    () => engine.send({ conversation, text: "x".repeat(65_537) }),
    () => engine.acceptInvite({ link: "logos_umbraintro_1_AAAA" }),
    () => engine.acceptInvite({ link: usedLink ?? "" }),
  ];
  expectNoChange(world, node, "a wrong command");
  chance
    .pick(wrong)()
    .then(
      () => world.fail("4", `node ${node.index} took a wrong command`),
      (error: unknown) => {
        const isRefusal = error instanceof UmbradError;
        if (!isRefusal && node.life?.engine === engine) world.fail("4", `a wrong command threw ${String(error)}`);
      },
    );
}

/** Compares what is on disk with what it is when the node has come to rest, before any time passes. */
function expectNoChange(world: World, node: SimNode, what: string): void {
  const before = onDisk(node);
  const { life } = node;
  world.clock.atRest(() => {
    if (node.life === life && onDisk(node) !== before)
      world.fail("4", `${what} has changed what node ${node.index} has`);
  });
}

function onDisk(node: SimNode): string {
  const store = node.life?.store;
  if (store === undefined) return "";
  const states = [...store.conversations()].map(
    ({ number, revision, state }) => `${number} ${revision} ${Buffer.from(state).toString("base64")}`,
  );
  return [...states, store.lastSeq(), store.outboxCount(), store.parkedCount(), store.timersNextDueMs()].join("\n");
}
