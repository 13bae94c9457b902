/** Goal: contact requests (profile 8.7 "Consent"): nothing leaves before the decision, one for each identity, 500 in all. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readContact } from "../../../src/conversation/inbox-v1/contact.ts";
import { inboxWith } from "../../../src/conversation/inbox-v1/inbox-v1.ts";
import { contactRecord, type InboxState, REQUESTS_MAX } from "../../../src/conversation/inbox-v1/state.ts";
import { readWord } from "../../../src/conversation/pairwise-words.ts";
import { UNDECIDED_NUMBER_MAX } from "../../../src/conversation/private-v1/state.ts";
import { ed25519Public } from "../../../src/crypto/sign.ts";
import { clientAddressOf } from "../../../src/wire/ids.ts";
import { secretOf } from "../../protocol/vectors.ts";
import type { Accepted } from "../../support/conversation/conversation-turn.ts";
import { createLink, Hand, onlyPublish, openInbox, openPrivate, publishesOf, sayMany, startMs } from "../by-hand.ts";
import { craftInvite, type InviteFaults } from "../crafted/invite.ts";

const addressOf = (name: string) => clientAddressOf(ed25519Public(secretOf(`${name}/identity`)));
const addressOfMallory = addressOf("mallory");

function publicInvite(inbox: Hand<InboxState>, faults: InviteFaults): Uint8Array {
  const prekey = inbox.state.prekeys.find(({ isPublic }) => isPublic);
  assert.ok(prekey !== undefined);
  return craftInvite(inbox.state, prekey, faults);
}

function contactOf(inbox: Hand<InboxState>, address: string) {
  return readContact(inbox.row.records.get(contactRecord(address)));
}

const wordsOf = ({ effects }: Accepted) =>
  effects.flatMap((effect) => (effect.kind === "tell" ? [readWord(effect.data)] : []));
const command = (fields: object) => ({ kind: "command", command: fields }) as const;
const decide = (isAccepted: boolean) => command({ kind: "decide-request", peer: addressOfMallory, isAccepted });

describe("a contact request", () => {
  it("is told to the application, read, and sends nothing until it is accepted", async () => {
    const inbox = openInbox(1);
    const turn = await inbox.read(publicInvite(inbox, {}));
    assert.equal(inbox.state.undecided, 1);
    const { hand, opened } = openPrivate(turn, startMs);
    assert.deepEqual(publishesOf(opened), []);
    assert.deepEqual(
      hand.events.map(({ type }) => type),
      ["conversation.opened", "contact.requested"],
    );
    await hand.refuses(command({ kind: "send", text: "hi" }), "contact/undecided");
    for (const name of ["acknowledge", "resend", "flush", "bundle", "repair"])
      await hand.refuses({ kind: "timer", name }, "sends nothing");
    assert.equal(hand.type.summary(hand.state).standing, "undecided");

    const decision = await inbox.take(decide(true));
    assert.deepEqual(wordsOf(decision), [{ kind: "accept" }]);
    assert.equal(inbox.state.undecided, 0);
    assert.equal(contactOf(inbox, addressOfMallory).isAccepted, true);
    assert.equal(contactOf(inbox, addressOfMallory).conversations.length, 1);
    const told = decision.effects.find((effect) => effect.kind === "tell");
    assert.ok(told?.kind === "tell" && told.to === hand.type.conversationId(hand.state));
    await hand.take({ kind: "told", name: "accept", data: told.data });
    assert.equal(onlyPublish(await hand.fire("acknowledge")).purpose, "acknowledgement");
    assert.equal(publishesOf(await hand.fire("bundle")).length, 1);
    await inbox.refuses(decide(true), "contact/no-request");
  });

  it("that is refused closes, and its identity may ask again", async () => {
    const inbox = openInbox(1);
    await inbox.read(publicInvite(inbox, {}));
    const refused = await inbox.take(decide(false));
    assert.deepEqual(wordsOf(refused), [{ kind: "close" }]);
    assert.equal(inbox.state.undecided, 0);
    await inbox.refuses(inbox.input(publicInvite(inbox, {})), "replayed-invite");
    await inbox.read(publicInvite(inbox, { ephemeral: "again" }));
    assert.equal(inbox.state.undecided, 1);
  });

  it("gives way to a newer one of its identity, and not to an older", async () => {
    const inbox = openInbox(1);
    await inbox.read(publicInvite(inbox, { createdAtMs: startMs }));
    const older = publicInvite(inbox, { ephemeral: "older", createdAtMs: startMs });
    await inbox.refuses(inbox.input(older), "older-request");
    const newer = publicInvite(inbox, { ephemeral: "newer", createdAtMs: startMs + 1 });
    assert.deepEqual(wordsOf(await inbox.read(newer))[0], { kind: "close" });
    assert.equal(inbox.state.undecided, 1);
    assert.equal(contactOf(inbox, addressOfMallory).request?.createdAtMs, startMs + 1);
  });

  it("over the 500th is dropped and consumes nothing", async () => {
    const inbox = openInbox(1);
    inbox.state = { ...inbox.state, undecided: REQUESTS_MAX };
    await inbox.refuses(inbox.input(publicInvite(inbox, {})), "too-many-requests");
  });

  it("is refused where the policy says so, and a link is consent all the same", async () => {
    const strict = inboxWith({ unknownSenders: "reject" });
    const opened = openInbox(1);
    const inbox = new Hand<InboxState>(strict, { kind: "accept", state: opened.state, effects: [] }, startMs);
    for (const [key, bytes] of opened.row.records) inbox.row.records.set(key, bytes);
    await inbox.refuses(inbox.input(publicInvite(inbox, {})), "policy-refused");
    await createLink(inbox);
    const link = inbox.state.prekeys.find(({ isPublic }) => !isPublic);
    assert.ok(link !== undefined);
    await inbox.read(craftInvite(inbox.state, link));
    assert.equal(inbox.state.undecided, 0);
  });

  it("is accepted with its identity, when that comes by a link or is invited by us", async () => {
    const inbox = openInbox(1);
    await inbox.read(publicInvite(inbox, {}));
    await createLink(inbox);
    const link = inbox.state.prekeys.find(({ isPublic }) => !isPublic);
    assert.ok(link !== undefined);
    const turn = await inbox.read(craftInvite(inbox.state, link, { ephemeral: "by link" }));
    assert.deepEqual(wordsOf(turn)[0], { kind: "accept" });
    assert.equal(inbox.state.undecided, 0);
    assert.equal(contactOf(inbox, addressOfMallory).conversations.length, 2);
  });

  it("brings a bounded number of messages", async () => {
    const theirs = openInbox(1);
    const ours = openInbox(2);
    const link = await createLink(ours, 2);
    const { hand: a, opened } = openPrivate(await theirs.take(command({ kind: "accept-invite", link })), startMs);
    const { hand: b } = openPrivate(await ours.read(onlyPublish(opened)), startMs);
    b.state = { ...b.state, isUndecided: true };
    const sent = await sayMany(a, 16);
    for (const each of sent) await b.read(each);
    assert.equal(b.texts().length, 16);
    assert.equal(b.state.ratchet.receive?.next, UNDECIDED_NUMBER_MAX + 1);
    await b.refuses(b.input(sent[3]?.envelope ?? new Uint8Array()), "undecided");
  });
});

describe("a blocked identity", () => {
  it("is neither read nor answered, and goes on where it was when it is unblocked", async () => {
    const theirs = openInbox(1);
    const ours = openInbox(2);
    const link = await createLink(ours, 2);
    const accept = command({ kind: "accept-invite", link, text: "hello" });
    const { hand: a, opened } = openPrivate(await theirs.take(accept), startMs);
    const { hand: b } = openPrivate(await ours.read(onlyPublish(opened)), startMs);
    const peer = theirs.type.summary(theirs.state).clientAddress;
    const blocked = await ours.take(command({ kind: "block", peer, isBlocked: true }));
    assert.deepEqual(wordsOf(blocked), [{ kind: "block" }]);
    await b.take(command({ kind: "block" }));
    const [late] = await sayMany(a, 1);
    assert.ok(late !== undefined);
    await b.refuses(b.input(late.envelope), "blocked");
    await b.refuses({ kind: "timer", name: "acknowledge" }, "sends nothing");
    await b.refuses(command({ kind: "send", text: "x" }), "contact/blocked");
    const second = openPrivate(await theirs.take(accept), startMs + 1);
    await ours.refuses(ours.input(onlyPublish(second.opened).envelope), "blocked");

    assert.deepEqual(wordsOf(await ours.take(command({ kind: "block", peer, isBlocked: false }))), [
      { kind: "unblock" },
    ]);
    await b.take(command({ kind: "unblock" }));
    await b.read(late);
    assert.deepEqual(b.texts(), ["hello", "number 0"]);
    assert.equal(publishesOf(await b.fire("acknowledge")).length, 1);
  });
});
