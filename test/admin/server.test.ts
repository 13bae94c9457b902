import assert from "node:assert/strict";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startAdminServer } from "../../src/admin/server.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import { call, startAdminFixture } from "../support/admin/admin-fixture.ts";
import { idleOperator } from "../support/admin/test-operator.ts";
import { memoryTokens } from "../support/admin/token-table.ts";
import { testMetrics } from "../support/engine/test-metrics.ts";

test("the socket is for its owner only", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
});

test("a left-over file is replaced, a path that no socket can have is refused with advice", async (t) => {
  const { stateDir, host, engine } = await startAdminFixture(t);
  const leftOver = join(stateDir, "old.sock");
  await writeFile(leftOver, "");
  const adminHost = {
    engine: () => host.engine,
    draining: () => false,
    identity: { name: null, version: "0", pid: 1, startedAtMs: 0 },
    requestStop: () => {},
    backUp: () => Promise.reject(new Error("nobody asks for a backup here")),
    rekey: () => Promise.reject(new Error("nobody asks for that here")),
    now: () => engine.nowMs,
    tokens: memoryTokens(),
    metrics: testMetrics(() => host.engine),
    operator: idleOperator(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const second = await startAdminServer(adminHost, { socketPath: leftOver });
  assert.equal((await call(leftOver, "GET", "/livez")).status, 200);
  await second.stopAccepting();
  await second.close();
  await assert.rejects(stat(leftOver), { code: "ENOENT" });

  const long = join(stateDir, `${"x".repeat(120)}.sock`);
  await assert.rejects(startAdminServer(adminHost, { socketPath: long }), { code: "admin/socket-path-too-long" });
  const nowhere = join(stateDir, "no-such-directory", "a.sock");
  await assert.rejects(startAdminServer(adminHost, { socketPath: nowhere }), { code: "admin/cannot-listen" });
});

test("the socket may be for a group too, outside the state directory only", async (t) => {
  const { stateDir, host } = await startAdminFixture(t);
  const gid = process.getgid?.() ?? 0;
  const place = join(stateDir, "run");
  await mkdir(place, { mode: 0o700 });
  const adminHost = {
    engine: () => host.engine,
    draining: () => false,
    identity: { name: null, version: "0", pid: 1, startedAtMs: 0 },
    requestStop: () => {},
    backUp: () => Promise.reject(new Error("nobody asks for a backup here")),
    rekey: () => Promise.reject(new Error("nobody asks for that here")),
    now: () => 0,
    tokens: memoryTokens(),
    metrics: testMetrics(() => host.engine),
    operator: idleOperator(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const start = (socketPath: string, name: string) =>
    startAdminServer(adminHost, { socketPath, group: { name, stateDir } });
  const server = await start(join(place, "a.sock"), String(gid));
  const [socket, directory] = await Promise.all([stat(join(place, "a.sock")), stat(place)]);
  assert.deepEqual([socket.mode & 0o777, socket.gid], [0o660, gid]);
  assert.deepEqual([directory.mode & 0o777, directory.gid], [0o750, gid]);
  await server.stopAccepting();
  await server.close();
  await assert.rejects(start(join(stateDir, "b.sock"), String(gid)), {
    code: "admin/cannot-listen",
    message: /inside/,
  });
  await assert.rejects(start(join(place, "b.sock"), "no-such-group"), { message: /no group "no-such-group"/ });
  await assert.rejects(stat(join(place, "b.sock")), { code: "ENOENT" });
});

test("status has the documented fields", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  const answer = await call(socketPath, "GET", "/v1/status");
  assert.equal(answer.headers["umbrad-api"], "1");
  assert.deepEqual(answer.json, {
    name: "test-node",
    state: "ready",
    reasons: [],
    clientAddress: "ab".repeat(32),
    network: { peers: 1, configuredPeers: 2, listening: 1 },
    canary: { state: "hearing", rttMs: 12, ageMs: 3_000, silentNodes: [] },
    synced: true,
    conversations: 0,
    outbox: 0,
    parked: 0,
    quota: null,
    lastSeq: 0,
    backedUpAt: null,
    version: "0.0.0-test",
    pid: 4711,
    startedAt: "2026-11-22T10:00:00.000Z",
    listen: null,
  });
});

test("while starting and while stopping: status answers, the rest says come back", async (t) => {
  const { socketPath, host } = await startAdminFixture(t);
  host.engine = undefined;
  assert.equal((await call(socketPath, "GET", "/v1/status")).json["state"], "starting");
  assert.equal((await call(socketPath, "GET", "/livez")).status, 200);
  assert.equal((await call(socketPath, "GET", "/readyz")).status, 503);
  for (const path of ["/v1/conversations", "/v1/events", "/v1/messages/00"]) {
    const { status, json } = await call(socketPath, "GET", path);
    assert.equal(status, 503, path);
    assert.equal(json["code"], "daemon/starting");
    assert.equal(json["retryable"], true);
  }
  host.draining = true;
  assert.equal((await call(socketPath, "GET", "/v1/status")).json["state"], "draining");
  assert.equal((await call(socketPath, "GET", "/v1/conversations")).json["code"], "daemon/draining");
});

test("readyz follows the state", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  assert.equal((await call(socketPath, "GET", "/readyz")).status, 200);
  engine.state = "degraded";
  const { status, json } = await call(socketPath, "GET", "/readyz");
  assert.equal(status, 503);
  assert.equal(json["code"], "daemon/not-ready");
  assert.equal(json["message"], "the daemon is degraded; no service peer is configured");
});

test("invites, conversations, messages", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const post = (path: string, body: unknown) => call(socketPath, "POST", path, { body: JSON.stringify(body) });

  const invite = await post("/v1/invites", { uses: 3, expiresInMs: 3_600_000 });
  assert.equal(invite.status, 201);
  const expires = "2026-11-22T11:00:00.000Z";
  assert.deepEqual(invite.json, { link: "umbra:invite:i1", id: "i1", uses: 3, expires });

  const accepted = await post("/v1/invites/accept", { link: "umbra:invite:x", text: "hello" });
  assert.deepEqual(accepted.json, { conversation: "c1", messageId: "00000000000000000000000000000001" });

  const list = await call(socketPath, "GET", "/v1/conversations");
  const [view] = engine.conversations();
  assert.ok(view);
  const { createdAtMs: _, isHeard: __, ...fields } = view;
  assert.deepEqual(list.json, { conversations: [{ ...fields, createdAt: "2026-11-22T10:00:00.000Z", state: "open" }] });

  const sent = await post("/v1/messages", { conversation: "c1", text: "second", key: "k" });
  assert.equal(sent.status, 202);
  const messageId = "00000000000000000000000000000002";
  assert.deepEqual(sent.json, { messageId, state: "queued", conversation: "c1" });
  assert.deepEqual((await post("/v1/messages", { conversation: "c1", text: "second", key: "k" })).json, sent.json);
  assert.equal((await post("/v1/messages", { conversation: "c1", text: "other", key: "k" })).status, 409);

  const one = await call(socketPath, "GET", `/v1/messages/${messageId}`);
  assert.equal(one.json["text"], "second");
  assert.equal(one.json["direction"], "out");
  const page = await call(socketPath, "GET", "/v1/conversations/c1/messages?limit=1");
  assert.deepEqual(page.json, { messages: [one.json] });
  const older = await call(socketPath, "GET", `/v1/conversations/c1/messages?before=${messageId}`);
  assert.equal(older.text.includes("hello"), true);
  assert.equal(older.text.includes("second"), false);
});

test("errors carry a code, an advice and the request id", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  const { status, json } = await call(socketPath, "GET", "/v1/conversations/nobody/messages");
  assert.equal(status, 404);
  const { requestId, ...rest } = json;
  assert.equal(typeof requestId, "string");
  assert.deepEqual(rest, {
    code: "conversation/unknown",
    message: 'no conversation is called "nobody"',
    retryable: false,
    hint: "umbrad conversation list",
  });
});

test("whoever takes the wrong method is told which ones a path has", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  const hintOf = async (path: string): Promise<unknown> => (await call(socketPath, "POST", path, {})).json["hint"];
  assert.match(String(await hintOf("/v1/conversations/c1/messages")), /^it takes GET; /);
  assert.match(String(await hintOf("/v1/conversations/c1?x=1")), /^it takes GET, PATCH; /);
  const guessed = await call(socketPath, "GET", "/v1/messages?conversation=c1");
  assert.match(
    String(guessed.json["hint"]),
    /^it takes POST; there is GET \/v1\/conversations\/\{conversation\}\/messages; /,
  );
  const posted = await call(socketPath, "POST", "/v1/conversations/c1/messages", { body: "{}" });
  assert.match(String(posted.json["hint"]), /^it takes GET; there is POST \/v1\/messages; /);
  assert.match(String(await hintOf("/v1/conversation")), /^docs\/api\.md lists the paths/);
});

test("requests that are not ours to answer are refused", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  const refusals: [string, string, Parameters<typeof call>[3], number, string][] = [
    ["GET", "/v1/status", { headers: { origin: "https://evil.example" } }, 403, "admin/forbidden"],
    ["GET", "/v1/status", { headers: { referer: "https://evil.example/" } }, 403, "admin/forbidden"],
    ["GET", "/v1/status", { headers: { host: "evil.example" } }, 403, "admin/forbidden"],
    ["GET", "/v1/status", { headers: { "umbrad-api": "2" } }, 400, "admin/api-version"],
    ["GET", "/v2/status", {}, 404, "request/no-such-route"],
    ["DELETE", "/v1/status", {}, 404, "request/no-such-route"],
    ["POST", "/v1/messages", { body: "{" }, 400, "request/invalid"],
    ["POST", "/v1/messages", { body: "" }, 400, "request/invalid"],
    ["POST", "/v1/messages", { body: "[]" }, 400, "request/invalid"],
    ["POST", "/v1/messages", { body: '{"conversation":"c1"}' }, 400, "request/invalid"],
    ["POST", "/v1/messages", { body: '{"conversation":"c1","text":"x","txt":1}' }, 400, "request/invalid"],
    ["POST", "/v1/messages", { body: "a", headers: { "content-type": "text/plain" } }, 415, "request/media-type"],
    ["POST", "/v1/messages", { body: JSON.stringify({ text: "x".repeat(1 << 20) }) }, 413, "request/too-large"],
    [
      "POST",
      "/v1/messages",
      { body: JSON.stringify({ conversation: "c1", text: "x".repeat(70_000) }) },
      413,
      "message/too-large",
    ],
    ["POST", "/v1/messages", { body: JSON.stringify({ conversation: "c1", text: "" }) }, 400, "message/empty"],
    ["POST", "/v1/invites", { body: '{"uses":0}' }, 400, "request/invalid"],
    ["POST", "/v1/invites", { body: '{"uses":1.5}' }, 400, "request/invalid"],
    ["POST", "/v1/invites/accept", { body: '{"link":"http://x"}' }, 400, "invite/malformed"],
    ["GET", "/v1/events?after=-1", {}, 400, "request/invalid"],
    ["GET", "/v1/events?after=1&nonsense=1", {}, 400, "request/invalid"],
    ["GET", "/v1/events?follow=yes", {}, 400, "request/invalid"],
    ["GET", "/v1/events?follow=true&conversation=nobody", {}, 404, "conversation/unknown"],
    ["GET", "/v1/events", { headers: { "last-event-id": "x" } }, 400, "request/invalid"],
    ["GET", "/v1/messages/ffff", {}, 404, "message/unknown"],
    ["GET", "/v1/conversations/c1/messages?limit=0", {}, 400, "request/invalid"],
  ];
  engine.open(null);
  for (const [method, path, options, status, code] of refusals) {
    const answer = await call(socketPath, method, path, options);
    assert.equal(answer.json["code"], code, `${method} ${path} ${answer.text}`);
    assert.equal(answer.status, status, `${method} ${path}`);
    assert.equal(answer.headers["umbrad-api"], "1");
  }
  assert.equal(engine.lastSeq(), 1, "nothing was written");
});

test("a fault of our own is logged under its request id and tells the caller nothing", async (t) => {
  const { socketPath, engine, logged } = await startAdminFixture(t);
  engine.conversations = () => {
    throw new Error("canary-secret");
  };
  const { status, json, text } = await call(socketPath, "GET", "/v1/conversations");
  assert.equal(status, 500);
  assert.equal(json["code"], "internal/bug");
  assert.equal(text.includes("canary-secret"), false);
  const bug = logged.find((line) => line.includes("admin.bug"));
  assert.ok(bug?.includes(String(json["requestId"])));
});

test("texts, links, names and ids are never logged", async (t) => {
  const { socketPath, engine, logged } = await startAdminFixture(t);
  engine.open("canary-name");
  const post = (path: string, body: unknown) => call(socketPath, "POST", path, { body: JSON.stringify(body) });
  await post("/v1/messages", { conversation: "canary-name", text: "canary-text", key: "canary-key" });
  await post("/v1/messages", { conversation: "canary-unknown", text: "canary-text" });
  await post("/v1/invites/accept", { link: "canary-link" });
  await call(socketPath, "GET", "/v1/conversations/canary-name/messages");
  await call(socketPath, "GET", "/v1/events?conversation=canary-name");
  assert.ok(logged.length >= 4);
  assert.equal(logged.join("\n").includes("canary"), false);
});

test("stop: asked once, answered when everything is done", async (t) => {
  const { socketPath, host, server } = await startAdminFixture(t);
  const order: string[] = [];
  const stopping = new Promise<void>((resolve) => {
    host.onStop = resolve;
  });
  const answer = call(socketPath, "POST", "/v1/stop", { body: "{}" }).then((value) => {
    order.push("answered");
    return value;
  });
  await stopping;
  await server.stopAccepting();
  await assert.rejects(call(socketPath, "GET", "/livez"), { code: "ENOENT" });
  order.push("closing");
  await server.close();
  assert.deepEqual((await answer).json, { stopped: true });
  assert.deepEqual(order, ["closing", "answered"]);
  assert.equal(host.stopRequests, 1);
});

test("a caller that closes its half of the connection still gets the answer", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  const text = await rawExchange(
    t,
    socketPath,
    "GET /livez HTTP/1.1\r\nHost: umbrad\r\nConnection: close\r\n\r\n",
    true,
  );
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.match(text, /\{"alive":true\}$/);
});

test("a caller that never finishes its request is let go", async (t) => {
  const { socketPath } = await startAdminFixture(t, { requestMs: 100 });
  const text = await rawExchange(t, socketPath, "POST /v1/messages HTTP/1.1\r\nHost: umbrad\r\nContent-Le", false);
  assert.match(text, /^(?:HTTP\/1\.1 408 |$)/);
  assert.equal((await call(socketPath, "GET", "/livez")).status, 200);
});

test("an UmbradError of an adapter with a new code keeps its code", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.conversations = () => {
    throw new UmbradError("store/disk-full", "no space is left");
  };
  const { status, json } = await call(socketPath, "GET", "/v1/conversations");
  assert.equal(status, 500);
  assert.equal(json["code"], "store/disk-full");
});

/** Everything that comes back until the server closes. */
function rawExchange(t: TestContext, path: string, bytes: string, end: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    t.after(() => socket.destroy());
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject).on("end", () => resolve(text));
    socket.on("connect", () => (end ? socket.end(bytes) : socket.write(bytes)));
  });
}
