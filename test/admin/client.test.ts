// Goal: `umbrad/client` over both listeners: typed calls, errors with their codes, a stream that ends for good reasons only.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type EventView, type UmbradClient } from "../../src/admin/client/umbrad-client.ts";
import type { NewTokenJson } from "../../src/admin/views.ts";
import { call, startAdminFixture } from "../support/admin-fixture.ts";

const tcp = { host: "::1", port: 0 } as const;

test("the same calls on the socket and over TCP with a token", async (t) => {
  const { socketPath, server, engine } = await startAdminFixture(t, { tcp });
  const made = await call(socketPath, "POST", "/v1/tokens", { body: '{"name":"all","roles":["admin"]}' });
  const { token } = made.json as unknown as NewTokenJson;
  engine.open("friend");
  const clients = [connect({ socket: socketPath }), connect({ url: `http://${server.tcp}/`, token })];
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
  assert.throws(() => connect({ url: `http://${server.tcp}` }), { code: "cli/usage" });
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

async function first(
  client: UmbradClient,
  options: Parameters<UmbradClient["listen"]>[0],
  then: () => void,
): Promise<EventView[]> {
  const events: EventView[] = [];
  for await (const event of client.listen(options)) {
    events.push(event);
    then();
  }
  return events;
}
