// Goal: `umbrad/client` over both listeners: typed calls, errors with their codes, a stream that ends for good reasons only.
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { patiently } from "../../src/admin/client/patience.ts";
import {
  connect,
  isRefused,
  isRetryable,
  type UmbradClient,
  UmbradError,
  type UmbradEvent,
} from "../../src/admin/client/umbrad-client.ts";
import { connectAdmin } from "../../src/admin/client.ts";
import type { NewTokenJson } from "../../src/admin/views.ts";
import { call, startAdminFixture } from "../support/admin/admin-fixture.ts";

/** The other loop-back, where the machine has it: containers often have not. */
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
const tcp = { host: hasIpv6 ? "::1" : "127.0.0.1", port: 0 } as const;

test("the same calls on the socket and over TCP with a token", async (t) => {
  const { socketPath, server, engine } = await startAdminFixture(t, { tcp });
  const made = await call(socketPath, "POST", "/v1/tokens", { body: '{"name":"all","roles":["admin"]}' });
  const { token } = made.json as unknown as NewTokenJson;
  engine.open("friend");
  const clients = [connect({ socket: socketPath }), connect({ url: `http://${server.tcp}/`, token: `${token}\n` })];
  for (const [index, client] of clients.entries()) {
    assert.equal((await client.status()).listen, server.tcp);
    assert.deepEqual(
      (await client.conversations()).map(({ name }) => name),
      index === 0 ? ["friend"] : ["friend", null],
    );
    const sent = await client.send("friend", `hello ${index}`, { key: `k${index}` });
    assert.deepEqual(await client.send("friend", `hello ${index}`, { key: `k${index}` }), sent);
    assert.equal((await client.message(sent.messageId)).state, "queued");
    assert.equal((await client.trace(sent.messageId)).message.messageId, sent.messageId);
    assert.equal((await client.history("friend", { limit: 1 })).length, 1);
    const { link } = await client.createInvite({ uses: 2 });
    assert.match((await client.acceptInvite(link, "hi")).conversation, /^c\d$/);
    assert.equal((await client.publicLink()).link, "umbra:public");
    assert.deepEqual(await client.requests(), []);
    assert.ok(Array.isArray(await client.contacts()) && Array.isArray(await client.invites()));
    await assert.rejects(client.send("nobody", "x"), { code: "conversation/unknown" });
  }
  assert.throws(() => connect({ url: "http://192.168.1.1:80", token }), { code: "cli/usage" });
  for (const wrong of [undefined, "\n", `${token}\n${token}`, "\u2026"])
    assert.throws(() => connect({ url: `http://${server.tcp}`, token: wrong }), { code: "cli/usage" });
  await assert.rejects(connect({ socket: `${socketPath}.not` }).status(), { code: "daemon/unreachable" });
});

test("listen: acknowledged when the next is asked for, so what threw comes again", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  for (let n = 0; n < 4; n += 1) engine.daemonEvent("node.tick");
  const client = connect({ socket: socketPath });
  const seen: number[] = [];
  const handle = async (failAt: number): Promise<void> => {
    for await (const { seq } of client.listen({ consumer: "bot" })) {
      seen.push(seq);
      if (seq === failAt) throw new Error("the handler failed");
    }
  };
  await assert.rejects(handle(2), /the handler failed/);
  await assert.rejects(handle(4), /the handler failed/);
  assert.deepEqual(seen, [1, 2, 2, 3, 4]);
  assert.equal((await client.consumers())[0]?.ackedSeq, 3);
  assert.equal((await client.acknowledge("bot", 4)).behind, 0);
});

test("listen: ends with its signal, throws what no repetition mends", async (t) => {
  const { socketPath, server, engine } = await startAdminFixture(t, { tcp });
  const made = await call(socketPath, "POST", "/v1/tokens", { body: '{"name":"one","roles":["read"]}' });
  const { token } = made.json as unknown as NewTokenJson;
  const stop = new AbortController();
  const ended = first(connect({ socket: socketPath }), { after: 0, signal: stop.signal }, () => stop.abort());
  engine.daemonEvent("node.tick");
  assert.equal((await ended).length, 1);

  const revoked = first(connect({ url: `http://${server.tcp}`, token }), { after: 0 }, () => {
    void call(socketPath, "DELETE", "/v1/tokens/one");
  });
  await assert.rejects(revoked, { code: "admin/unauthorized" });
  await assert.rejects(
    first(connect({ socket: socketPath }), { conversations: ["nobody"] }, () => {}),
    {
      code: "conversation/unknown",
    },
  );
});

test("files go both ways, under whatever name", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open("friend");
  const client = connect({ socket: socketPath });
  const bytes = new Uint8Array(200_000).map((_, index) => index % 251);
  const name = "a b+c & ü%20.bin";
  const sent = await client.sendFile("friend", { name, bytes, mime: "image/png" }, { key: "file" });
  assert.deepEqual(Buffer.from(await client.content(sent.messageId)), Buffer.from(bytes));
  const stop = new AbortController();
  const events = await first(client, { after: 0, signal: stop.signal }, ({ type }) => {
    if (type === "message.queued") stop.abort();
  });
  const event = events.at(-1);
  assert.ok(event?.type === "message.queued");
  const { file, text } = event.data;
  assert.deepEqual([file?.name, file?.mime, file?.size, text], [name, "image/png", bytes.length, undefined]);
});

test("with a key a send waits for the daemon; without one it is not repeated", async (t) => {
  const { socketPath, engine, host } = await startAdminFixture(t);
  engine.open("friend");
  const client = connect({ socket: socketPath });
  host.draining = true;
  const isDraining = { code: "daemon/draining" };
  const startMs = performance.now();
  await assert.rejects(client.send("friend", "once"), isDraining);
  assert.ok(performance.now() - startMs < 30_000, "it was asked for once");
  await assert.rejects(client.send("friend", "never", { key: "k", patienceMs: 0 }), isDraining);
  const sent = client.send("friend", "patient", { key: "patient" });
  const mark = await client.send("friend", "x", { key: "y", patienceMs: 300 }).catch((error: unknown) => error);
  assert.ok(isRetryable(mark) && !isRefused(mark), "by then the first was refused too");
  host.draining = false;
  assert.equal((await client.message((await sent).messageId)).state, "queued");
  const texts = (await client.history("friend")).map((message) => "text" in message && message.text);
  assert.deepEqual(texts, ["patient"]);
});

test("what is refused for this message only can be told from what ends a bot", async () => {
  const told = (code: string): boolean[] => [isRefused, isRetryable].map((is) => is(new UmbradError(code, "x")));
  assert.deepEqual(told("message/too-large"), [true, false]);
  assert.deepEqual(told("message/queue-full"), [true, true]);
  assert.deepEqual(told("conversation/wrong-state"), [true, false]);
  assert.deepEqual(told("contact/blocked"), [true, false]);
  assert.deepEqual(told("daemon/unreachable"), [false, true]);
  assert.deepEqual(told("admin/unauthorized"), [false, false]);
  let attempts = 0;
  const ask = async (): Promise<never> => {
    attempts += 1;
    throw new UmbradError("message/queue-full", "its peer takes nothing");
  };
  await assert.rejects(patiently(200, ask), { code: "message/queue-full" });
  assert.equal(attempts, 1, "one peer holds nobody up");
  assert.equal(isRefused(new Error("message/x")) || isRetryable(undefined), false);
});

test("a body whose type nobody said is told which it needs", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open("friend");
  const body = '{"conversation":"friend","text":"x"}';
  const form = await call(socketPath, "POST", "/v1/messages", {
    body,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  assert.match(String((form.json as { hint?: unknown }).hint), /content-type: application\/json/);
});

test("a stream without heartbeats counts as cut, one with them does not", { timeout: 180_000 }, async (t) => {
  const silent = await startAdminFixture(t, { pace: { keepAliveMs: 600_000 } });
  const beating = await startAdminFixture(t, { pace: { keepAliveMs: 20 } });
  const begin = async ({ socketPath }: { socketPath: string }): Promise<AsyncIterator<string>> => {
    const admin = connectAdmin({
      place: { socketPath },
      timeoutMs: 30_000,
      silenceMs: 1_500,
      startHint: async () => "",
    });
    const stream = await admin.events(new URLSearchParams({ follow: "true" }));
    t.after(() => stream.close());
    return stream.lines[Symbol.asyncIterator]();
  };
  const [dead, alive] = await Promise.all([begin(silent), begin(beating)]);
  const next = alive.next();
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await dead.next()).done, true);
    if (round === 0) assert.equal((await (await begin(silent)).next()).done, true, "that took as long again");
  }
  beating.engine.daemonEvent("node.tick");
  assert.equal((await next).done, false);
});

async function first(
  client: UmbradClient,
  options: Parameters<UmbradClient["listen"]>[0],
  then: (event: UmbradEvent) => void,
): Promise<UmbradEvent[]> {
  const events: UmbradEvent[] = [];
  for await (const event of client.listen(options)) {
    events.push(event);
    then(event);
  }
  return events;
}
