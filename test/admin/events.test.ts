import assert from "node:assert/strict";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { type TestContext, test } from "node:test";
import { UmbradError } from "../../src/engine/errors.ts";
import { call, startAdminFixture } from "../support/admin/admin-fixture.ts";

test("without follow: the whole log, with content where it is announced", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const view = engine.open("friend");
  engine.receive(view, "hi \u{1F512}");
  const { messageId } = await engine.send({ conversation: "friend", text: "answer" });
  engine.advance(messageId, "published");
  engine.daemonEvent("daemon.note");
  const { text, headers } = await call(socketPath, "GET", "/v1/events");
  assert.equal(headers["content-type"], "application/x-ndjson");
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const ts = "2026-11-22T10:00:00.000Z";
  const base = { v: 1, ts };
  const peer = "cd".repeat(32);
  const received = { messageId: "0".repeat(31).concat("1"), sender: peer, timestamp: ts, text: "hi \u{1F512}" };
  const queued = { messageId, sender: "ab".repeat(32), timestamp: ts, text: "answer" };
  assert.deepEqual(lines, [
    { ...base, seq: 1, type: "conversation.opened", conversation: "c1", data: { peer, role: "inviter" } },
    { ...base, seq: 2, type: "message.received", conversation: "c1", data: received },
    { ...base, seq: 3, type: "message.queued", conversation: "c1", data: queued },
    { ...base, seq: 4, type: "message.published", conversation: "c1", data: { messageId } },
    { ...base, seq: 5, type: "daemon.note", conversation: null, data: {} },
  ]);
});

test("after, limit and conversation choose", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const [one, two] = [engine.open("one"), engine.open("two")];
  engine.receive(one, "a");
  engine.receive(two, "b");
  engine.receive(one, "c");
  const seqs = async (query: string, headers = {}): Promise<number[]> => {
    const { text } = await call(socketPath, "GET", `/v1/events${query}`, { headers });
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line).seq);
  };
  assert.deepEqual(await seqs("?after=2"), [3, 4, 5]);
  assert.deepEqual(await seqs("?after=2&limit=1"), [3]);
  assert.deepEqual(await seqs("?conversation=two"), [2, 4]);
  assert.deepEqual(await seqs("?conversation=two&conversation=one&after=3"), [4, 5]);
  assert.deepEqual(await seqs("", { "last-event-id": "4" }), [5]);
  assert.deepEqual(await seqs("?after=5"), []);
});

test("follow: the past, then what comes, in order and without a gap", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const view = engine.open(null);
  for (let n = 0; n < 200; n += 1) engine.receive(view, `past ${n}`);
  const reader = await openStream(t, socketPath, "/v1/events?follow=true&after=0");
  await reader.until((lines) => lines.length >= 150);
  for (let n = 0; n < 100; n += 1) engine.receive(view, `live ${n}`);
  const lines = await reader.until((all) => all.length >= 301);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).seq),
    Array.from({ length: 301 }, (_, at) => at + 1),
  );
});

test("follow without after starts now; a limit ends it; other conversations stay out", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const [one, two] = [engine.open("one"), engine.open("two")];
  const reader = await openStream(t, socketPath, "/v1/events?follow=true&limit=2&conversation=two");
  assert.equal(reader.response.headers["umbrad-after"], "2");
  engine.receive(one, "not for it");
  engine.receive(two, "first");
  engine.receive(one, "not for it");
  engine.receive(two, "second");
  engine.receive(two, "third");
  await reader.ended;
  assert.deepEqual(
    reader.lines().map((line) => JSON.parse(line).data.text),
    ["first", "second"],
  );
  assert.equal(engine.followers, 0);
});

test("server-sent events carry id, type and data, and resume by Last-Event-ID", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const view = engine.open(null);
  engine.receive(view, "one\ntwo");
  const headers = { accept: "text/event-stream", "last-event-id": "1" };
  const reader = await openStream(t, socketPath, "/v1/events?follow=true&limit=1", headers);
  await reader.ended;
  assert.equal(reader.response.headers["content-type"], "text/event-stream");
  const [retry, id, event, data] = reader.lines();
  assert.deepEqual([retry, id, event], ["retry: 2000", "id: 2", "event: message.received"]);
  assert.equal(JSON.parse(data?.slice("data: ".length) ?? "").data.text, "one\ntwo");
});

test("a silent stream says that it lives", async (t) => {
  const { socketPath } = await startAdminFixture(t, { pace: { keepAliveMs: 5 } });
  const reader = await openStream(t, socketPath, "/v1/events?follow=true", { accept: "text/event-stream" });
  await reader.until((lines) => lines.filter((line) => line === ": keep-alive").length >= 2);
});

test("an event that was never announced comes all the same", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t, { pace: { keepAliveMs: 20 } });
  const reader = await openStream(t, socketPath, "/v1/events?follow=true");
  engine.isSilent = true;
  engine.daemonEvent("node.tick");
  const [line] = await reader.until((lines) => lines.length > 0);
  assert.equal(JSON.parse(line ?? "").type, "node.tick");
});

test("a reader that goes away is forgotten", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const reader = await openStream(t, socketPath, "/v1/events?follow=true");
  assert.equal(engine.followers, 1);
  reader.call.destroy();
  await condition(() => engine.followers === 0);
});

test("a reader that stands still costs bounded memory and is cut; others do not notice", async (t) => {
  // So long that the quick one, which shares this process, never stands still for it on a busy machine.
  const { socketPath, engine, logged } = await startAdminFixture(t, { pace: { stalledMs: 1_500 } });
  const view = engine.open(null);
  const slow = await openStream(t, socketPath, "/v1/events?follow=true&after=0");
  slow.response.pause();
  const quick = await openStream(t, socketPath, "/v1/events?follow=true&after=0");
  const text = "x".repeat(15_000);
  for (let n = 0; n < 400; n += 1) engine.receive(view, text);
  const lines = await quick.until((all) => all.length === 401);
  assert.equal(JSON.parse(lines[400] ?? "{}").seq, 401);
  await condition(() => logged.some((line) => line.includes("admin.reader-cut")));
  assert.equal(engine.followers, 1);
  engine.receive(view, "still there");
  await quick.until((all) => all.length === 402);
});

test("more than the allowed bytes waiting for one reader cut it at once", async (t) => {
  const { socketPath, engine, logged } = await startAdminFixture(t, { pace: { unsentBytesMax: 1_000 } });
  const view = engine.open(null);
  const slow = await openStream(t, socketPath, "/v1/events?follow=true");
  slow.response.pause();
  for (let n = 0; n < 400; n += 1) engine.receive(view, "x".repeat(15_000));
  await condition(() => logged.some((line) => line.includes("admin.reader-cut")));
});

test("the streams end in good order when the daemon stops", async (t) => {
  const { socketPath, server } = await startAdminFixture(t);
  const reader = await openStream(t, socketPath, "/v1/events?follow=true");
  await server.stopAccepting();
  await reader.ended;
  assert.equal(reader.response.complete, true);
});

test("a stream that cannot go on is cut, so that its reader asks again and is told why", async (t) => {
  const { socketPath, engine, logged } = await startAdminFixture(t);
  engine.open("friend");
  const reader = await openStream(t, socketPath, "/v1/events?follow=true&conversation=friend&after=0");
  engine.events = () => {
    throw new UmbradError("conversation/unknown", "it was closed meanwhile");
  };
  const closed = new Promise((resolve) => reader.response.once("close", resolve));
  engine.daemonEvent("node.tick");
  await closed;
  assert.ok(logged.some((line) => line.includes("admin.stream-broken") && line.includes("conversation/unknown")));
});

interface Reader {
  readonly call: ClientRequest;
  readonly response: IncomingMessage;
  readonly ended: Promise<void>;
  lines(): string[];
  until(met: (lines: string[]) => boolean): Promise<string[]>;
}

async function openStream(t: TestContext, socketPath: string, path: string, headers = {}): Promise<Reader> {
  const call = request({ socketPath, path, headers, agent: false });
  t.after(() => call.destroy());
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    call.on("response", resolve).on("error", reject);
    call.end();
  });
  // Cut connections are what some of these tests are about.
  response.on("error", () => {});
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const lines = (): string[] =>
    text
      .split("\n")
      .slice(0, -1)
      .filter((line) => line !== "");
  return {
    call,
    response,
    lines,
    ended: new Promise((resolve) => response.once("end", resolve)),
    async until(met) {
      await condition(() => met(lines()));
      return lines();
    },
  };
}

async function condition(met: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!met()) {
    assert.ok(performance.now() < deadline, "the condition was not met in time");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
