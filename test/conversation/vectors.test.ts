/** Goal: the published exchange (profile 11.5 to 11.7) byte for byte through the types. Method: states built by hand, random bytes scripted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TurnContext } from "../../src/conversation/contract.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import { makePrekey } from "../../src/conversation/inbox-v1/prekeys.ts";
import type { InboxState } from "../../src/conversation/inbox-v1/state.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import { toHex, u32be } from "../../src/crypto/bytes.ts";
import { blake2s } from "../../src/crypto/hash.ts";
import { secretOf, vectors } from "../protocol/vectors.ts";
import { Hand, onlyPublish, openPrivate, startMs } from "./by-hand.ts";

const notAfterMs = 1_800_000_000_000;

/** Keys of 32 bytes in this order, nonces from number `nonce` on, the invite's salt, and jitter that no byte depends on. */
function scripted(keys: readonly string[], nonce = 0): () => TurnContext["random"] {
  return () => {
    let key = 0;
    let k = nonce;
    return (length) => {
      if (length === 32) return secretOf(keys[key++] ?? "unexpected");
      if (length === 12) return secretOf(`rng/${k++}`).slice(0, 12);
      return length === 4 ? u32be(vectors.invite.salt) : new Uint8Array(length);
    };
  };
}

/** The people of the vectors have a one-time prekey where the daemon has a public one. */
function inboxOf(name: string): Hand<InboxState> {
  const terms = { multiUse: false, createdAtMs: startMs - 1_000, notAfterMs, usesLeft: 0, isPublic: true };
  const { prekey, stored } = makePrekey(secretOf(`${name}/prekey0`), terms);
  const state: InboxState = {
    identitySeed: secretOf(`${name}/identity`),
    staticSecret: secretOf(`${name}/x25519`),
    createdAtMs: startMs - 1_000,
    bucketBits: 8,
    prekeys: name === "saro" ? [prekey] : [{ ...prekey, publicKey: new Uint8Array(32).fill(1) }],
    undecided: 0,
  };
  return new Hand<InboxState>(inboxV1, { kind: "accept", state, effects: [stored] }, startMs);
}

const command = (fields: object) => ({ kind: "command", command: fields }) as const;

test("the published invite, reply and second message", async () => {
  const { invite, exchange, bundle } = vectors;
  const raya = inboxOf("raya");
  const created = await raya.take(
    command({ kind: "create-invite", uses: 1, expiresAtMs: notAfterMs }),
    scripted(["raya/prekey0"]),
  );
  const { link } = created.reply as { link: string };
  assert.equal(link, (bundle as unknown as { text: string }).text);

  const saro = inboxOf("saro");
  const accepted = await saro.take(
    command({ kind: "accept-invite", link, text: "Hello Raya" }),
    scripted(["saro/noise-e"]),
  );
  const { hand: a, opened } = openPrivate(accepted, startMs, scripted(["saro/dr0"], 0)());
  const first = onlyPublish(opened);
  assert.equal(first.envelope.length, invite.envelope_bytes);
  assert.equal(toHex(first.envelope), invite.envelope);
  assert.equal(privateV1.conversationId(a.state), invite.conversation_id);

  const { hand: b } = openPrivate(await raya.read(first), startMs, scripted(["raya/dr0"])());
  assert.deepEqual(b.texts(), ["Hello Raya"]);
  assert.equal(privateV1.conversationId(b.state), invite.conversation_id);
  assert.equal(raya.state.prekeys.length, 1, "the one-time prekey is gone");

  b.nowMs = startMs + 1_000;
  const reply = onlyPublish(await b.take(command({ kind: "send", text: "Hi Saro" }), scripted([], 2)));
  assert.equal(toHex(reply.envelope), exchange.reply_envelope);

  a.nowMs = startMs + 1_500;
  await a.take(a.input(reply.envelope), scripted(["saro/dr1"]));
  assert.deepEqual(a.texts(), ["Hi Saro"]);
  a.nowMs = startMs + 2_000;
  const second = onlyPublish(await a.take(command({ kind: "send", text: "x".repeat(100) }), scripted([], 4)));
  assert.equal(second.envelope.length, exchange.second_envelope_len);
  assert.equal(toHex(blake2s(second.envelope)), exchange.second_envelope_b2s);
  await b.read(second);
  assert.deepEqual(b.texts(), ["Hello Raya", "x".repeat(100)]);
});
