/** Goal: every check of "B checks, in this order" (profile 8.7) refuses exactly its fault and consumes nothing. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type InboxState, identityOf } from "../../src/conversation/inbox-v1/state.ts";
import type { InviteeOpening, PairwiseOpening } from "../../src/conversation/pairwise-opening.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import { x25519Public } from "../../src/crypto/dh.ts";
import { ed25519Public } from "../../src/crypto/sign.ts";
import { clientAddressOf } from "../../src/wire/ids.ts";
import { secretOf } from "../protocol/vectors.ts";
import { unsafeSeededBytes } from "../support/conversation/conversation-turn.ts";
import { createLink, type Hand, openInbox, startMs } from "./by-hand.ts";
import { craftInvite, type InviteFaults } from "./crafted/invite.ts";

const dayMs = 24 * 3_600_000;

async function inboxWithLink(uses = 1): Promise<Hand<InboxState>> {
  const inbox = openInbox(5);
  await createLink(inbox, uses);
  return inbox;
}

/** The prekey of the newest link. */
function linkPrekey({ state }: Hand<InboxState>) {
  const prekey = state.prekeys.findLast(({ isPublic }) => !isPublic);
  assert.ok(prekey !== undefined);
  return prekey;
}

function publicPrekey({ state }: Hand<InboxState>) {
  const prekey = state.prekeys.findLast(({ isPublic }) => isPublic);
  assert.ok(prekey !== undefined);
  return prekey;
}

/** Why the whole turn is refused, that of the conversation it opens included; undefined: accepted. Keeps nothing. */
async function refusalOf(inbox: Hand<InboxState>, envelope: Uint8Array): Promise<string | undefined> {
  const decided = await inbox.decide(inbox.input(envelope));
  if (decided.kind !== "accept") {
    assert.ok(!("state" in decided));
    return decided.reason;
  }
  const open = decided.effects.find((effect) => effect.kind === "open");
  assert.ok(open?.kind === "open");
  const random = unsafeSeededBytes(4);
  const opened = privateV1.open(open.opening as PairwiseOpening, { now: inbox.nowMs, random, records: new Map() });
  if (opened.kind === "accept") return undefined;
  assert.equal(opened.kind, "reject");
  return (opened as { reason: string }).reason;
}

const us = (inbox: Hand<InboxState>) => identityOf(inbox.state).clientAddress;
const mallory = clientAddressOf(ed25519Public(secretOf("mallory/identity")));

interface Fault {
  readonly check: string;
  readonly reason: string;
  readonly faults: (inbox: Hand<InboxState>) => InviteFaults;
}

/** In the profile's order: each is refused for its own reason also when everything after it is wrong too. */
const ordered: readonly Fault[] = [
  { check: "size", reason: "too-large", faults: () => ({ padBytes: 64 * 1024 }) },
  { check: "prekey", reason: "unknown-prekey", faults: () => ({ keyRef: Uint8Array.of(1, 2, 3, 4) }) },
  { check: "AEAD", reason: "payload-tag", faults: () => ({ breakTag: true }) },
  { check: "recipient", reason: "recipient", faults: () => ({ recipient: mallory }) },
  { check: "bundle signature", reason: "bundle-signature", faults: () => ({ breakSignature: true }) },
  { check: "bundle form", reason: "bundle", faults: () => ({ bundle: { conversationTypes: ["/other/v1"] } }) },
  {
    check: "not our own identity",
    reason: "own-identity",
    faults: ({ state }) => ({ bundleSeed: state.identitySeed }),
  },
  { check: "static key", reason: "static-key-mismatch", faults: () => ({ otherStatic: true }) },
  { check: "participants", reason: "participants", faults: (inbox) => ({ participants: [us(inbox), us(inbox)] }) },
  { check: "discriminator", reason: "discriminator", faults: () => ({ discriminator: "second" }) },
  { check: "created_at", reason: "created-at", faults: () => ({ createdAtMs: startMs + dayMs + 1 }) },
  { check: "initial message", reason: "initial-message-body-tag", faults: () => ({ initialMessage: "broken" }) },
];

/** What the invite opens; nothing is kept. */
async function openingOf(inbox: Hand<InboxState>, envelope: Uint8Array): Promise<InviteeOpening> {
  const decided = await inbox.decide(inbox.input(envelope));
  const open = decided.kind === "accept" ? decided.effects.find((effect) => effect.kind === "open") : undefined;
  assert.ok(open?.kind === "open");
  return open.opening as InviteeOpening;
}

describe("an invite that arrives", () => {
  for (const [index, { check, reason, faults }] of ordered.entries()) {
    it(`${check}: only that is wrong`, async () => {
      const inbox = await inboxWithLink();
      const before = inbox.row.bytes;
      assert.equal(await refusalOf(inbox, craftInvite(inbox.state, linkPrekey(inbox), faults(inbox))), reason);
      assert.deepEqual(inbox.row.bytes, before);
      const right = craftInvite(inbox.state, linkPrekey(inbox));
      assert.equal(await refusalOf(inbox, right), undefined, "neither prekey nor e_A was used up");
    });

    it(`${check}: comes before what follows it`, async () => {
      const inbox = await inboxWithLink();
      const all: InviteFaults = Object.assign(
        {},
        ...ordered
          .slice(index)
          .reverse()
          .map((each) => each.faults(inbox)),
      );
      assert.equal(await refusalOf(inbox, craftInvite(inbox.state, linkPrekey(inbox), all)), reason);
    });
  }

  it("is refused for a bundle that has another form than a link may have", async () => {
    const inbox = await inboxWithLink();
    for (const bundle of [{ contentTopics: [] }, { conversationTypes: [] }]) {
      assert.equal(await refusalOf(inbox, craftInvite(inbox.state, linkPrekey(inbox), { bundle })), "bundle");
    }
  });

  it("is refused when the initial message is of another member", async () => {
    const inbox = await inboxWithLink();
    const envelope = craftInvite(inbox.state, linkPrekey(inbox), { initialMessage: "plaintext" });
    assert.equal(await refusalOf(inbox, envelope), "initial-message-member");
  });

  it("needs no initial message, and no key reference", async () => {
    const inbox = await inboxWithLink();
    for (const faults of [{ initialMessage: "absent" }, { keyRef: "absent" }] as const)
      assert.equal(await refusalOf(inbox, craftInvite(inbox.state, linkPrekey(inbox), faults)), undefined);
  });

  it("opens one conversation, however often it is repeated", async () => {
    const inbox = await inboxWithLink(3);
    const envelope = craftInvite(inbox.state, linkPrekey(inbox));
    await inbox.read(envelope);
    assert.equal(linkPrekey(inbox).usesLeft, 2);
    await inbox.refuses(inbox.input(envelope), "replayed-invite");
    assert.equal(linkPrekey(inbox).usesLeft, 2);
  });

  it("cannot use a one-time prekey twice, whoever comes second", async () => {
    const inbox = await inboxWithLink();
    const prekey = linkPrekey(inbox);
    await inbox.read(craftInvite(inbox.state, prekey));
    assert.equal(inbox.row.records.has(`prekey/${Buffer.from(prekey.publicKey).toString("hex")}`), false);
    for (const faults of [
      { ephemeral: "again" },
      { inviter: "trudy" },
      { ephemeral: "blind", keyRef: "absent" },
    ] as const) {
      const refusal = await refusalOf(inbox, craftInvite(inbox.state, prekey, faults));
      assert.ok(refusal === "unknown-prekey" || refusal === "static-key-tag", refusal);
    }
  });

  it("uses up a counted link", async () => {
    const inbox = await inboxWithLink(2);
    const prekey = linkPrekey(inbox);
    for (const inviter of ["one", "two"]) await inbox.read(craftInvite(inbox.state, prekey, { inviter }));
    assert.equal(await refusalOf(inbox, craftInvite(inbox.state, prekey, { inviter: "three" })), "unknown-prekey");
  });

  it("by the public prekey is a request, unless the identity was accepted before", async () => {
    const inbox = await inboxWithLink();
    const stranger = craftInvite(inbox.state, publicPrekey(inbox), { ephemeral: "public" });
    assert.equal((await openingOf(inbox, stranger)).isUndecided, true);
    await inbox.read(craftInvite(inbox.state, linkPrekey(inbox)));
    assert.equal((await openingOf(inbox, stranger)).isUndecided, false);
    await inbox.read(stranger);
    const again = craftInvite(inbox.state, publicPrekey(inbox), { ephemeral: "public again" });
    assert.equal(await refusalOf(inbox, again), undefined, "a public prekey is not used up");
    const other = craftInvite(inbox.state, publicPrekey(inbox), { inviter: "trudy" });
    assert.equal((await openingOf(inbox, other)).isUndecided, true);
  });

  it("has a created_at between a day before its prekey and a day from now", async () => {
    const inbox = await inboxWithLink();
    inbox.nowMs = startMs + 3 * dayMs;
    const cases: readonly (readonly [number, string | undefined])[] = [
      [startMs - dayMs - 1, "created-at"],
      [startMs - dayMs, undefined],
      [inbox.nowMs + dayMs, undefined],
      [inbox.nowMs + dayMs + 1, "created-at"],
    ];
    for (const [createdAtMs, reason] of cases)
      assert.equal(await refusalOf(inbox, craftInvite(inbox.state, linkPrekey(inbox), { createdAtMs })), reason);
  });

  it("may come after its link has expired: that binds whoever invites", async () => {
    const inbox = await inboxWithLink();
    inbox.nowMs = startMs + 20 * dayMs;
    assert.equal(await refusalOf(inbox, craftInvite(inbox.state, linkPrekey(inbox))), undefined);
  });

  it("is found by its prekey among many without a key reference, if that is one of the four newest", async () => {
    const inbox = await inboxWithLink();
    const oldest = linkPrekey(inbox);
    for (let i = 0; i < 3; i += 1) await createLink(inbox);
    assert.equal(await refusalOf(inbox, craftInvite(inbox.state, oldest, { keyRef: "absent" })), undefined);
    await createLink(inbox);
    assert.equal(await refusalOf(inbox, craftInvite(inbox.state, oldest, { keyRef: "absent" })), "static-key-tag");
    assert.equal(await refusalOf(inbox, craftInvite(inbox.state, oldest)), undefined);
  });

  it("whose hint was another inbox's does not verify", async () => {
    const inbox = await inboxWithLink();
    const otherStatic = x25519Public(secretOf("elsewhere"));
    const elsewhere = {
      ...inbox.state,
      staticSecret: secretOf("elsewhere"),
      identitySeed: inbox.state.identitySeed.slice(),
    };
    assert.deepEqual(identityOf(elsewhere).staticKey, otherStatic);
    assert.equal(await refusalOf(inbox, craftInvite(elsewhere, linkPrekey(inbox))), "static-key-tag");
  });
});
