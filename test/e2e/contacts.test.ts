// Goal: who may talk to whom, between real processes through the command line alone: requests of strangers, blocking, links
// that are revoked, names, leaving, and invites that cross. Method: one network for the file; what a daemon does *not* do is
// awaited in its log, where it says that it dropped the envelope and why.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { AcceptedView, ContactJson, ConversationJson, InviteJson, PublicLinkView } from "../../src/admin/views.ts";
import type { CommandResult } from "../support/cli/umbrad-command.ts";
import { assertNoErrors, Party, ServiceNode } from "./stage/party.ts";
import { inTime, Stage, until } from "./stage/processes.ts";

const delivered = ["--wait", "delivered", "--timeout", "120s"] as const;

interface Network {
  readonly alice: Party;
  readonly bob: Party;
  /** Refuses strangers. */
  readonly carol: Party;
}

test("people between real daemons", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const flags = ["--peer", node.multiaddr, "--log-level", "debug"];
  const parties = ["alice", "bob", "carol"].map((name) => new Party(stage, name, flags));
  for (const party of parties) await party.init();
  const [alice, bob, carol] = parties as [Party, Party, Party];
  const drops = join(carol.stateDir, "conf.d");
  await mkdir(drops);
  await writeFile(join(drops, "strangers.toml"), '[contacts]\nunknown_senders = "reject"\n');
  await Promise.all(parties.map((party) => party.start()));
  await Promise.all(parties.map((party) => party.wait("synced")));
  const network: Network = { alice, bob, carol };

  await t.test("a stranger with the public link asks; nothing leaves until he is accepted", () => acceptBob(network));
  await t.test("who is rejected may ask again, who is blocked may not", () => rejectAndBlock(network));
  await t.test("unknown_senders = reject: no request, while a link still opens", () => refusing(network));
  await t.test("a revoked link opens nothing, and its user gets no answer", () => revoked(network));
  await t.test("links are listed with who used them", () => linksListed(network));
  await t.test("a blocked contact is neither read nor answered, and then is", () => blockContact(network));
  await t.test("names, unknown names, leaving", () => namesAndLeaving(network));
  await t.test("invites that cross end in one conversation on both sides", () => crossed(network));

  await Promise.all(parties.map((party) => party.stop()));
  assertNoErrors(stage);
});

function refused(result: CommandResult, exitCode: number, code: string): void {
  assert.equal(result.code, exitCode, result.stderr);
  assert.match(result.stderr, new RegExp(`\\[${code}\\]`));
}

/** The next envelope that the daemon of the party drops for this reason. */
function dropped(party: Party, reason: string): Promise<string> {
  const line = party.running.output.nextLine(
    (each) => each.includes('"envelope.dropped"') && each.includes(`"reason":"${reason}"`),
  );
  return inTime(`${party.name} drops an envelope: ${reason}`, line);
}

async function requestsOf(party: Party): Promise<ConversationJson[]> {
  return (await party.json<{ requests: ConversationJson[] }>("contact", "requests")).requests;
}

function requestAt(party: Party): Promise<ConversationJson> {
  return until("a request", async () => (await requestsOf(party))[0]);
}

async function publicLink(party: Party): Promise<string> {
  return (await party.json<PublicLinkView>("invite", "public")).link;
}

async function use(party: Party, link: string, text: string): Promise<string> {
  return (await party.json<AcceptedView>("invite", "accept", link, "--message", text)).conversation;
}

const addressOf = async (party: Party): Promise<string> => (await party.status()).clientAddress ?? "";

async function contactOf(party: Party, name: string): Promise<ContactJson> {
  return party.json<ContactJson>("contact", "show", name);
}

async function acceptBob({ alice, bob }: Network): Promise<void> {
  refused(await bob.command(["invite", "accept", await addressOf(alice)]), 65, "invite/malformed");
  const link = await publicLink(alice);
  assert.equal(await publicLink(alice), link, "it is the same for everybody");
  const bobs = await use(bob, link, "may I?");
  const { handle, peer } = await requestAt(alice);
  assert.equal(peer, await addressOf(bob));
  assert.deepEqual(await alice.receive(1), ["may I?"]);
  refused(await alice.command(["send", handle, "too soon"]), 1, "contact/undecided");
  assert.deepEqual((await alice.json<{ contacts: ContactJson[] }>("contact", "list")).contacts, []);
  refused(await alice.command(["contact", "accept", "nobody"]), 67, "contact/no-request");
  const left = async () => (await alice.events()).filter(({ type }) => type === "message.published").length;
  assert.deepEqual([await left(), (await alice.status()).outbox], [0, 0]);
  const heard = async () => (await bob.events()).some(({ type }) => type === "message.delivered");
  assert.equal(await heard(), false);

  assert.equal(await alice.text("contact", "accept", handle), `${handle}\n`);
  await until("bob hears that he was read", async () => (await heard()) || undefined);
  assert.deepEqual(await requestsOf(alice), []);
  refused(await alice.command(["contact", "accept", handle]), 67, "contact/no-request");
  await alice.text("send", handle, "you may", ...delivered);
  assert.deepEqual(await bob.receive(1), ["you may"]);
  assert.equal((await contactOf(bob, bobs)).address, await addressOf(alice));
}

async function rejectAndBlock({ alice, carol }: Network): Promise<void> {
  const link = await publicLink(alice);
  const address = await addressOf(carol);
  await use(carol, link, "first try");
  const first = await requestAt(alice);
  await alice.text("contact", "reject", address);
  assert.deepEqual(await requestsOf(alice), []);
  refused(await alice.command(["conversation", "show", first.handle]), 67, "conversation/unknown");
  refused(await alice.command(["contact", "reject", address]), 67, "contact/no-request");

  await use(carol, link, "second try");
  const second = await requestAt(alice);
  const blocked = await alice.json<ContactJson>("contact", "block", second.handle);
  assert.deepEqual([blocked.address, blocked.blocked], [address, true]);
  assert.deepEqual(await requestsOf(alice), []);
  const refusal = dropped(alice, "blocked");
  const third = await use(carol, link, "third try");
  await refusal;
  assert.deepEqual(await requestsOf(alice), []);
  // It used nothing up: repeated after an acceptance, it would be read.
  await carol.text("conversation", "leave", third);

  assert.equal((await alice.json<ContactJson>("contact", "unblock", address)).blocked, false);
  const fourth = await use(carol, link, "fourth try");
  const { handle } = await requestAt(alice);
  await alice.text("contact", "accept", handle);
  await carol.text("send", fourth, "thank you", ...delivered);
}

async function refusing({ bob, carol }: Network): Promise<void> {
  const refusal = dropped(carol, "policy-refused");
  await use(bob, await publicLink(carol), "let me in");
  await refusal;
  assert.deepEqual(await requestsOf(carol), []);
  const link = (await carol.text("invite", "create")).trim();
  const handle = await use(bob, link, "with a link");
  await bob.text("send", handle, "and again", ...delivered);
  assert.deepEqual((await carol.receivedTexts()).slice(-2), ["with a link", "and again"]);
}

async function revoked({ alice, bob }: Network): Promise<void> {
  const { link, id } = await alice.json<{ link: string; id: string }>("invite", "create");
  assert.equal((await alice.json<InviteJson>("invite", "revoke", id)).state, "revoked");
  refused(await alice.command(["invite", "revoke", id]), 1, "invite/ended");
  refused(await alice.command(["invite", "revoke", "i000000000000"]), 67, "invite/unknown");
  refused(await alice.command(["invite", "show", "i000000000000"]), 67, "invite/unknown");
  const before = (await alice.conversations()).length;
  const refusal = dropped(alice, "unknown-prekey");
  const handle = await use(bob, link, "too late");
  await refusal;
  await alice.wait("outbox-empty");
  assert.equal((await alice.conversations()).length, before);
  const shown = await alice.json<InviteJson>("invite", "show", id);
  assert.deepEqual([shown.state, shown.link, shown.redemptions], ["revoked", undefined, []]);
  const events = (await bob.events()).filter(({ conversation }) => conversation === handle);
  assert.ok(events.every(({ type }) => type !== "message.delivered" && type !== "message.received"));
  await bob.text("conversation", "leave", handle);
}

async function linksListed({ alice, bob }: Network): Promise<void> {
  const { link, id } = await alice.json<{ link: string; id: string }>("invite", "create", "--uses", "2");
  assert.equal((await alice.json<InviteJson>("invite", "show", id)).link, link);
  await use(bob, link, "by link");
  const used = await until("the use of the link", async () => {
    const invite = await alice.json<InviteJson>("invite", "show", id);
    return invite.redemptions.length > 0 ? invite : undefined;
  });
  assert.deepEqual([used.state, used.uses, used.redemptions[0]?.peer], ["open", 2, await addressOf(bob)]);
  const { invites } = await alice.json<{ invites: InviteJson[] }>("invite", "list");
  assert.deepEqual(
    invites.map(({ state, redemptions }) => [state, redemptions.length]),
    [
      ["revoked", 0],
      ["open", 1],
    ],
  );
  assert.match(await alice.text("invite", "list"), new RegExp(`${id}\\s+open\\s+1/2`));
}

async function blockContact({ alice, carol }: Network): Promise<void> {
  const address = await addressOf(carol);
  await alice.text("contact", "block", address);
  refused(await alice.command(["send", address, "hm"]), 1, "contact/blocked");
  const unread = dropped(alice, "blocked");
  const before = await alice.receivedTexts();
  await carol.text("send", await addressOf(alice), "do you read me?");
  await unread;
  assert.deepEqual(await alice.receivedTexts(), before);
  await alice.text("contact", "unblock", address);
  // What was not read goes again after 15 seconds.
  assert.deepEqual(await alice.receive(before.length + 1), [...before, "do you read me?"]);
  await alice.text("send", address, "now I do", ...delivered);
}

async function namesAndLeaving({ alice, carol }: Network): Promise<void> {
  const address = await addressOf(carol);
  assert.equal((await alice.json<ContactJson>("contact", "rename", address, "Carol")).name, "Carol");
  const [handle = ""] = (await contactOf(alice, "Carol")).conversations;
  await alice.text("send", "Carol", "by your name", ...delivered);
  await alice.text("conversation", "rename", handle, "talk");
  assert.equal((await alice.json<ConversationJson>("conversation", "show", "talk")).handle, handle);
  refused(await alice.command(["contact", "rename", "nobody", "x"]), 67, "contact/unknown");
  refused(await alice.command(["contact", "rename", address, "c1"]), 65, "contact/bad-name");
  refused(await alice.command(["conversation", "leave", "nowhere"]), 67, "conversation/unknown");
  assert.equal(await alice.text("conversation", "leave", "talk"), `left ${handle}\n`);
  refused(await alice.command(["send", "talk", "gone"]), 67, "conversation/unknown");
  const left = await contactOf(alice, "Carol");
  assert.deepEqual([left.address, left.conversations.includes(handle)], [address, false]);
}

async function crossed({ alice, carol }: Network): Promise<void> {
  const links = await Promise.all([alice, carol].map(async (party) => (await party.text("invite", "create")).trim()));
  const [ofAlice = "", ofCarol = ""] = links;
  await Promise.all([use(alice, ofCarol, "from alice"), use(carol, ofAlice, "from carol")]);
  const currentOf = async (party: Party, peer: Party): Promise<string> => {
    const [handle = ""] = (await contactOf(party, await addressOf(peer))).conversations;
    return (await party.conversations()).find((each) => each.handle === handle)?.id ?? "";
  };
  const current = await until("one conversation", async () => {
    const heard = await Promise.all([alice, carol].map((party) => party.receivedTexts()));
    if (!heard[0]?.includes("from carol") || !heard[1]?.includes("from alice")) return undefined;
    const ids = [await currentOf(alice, carol), await currentOf(carol, alice)];
    return ids[0] === ids[1] ? ids[0] : undefined;
  });
  const sentIn = async (from: Party, to: Party, text: string): Promise<string | undefined> => {
    await from.text("send", await addressOf(to), text, ...delivered);
    const event = (await to.events()).find(({ data }) => data["text"] === text);
    return (await to.conversations()).find(({ handle }) => handle === event?.conversation)?.id;
  };
  assert.equal(await sentIn(alice, carol, "here"), current);
  assert.equal(await sentIn(carol, alice, "here too"), current);
}
