// Goal: every command of the messaging day, as text and with --json, against real daemons that really talk. Method: one
// network for the file; each test speaks in it through the command line alone. Exact layouts are test/cli's business.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { EventView } from "../../src/admin/event-view.ts";
import type {
  AcceptedView,
  ConversationJson,
  InviteView,
  MessageView,
  SentView,
  StatusView,
} from "../../src/admin/views.ts";
import type { CommandResult } from "../support/cli/umbrad-command.ts";
import { assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { inTime, Stage, until } from "./stage/processes.ts";

const TEXT_BYTES_MAX = 64 * 1024;
const waiting = ["--timeout", "120s"] as const;

interface Network {
  readonly alice: Party;
  readonly bob: Party;
  readonly carol: Party;
}

test("commands against real daemons", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const parties = ["alice", "bob", "carol"].map((name) => new Party(stage, name, ["--peer", node.multiaddr]));
  for (const party of parties) await party.init();
  await Promise.all(parties.map((party) => party.start()));
  for (const party of parties) await party.wait("synced");
  const [alice, bob, carol] = parties as [Party, Party, Party];
  const network: Network = { alice, bob, carol };
  await connect(alice, bob, "hello");

  await t.test("status and wait", () => statusAndWait(network));
  await t.test("conversations by handle and id; unknown ones", () => conversations(network));
  await t.test("send waits for what it is told to wait for", () => sendAndWait(network));
  await t.test("--key: once, however often", () => keys(network));
  await t.test("texts: stdin, dashes, empty, as large as allowed and one byte more", () => texts(network));
  await t.test("history pages", () => history(network));
  await t.test("event list and listen", () => events(network));
  await t.test("invite links that are refused", () => refusedLinks(network));
  await t.test("a one-time link serves one; a link for two serves two", (t) => linkUses(t, network));
  await t.test("a listener hears of the end", () => endOfListen(stage, network));

  for (const party of [bob, carol]) await party.stop();
  assertNoErrors(stage);
});

function refused(result: CommandResult, exitCode: number, code: string): void {
  assert.equal(result.code, exitCode, result.stderr);
  assert.equal(result.stdout, "");
  assert.match(result.stderr, new RegExp(`\\[${code}\\]`));
}

async function statusAndWait({ alice }: Network): Promise<void> {
  const status = await alice.json<StatusView>("status");
  assert.equal(status.state, "ready");
  assert.deepEqual(status.reasons, []);
  assert.match(String(status.clientAddress), /^[0-9a-f]{64}$/);
  assert.deepEqual(status.network, { peers: 1, configuredPeers: 1, listening: 1 });
  assert.deepEqual([status.synced, status.conversations, status.parked], [true, 1, 0]);
  assert.equal(status.pid, alice.running.pid);
  const text = await alice.text("status");
  for (const line of [/^state +ready$/m, /^network +1 of 1 peers, listening on 1 topics$/m, /^synced +yes$/m]) {
    assert.match(text, line);
  }
  for (const condition of ["ready", "synced", "outbox-empty"]) {
    assert.equal(await alice.text("wait", condition, ...waiting), `${condition}: yes\n`);
    assert.deepEqual(await alice.json("wait", condition, ...waiting), { condition, met: true });
  }
  refused(await alice.command(["wait", "dinner"]), 64, "cli/usage");
}

async function conversations({ alice, bob }: Network): Promise<void> {
  const [one] = await alice.conversations();
  const [other] = await bob.conversations();
  assert.ok(one !== undefined && other !== undefined);
  assert.deepEqual([one.handle, one.type, one.name], ["c1", "private/v1", null]);
  assert.equal(one.peer, (await bob.status()).clientAddress);
  assert.equal(one.id, other.id, "both sides call it the same");
  assert.match(await alice.text("conversation", "list"), new RegExp(`^HANDLE .*\\nc1 +- +private/v1 +${one.peer} `));

  assert.match(await alice.text("send", one.id, "by id"), / queued\n$/);
  const unknown = await alice.command(["send", "c9", "hello", "--json"]);
  assert.equal(unknown.code, 67);
  const { error } = JSON.parse(unknown.stderr) as { error: { code: string; hint: string; retryable: boolean } };
  assert.deepEqual([error.code, error.retryable], ["conversation/unknown", false]);
  assert.match(error.hint, /there are: c1; see `umbrad conversation list`/);
  // c0 is the inbox, which is no conversation that anybody could write to.
  for (const command of [
    ["history", "nobody"],
    ["listen", "nobody", "--max", "1"],
    ["send", "c0", "hello"],
    ["history", "c0"],
  ]) {
    refused(await alice.command(command), 67, "conversation/unknown");
  }
}

async function sendAndWait({ alice, bob }: Network): Promise<void> {
  const id = /^[0-9a-f]{32,} /;
  assert.match(await alice.text("send", "c1", "wait queued", "--wait", "queued"), / queued\n$/);
  assert.match(await alice.text("send", "c1", "wait published", "--wait", "published", ...waiting), id);
  const sent = await alice.json<SentView>("send", "c1", "wait delivered", "--wait", "delivered", ...waiting);
  assert.deepEqual([sent.state, sent.conversation], ["delivered", "c1"]);
  const last = (await alice.json<{ messages: MessageView[] }>("history", "c1")).messages.at(-1);
  assert.deepEqual([last?.messageId, last?.state, last?.direction], [sent.messageId, "delivered", "out"]);
  const texts = await bob.receivedTexts();
  assert.deepEqual(texts.slice(-3), ["wait queued", "wait published", "wait delivered"]);
}

async function keys({ alice, bob }: Network): Promise<void> {
  const send = (text: string, ...flags: string[]) =>
    alice.json<SentView>("send", "c1", text, "--key", "order 1", ...flags);
  const first = await send("pay 1", "--wait", "delivered", ...waiting);
  const [again, together] = await Promise.all([send("pay 1"), send("pay 1")]);
  assert.deepEqual(again, first, "with the state that the message has by now");
  assert.deepEqual(together, first);
  const conflict = await alice.command(["send", "c1", "pay 2", "--key", "order 1"]);
  refused(conflict, 1, "message/key-conflict");
  await alice.stop();
  await alice.start();
  assert.equal((await send("pay 1")).messageId, first.messageId, "the key outlives the process");
  // Asked at the same time, before any of them is answered.
  const rivals = await Promise.all(
    [1, 2, 3, 4].map(() => alice.json<SentView>("send", "c1", "rival", "--key", "order 2")),
  );
  assert.equal(new Set(rivals.map(({ messageId }) => messageId)).size, 1);
  await alice.text("send", "c1", "after keys", "--wait", "delivered", ...waiting);
  const received = await bob.receivedTexts();
  assert.deepEqual(received.slice(-3), ["pay 1", "rival", "after keys"]);
}

async function texts({ alice, bob }: Network): Promise<void> {
  const largest = "é".repeat(TEXT_BYTES_MAX / 2);
  const awkward = 'a\tb\r\n"quoted" \u{1F512} \u202E';
  const before = (await bob.receivedTexts()).length;
  for (const stdin of ["from stdin\n", `${largest}\n`, awkward]) {
    const result = await alice.command(["send", "c1", "-"], { stdin });
    assert.equal(result.code, 0, result.stderr);
  }
  await alice.text("send", "c1", "--", "-5 degrees");
  refused(await alice.command(["send", "c1", "-5 degrees"]), 64, "cli/usage");
  refused(await alice.command(["send", "c1", ""]), 65, "message/empty");
  refused(await alice.command(["send", "c1", "-"], { stdin: "\n" }), 65, "message/empty");
  refused(await alice.command(["send", "c1", "-"], { stdin: Uint8Array.of(0xff, 0xfe) }), 65, "message/not-text");
  refused(await alice.command(["send", "c1", "-"], { stdin: `${largest}x` }), 65, "message/too-large");
  refused(await alice.command(["send", "c1", "-"], { stdin: "x".repeat(2 ** 20) }), 65, "message/too-large");
  const received = await bob.receive(before + 4);
  assert.deepEqual(received.slice(before), ["from stdin", largest, awkward, "-5 degrees"]);
  const shown = await bob.text("history", "c1", "--limit", "2");
  assert.match(shown, /: a\\u\{9\}b\\u\{d\}\\n"quoted" \u{1F512} \\u\{202e\}\n/u, "no peer writes to this terminal");
}

async function history({ alice, bob }: Network): Promise<void> {
  const page = async (...flags: string[]): Promise<MessageView[]> => {
    return (await bob.json<{ messages: MessageView[] }>("history", "c1", ...flags)).messages;
  };
  const all = await page("--limit", "1000");
  assert.ok(all.length > 10);
  assert.deepEqual(await page("--limit", "3"), all.slice(-3));
  assert.deepEqual(await page("--limit", "4", "--before", String(all.at(-3)?.messageId)), all.slice(-7, -3));
  assert.deepEqual(await page("--before", String(all[0]?.messageId)), []);
  const { clientAddress } = await alice.status();
  const senders = new Set(all.filter(({ direction }) => direction === "in").map(({ sender }) => sender));
  assert.deepEqual([...senders], [clientAddress]);
  refused(await bob.command(["history", "c1", "--before", "0".repeat(64)]), 67, "message/unknown");
  assert.equal((await bob.text("history", "c1", "--limit", "2")).trimEnd().split("\n").length, 2);
}

async function events({ alice, bob }: Network): Promise<void> {
  const list = async (...flags: string[]): Promise<EventView[]> => {
    const lines = (await bob.text("event", "list", "--json", ...flags)).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  };
  const all = await list();
  assert.deepEqual(
    all.map(({ v, seq }) => [v, seq]),
    all.map((_event, index) => [1, index + 1]),
  );
  const { lastSeq } = await bob.status();
  assert.equal(all.length, lastSeq);
  assert.deepEqual(await list("--after", "3", "--limit", "2"), all.slice(3, 5));
  assert.deepEqual(await list("--after", String(lastSeq)), []);
  assert.match(await bob.text("event", "list", "--limit", "1"), /^1 {2}\S+Z {2}c1 {2}conversation\.opened/);

  assert.deepEqual(await listenedTo(bob, "--after", "2", "--max", "4"), all.slice(2, 6));
  assert.deepEqual(await listenedTo(bob, "c1", "--after", "0", "--max", "1"), all.slice(0, 1));
  const live = listenedTo(bob, "--after", String(lastSeq), "--max", "1", ...waiting);
  await alice.text("send", "c1", "live");
  assert.equal((await live)[0]?.data["text"], "live");
  const silent = await bob.command(["listen", "--max", "1", "--timeout", "2s"]);
  refused(silent, 75, "cli/timeout");
}

async function listenedTo(party: Party, ...flags: string[]): Promise<EventView[]> {
  const lines = (await party.text("listen", "--json", ...flags)).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

async function refusedLinks({ alice, bob }: Network): Promise<void> {
  const own = await alice.json<InviteView>("invite", "create");
  refused(await alice.command(["invite", "accept", own.link]), 65, "invite/own");
  for (const garbage of [
    "hello",
    "umbra:",
    `${own.link.slice(0, -9)}`,
    `${own.link}AAAA`,
    own.link.replace(/.{3}$/, "AAA"),
  ]) {
    const result = await bob.command(["invite", "accept", garbage]);
    assert.equal(result.code, 65, garbage);
    assert.match(result.stderr, /\[invite\/(?:malformed|unsupported)\]/);
  }
  refused(await bob.command(["invite", "accept", "-"], { stdin: "" }), 64, "request/invalid");
  const short = await alice.json<InviteView>("invite", "create", "--expires", "1s");
  await until("the end of its second", () => Date.now() > Date.parse(short.expires) || undefined);
  refused(await bob.command(["invite", "accept", short.link]), 65, "invite/expired");
  refused(await alice.command(["invite", "create", "--expires", "soon"]), 64, "cli/usage");
  refused(await alice.command(["invite", "create", "--uses", "0"]), 64, "request/invalid");
  assert.equal((await bob.conversations()).length, 1, "nothing was opened");
}

async function linkUses(t: TestContext, { alice, bob, carol }: Network): Promise<void> {
  const received = async (party: Party): Promise<number> => (await party.receivedTexts()).length;
  const once = (await alice.text("invite", "create")).trim();
  const before = await received(alice);
  const first = await bob.command(["invite", "accept", "-", "--message", "I was first", "--json"], {
    stdin: `${once}\n`,
  });
  const bobs = (JSON.parse(first.stdout) as AcceptedView).conversation;
  await alice.receive(before + 1);
  // Carol cannot know: the link looks good, her daemon waits for an answer that never comes.
  const late = await carol.json<AcceptedView>("invite", "accept", once, "--message", "too late");
  await carol.wait("outbox-empty");
  await bob.text("send", bobs, "heard me", "--wait", "delivered", ...waiting);
  assert.deepEqual((await alice.receive(before + 2)).slice(-2), ["I was first", "heard me"]);
  const unanswered = (await carol.json<{ messages: MessageView[] }>("history", late.conversation)).messages;
  // A Store node has it after a few seconds, or not yet; nobody has read it.
  assert.equal(unanswered.length, 1);
  assert.match(unanswered[0]?.state ?? "", /^(published|stored)$/);

  const twice = await alice.json<InviteView>("invite", "create", "--uses", "2");
  assert.equal(twice.uses, 2);
  for (const [index, party] of [bob, carol].entries()) {
    await party.text("invite", "accept", twice.link, "--message", `use ${index + 1}`);
    assert.equal((await alice.receive(before + 3 + index)).at(-1), `use ${index + 1}`);
  }
  const peers = (await alice.conversations()).map(({ peer }: ConversationJson) => peer);
  const [bobsAddress, carolsAddress] = [(await bob.status()).clientAddress, (await carol.status()).clientAddress];
  assert.deepEqual(peers, [bobsAddress, bobsAddress, bobsAddress, carolsAddress]);
  t.diagnostic(`${peers.length} conversations`);
}

async function endOfListen(stage: Stage, { alice }: Network): Promise<void> {
  const listening = stage.launch("listener", ["listen", "--state-dir", alice.stateDir, "--after", "0", "--json"]);
  await alice.text("send", "c1", "goodbye", "--wait", "delivered", ...waiting);
  const { lastSeq } = await alice.status();
  await inTime(
    "all events",
    listening.output.line((line) => JSON.parse(line).seq === lastSeq),
  );
  await alice.text("stop");
  const { code } = await inTime("the end of listen", listening.ended);
  assert.equal(code, 69);
  assert.equal(listening.output.lines.length, lastSeq);
  const { error } = JSON.parse(listening.output.stderr);
  assert.equal(error.code, "admin/stream-ended");
  assert.match(error.hint, new RegExp(`--after ${lastSeq}$`));
}
