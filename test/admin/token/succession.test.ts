/**
 * Goal: a token for a conversation reads what took its place with the same contact, over its own end, and nothing else.
 * Method: real engines with real conversations, which supersede each other as they do in life; the real server over TCP.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { after, before, describe, it, type TestContext, test } from "node:test";
import type { EventView } from "../../../src/admin/event-view.ts";
import { systemClock } from "../../../src/daemon/clock.ts";
import { UmbradError } from "../../../src/engine/errors.ts";
import { call, callTcp, startAdminFixture } from "../../support/admin/admin-fixture.ts";
import { MemoryTokens } from "../../support/admin/token-table.ts";
import { createNetwork } from "../../support/engine/in-process-transport.ts";
import { removeDir, scratchDir, startNode, type TestNode, until } from "../../support/engine/test-node.ts";

describe("a token for a conversation that is superseded", () => {
  const network = createNetwork({ clock: systemClock });
  const names = ["alice", "bob", "carol"] as const;
  const nodes: TestNode[] = [];
  const directories: string[] = [];
  const table = new MemoryTokens();

  before(async () => {
    for (const name of names) {
      const directory = scratchDir(name);
      directories.push(directory);
      nodes.push(await startNode(network.transport(name), directory));
    }
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    for (const directory of directories) removeDir(directory);
  });

  const alice = () => (nodes[0] as TestNode).engine;
  /** The next conversation of alice, in which she has heard the other. */
  async function meet(other: number, handle: string, text: string): Promise<void> {
    const { link } = await alice().createInvite({ uses: 1, expiresAtMs: Date.now() + 60_000 });
    await (nodes[other] as TestNode).engine.acceptInvite({ link, text });
    await until(
      () =>
        alice()
          .conversations()
          .some((view) => view.handle === handle && view.isHeard),
      handle,
    );
  }

  async function serve(t: TestContext) {
    const fixture = await startAdminFixture(t, { tcp: { host: "127.0.0.1", port: 0 }, tokenTable: table });
    fixture.host.engine = alice();
    const port = Number(fixture.server.tcp?.split(":")[1]);
    return {
      async make(name: string, conversation: string): Promise<string> {
        const body = JSON.stringify({ name, roles: ["read", "send"], conversations: [conversation] });
        return String((await call(fixture.socketPath, "POST", "/v1/tokens", { body })).json["token"]);
      },
      as(token: string, path: string, body?: object) {
        const headers = { authorization: `Bearer ${token}` };
        return body === undefined
          ? callTcp(port, "GET", path, { headers })
          : callTcp(port, "POST", path, { headers, body: JSON.stringify(body) });
      },
      /** Of a stream that follows: the first event like this. */
      async follow(token: string) {
        const headers = { authorization: `Bearer ${token}` };
        const sent = request({ host: "127.0.0.1", port, path: "/v1/events?follow=true", headers, agent: false });
        sent.end();
        const [response]: IncomingMessage[] = await once(sent, "response");
        t.after(() => sent.destroy());
        return async (matches: (event: EventView) => boolean): Promise<EventView> => {
          for await (const line of createInterface({ input: response as IncomingMessage })) {
            if (line !== "" && matches(JSON.parse(line))) return JSON.parse(line);
          }
          throw new Error("the stream ended");
        };
      },
    };
  }

  it("reads the successor, live and later, and sends once under one key", async (t) => {
    const { make, as, follow } = await serve(t);
    await meet(1, "c1", "first");
    await meet(2, "c2", "of carol");
    const token = await make("one", "c1");
    const later = await make("later", "c1");
    const next = await follow(token);
    const keyed = (conversation: string) => as(token, "/v1/messages", { conversation, text: "once", key: "k" });
    const before = (await keyed("c1")).json["messageId"];
    await meet(1, "c3", "second");
    const live = await next(({ type }) => type === "message.received");
    assert.deepEqual([live.conversation, live.data["text"]], ["c3", "second"]);
    for (const name of ["c1", "c3"]) assert.equal((await keyed(name)).json["messageId"], before, name);

    const { json } = await as(token, "/v1/messages", { conversation: "c1", text: "goes over" });
    assert.equal(json["conversation"], "c3");
    assert.equal((await as(token, `/v1/messages/${json["messageId"]}`)).json["text"], "goes over");
    assert.match((await as(token, "/v1/conversations/c3/messages")).text, /second/);
    const page = (await as(token, "/v1/events")).text;
    for (const text of ["first", "second"]) assert.ok(page.includes(text), text);
    assert.equal(page.includes("of carol"), false);
    const { conversations } = (await as(token, "/v1/conversations")).json as { conversations: { handle: string }[] };
    assert.deepEqual(conversations.map(({ handle }) => handle).sort(), ["c1", "c3"]);
    assert.equal((await as(token, "/v1/conversations/c2/messages")).status, 403);

    table.replace = () => {
      throw new UmbradError("store/full", "the disk is full");
    };
    const { status } = await as(later, "/v1/conversations/c3/messages");
    Reflect.deleteProperty(table, "replace");
    assert.equal(status, 200, "what cannot be kept is known all the same");
    await as(later, "/v1/conversations/c3/messages");
    assert.deepEqual(table.list().find(({ name }) => name === "later")?.successors, [[3]]);
  });

  it("an older conversation with the same contact stays closed to it", async (t) => {
    const { make, as } = await serve(t);
    const token = await make("newer", "c3");
    const [old] = alice().messages({ conversation: "c1", limit: 1 });
    for (const path of [
      "/v1/conversations/c1/messages",
      "/v1/events?conversation=c1",
      `/v1/messages/${old?.messageId}`,
    ])
      assert.equal((await as(token, path)).status, 403, path);
    const { status, json } = await as(token, `/v1/conversations/c3/messages?before=${old?.messageId}`);
    assert.equal(`${status} ${json["code"]}`, "404 message/unknown");
    assert.equal((await as(token, "/v1/events")).text.includes("first"), false);
  });

  it("what was superseded may close: the token goes on, also after a restart", async (t) => {
    await alice().people.leaveConversation("c1");
    const again = await serve(t);
    const token = await again.make("late", "c3");
    await again.as(token, "/v1/events");
    await meet(1, "c4", "third");
    assert.match((await again.as(token, "/v1/events")).text, /third/);
    await alice().people.leaveConversation("c3");
    const third = await serve(t);
    const { text } = await third.as(token, "/v1/events");
    for (const seen of ["second", "third"]) assert.ok(text.includes(seen), `${seen} in ${text}`);
    assert.equal((await third.as(token, "/v1/messages", { conversation: "c4", text: "still here" })).status, 202);
  });

  it("who left the last of them and meets the contact again has another conversation", async (t) => {
    const { make, as } = await serve(t);
    const token = await make("left", "c4");
    await alice().people.leaveConversation("c4");
    await meet(1, "c5", "another time");
    const { status, text } = await as(token, "/v1/events");
    assert.deepEqual([status, text.includes("third"), text.includes("another time")], [200, true, false]);
    assert.equal((await as(token, "/v1/messages", { conversation: "c5", text: "x" })).status, 403);
  });
});

test("a stream passes over nothing that is on disk before it is known whose successor it is in", async (t) => {
  const fixture = await startAdminFixture(t, { tcp: { host: "127.0.0.1", port: 0 }, pace: { keepAliveMs: 5 } });
  const { engine, server, socketPath } = fixture;
  const [old, next] = [engine.open("old"), engine.open("next")];
  const body = JSON.stringify({ name: "one", roles: ["read"], conversations: ["old"] });
  const { token } = (await call(socketPath, "POST", "/v1/tokens", { body })).json;
  const [host = "", port] = (server.tcp ?? "").split(":");
  const headers = { authorization: `Bearer ${token}` };
  const sent = request({ host, port: Number(port), path: "/v1/events?follow=true", headers, agent: false });
  t.after(() => sent.destroy());
  sent.end();
  const [response]: IncomingMessage[] = await once(sent, "response");
  const lines = createInterface({ input: response as IncomingMessage })[Symbol.asyncIterator]();
  engine.isSilent = true;
  engine.receive(next, "the first of the successor");
  // With each heartbeat the stream has looked.
  for (let beats = 0; beats < 3; beats += 1) assert.equal((await lines.next()).value, "");
  engine.successors.set(old.handle, [next.handle]);
  engine.isSilent = false;
  engine.receive(old, "the last of the old one");
  const texts: string[] = [];
  while (texts.length < 2) {
    const { value } = await lines.next();
    assert.ok(value !== undefined, "the stream ended");
    if (value !== "") texts.push(JSON.parse(value).data.text);
  }
  assert.deepEqual(texts, ["the first of the successor", "the last of the old one"]);
});
