// Goal: nobody shuts the owner out, whatever connections he opens and how little he says on them. Method: hundreds of
// connections that never finish a request, on both listeners, and then the umbrad command.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { CONNECTIONS_MAX, FOLLOWERS_MAX, UPLOADS_MAX } from "../../src/admin/limits.ts";
import { type AdminFixture, call, callTcp, startAdminFixture } from "../support/admin/admin-fixture.ts";
import { umbrad } from "../support/cli/umbrad-command.ts";

const head = "POST /v1/messages HTTP/1.1\r\nHost: umbrad\r\nContent-Type: application/json\r\nContent-Length: 100\r\n";
/** Nothing, half a header, half a body, and a body whose chunks do not end. */
const begun = [
  "",
  head,
  `${head}\r\n{"conversation":`,
  `${head.replace("Content-Length: 100", "Transfer-Encoding: chunked")}\r\n5\r\n{"a":\r\n`,
];

test("200 half-open connections on each listener: the owner is answered at once", async (t) => {
  const fixture = await startAdminFixture(t, { tcp: { host: "127.0.0.1", port: 0 } });
  const { socketPath, stateDir } = fixture;
  const port = tcpPort(fixture);
  const made = await call(socketPath, "POST", "/v1/tokens", { body: '{"name":"a","roles":["read"]}' });
  for (let n = 0; n < 200; n += 1) {
    for (const place of [{ path: socketPath }, { host: "127.0.0.1", port }]) {
      const socket = await open(t, place);
      socket.write(begun[n % begun.length] ?? "");
    }
  }
  const startMs = performance.now();
  const result = await umbrad(t, ["status", "--json"], { env: { UMBRAD_STATE_DIR: stateDir } });
  assert.equal(result.code, 0, result.stderr);
  // None of the limits of time has helped.
  assert.ok(performance.now() - startMs < 10_000, `${performance.now() - startMs} ms`);
  const headers = { authorization: `Bearer ${made.json["token"]}` };
  assert.equal((await callTcp(port, "GET", "/v1/status", { headers })).status, 200);
});

test("who idles leaves first, then the oldest unfinished; who waits for an answer stays", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const send = engine.send.bind(engine);
  engine.send = async (one) => {
    reached.resolve();
    await gate;
    return send(one);
  };
  const body = '{"conversation":"c1","text":"x"}';
  const working = await open(t, { path: socketPath });
  working.write(`${head.replace("100", String(body.length))}\r\n${body}`);
  await reached.promise;
  const unfinished: Socket[] = [];
  for (let n = 0; n < CONNECTIONS_MAX - 2; n += 1) unfinished.push(await open(t, { path: socketPath }));
  const idle = await open(t, { path: socketPath });
  idle.write("GET /livez HTTP/1.1\r\nHost: umbrad\r\n\r\n");
  await once(idle, "data");

  const left = (socket: Socket | undefined) => once(socket ?? idle, "close");
  const idleLeft = left(idle);
  await open(t, { path: socketPath });
  await idleLeft;
  const [first, second] = unfinished;
  const firstLeft = left(first);
  await open(t, { path: socketPath });
  await firstLeft;
  assert.equal(second?.destroyed, false);
  release();
  const [answer] = await once(working, "data");
  assert.match(String(answer), /^HTTP\/1\.1 202 /);
});

test("an idle keep-alive connection that was let go is no error to a program with an agent", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const ask = async (): Promise<number | undefined> => {
    const sent = request({ socketPath, path: "/livez", agent, headers: { host: "umbrad" } }).end();
    const [response] = await once(sent, "response");
    response.resume();
    await once(response, "end");
    return response.statusCode;
  };
  assert.equal(await ask(), 200);
  for (let n = 0; n < 2 * CONNECTIONS_MAX; n += 1) await open(t, { path: socketPath });
  assert.equal(await ask(), 200);
});

test("followers leave room for those who ask and go, and one that leaves makes room for another", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  const follow = async (): Promise<[Socket, string]> => {
    const socket = await open(t, { path: socketPath });
    socket.write("GET /v1/events?follow=true HTTP/1.1\r\nHost: umbrad\r\n\r\n");
    const [answer] = await once(socket, "data");
    return [socket, String(answer)];
  };
  const followers: Socket[] = [];
  for (let n = 0; n < FOLLOWERS_MAX; n += 1) {
    const [socket, answer] = await follow();
    assert.match(answer, /^HTTP\/1\.1 200 /);
    followers.push(socket);
  }
  const log = await call(socketPath, "GET", "/v1/log?follow=true");
  assert.equal(`${log.status} ${log.json["code"]} ${log.json["retryable"]}`, "503 admin/busy true");
  for (let n = 0; n < CONNECTIONS_MAX; n += 1) await open(t, { path: socketPath });
  assert.equal((await call(socketPath, "GET", "/v1/status")).status, 200);
  for (const socket of followers) assert.equal(socket.destroyed, false);
  followers[0]?.destroy();
  // The server hears of it a moment later than its peer.
  let answer = "";
  const deadline = performance.now() + 60_000;
  while (!answer.startsWith("HTTP/1.1 200") && performance.now() < deadline) [, answer] = await follow();
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test("so many files come at once, whoever sends them slowly; the next is told to come back", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  const upload =
    "POST /v1/conversations/c1/files?name=x HTTP/1.1\r\nHost: umbrad\r\nContent-Type: application/octet-stream\r\n" +
    "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n";
  const senders: Socket[] = [];
  for (let n = 0; n < UPLOADS_MAX; n += 1) {
    const socket = await open(t, { path: socketPath });
    socket.write(upload);
    await once(socket, "data");
    senders.push(socket);
  }
  const headers = { "content-type": "application/octet-stream" };
  const send = () => call(socketPath, "POST", "/v1/conversations/c1/files?name=x", { headers, body: "x" });
  const refused = await send();
  assert.equal(`${refused.status} ${refused.json["code"]} ${refused.json["retryable"]}`, "503 admin/busy true");
  const [first] = senders;
  assert.ok(first);
  first.write("x".repeat(1000));
  const [answer] = await once(first, "data");
  assert.match(String(answer), /^HTTP\/1\.1 202 /);
  assert.equal((await send()).status, 202);
});

test("an answer that nobody takes is cut; one that takes its time is waited for", async (t) => {
  // Reader and server are one process: no pause of it may look like a reader who takes nothing.
  const { socketPath, engine } = await startAdminFixture(t, { pace: { stalledMs: 1_500 } });
  engine.open(null);
  for (let n = 0; n < 40; n += 1) await engine.send({ conversation: "c1", text: "x".repeat(60_000) });
  const reader = connect({ path: socketPath });
  t.after(() => reader.destroy());
  reader.on("error", () => {});
  await once(reader, "connect");
  reader.write("GET /v1/conversations/c1/messages?limit=1000 HTTP/1.1\r\nHost: umbrad\r\n\r\n");
  const deadline = performance.now() + 60_000;
  const clients = async (): Promise<string> => (await call(socketPath, "GET", "/metrics")).text;
  while (!(await clients()).includes('umbrad_api_clients{transport="unix"} 1\n') && performance.now() < deadline);
  let bytes = 0;
  reader.on("data", (chunk) => {
    bytes += chunk.length;
  });
  await once(reader, "close");
  assert.ok(bytes < 40 * 60_000, `${bytes} bytes came`);

  const send = engine.send.bind(engine);
  engine.send = async (one) => {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return send(one);
  };
  const body = '{"conversation":"c1","text":"late"}';
  assert.equal((await call(socketPath, "POST", "/v1/messages", { body })).status, 202);
});

test("who asks for much and reads nothing gets one answer at a time, and is cut before memory ends", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  for (let n = 0; n < 1_000; n += 1) await engine.send({ conversation: "c1", text: "x".repeat(60_000) });
  const messages = engine.messages.bind(engine);
  let pages = 0;
  engine.messages = (query) => {
    pages += 1;
    return messages(query);
  };
  const greedy = 4;
  for (let n = 0; n < greedy; n += 1) {
    const socket = connect({ path: socketPath });
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write("GET /v1/conversations/c1/messages?limit=1000 HTTP/1.1\r\nHost: umbrad\r\n\r\n".repeat(16));
  }
  const deadline = performance.now() + 60_000;
  const clients = async (): Promise<number> =>
    Number(/umbrad_api_clients\{transport="unix"\} (\d+)/.exec((await call(socketPath, "GET", "/metrics")).text)?.[1]);
  while (pages < greedy && performance.now() < deadline) await clients();
  // The caller itself, and whose answers have room.
  while ((await clients()) > 1 + 1 && performance.now() < deadline);
  assert.equal(await clients(), 1 + 1);
  assert.equal(pages, greedy, "no second page of anybody was made");
});

function tcpPort({ server }: AdminFixture): number {
  return Number(server.tcp?.split(":").at(-1));
}

async function open(t: TestContext, place: NetConnectOpts): Promise<Socket> {
  const socket = connect(place);
  t.after(() => socket.destroy());
  // To be let go may be a reset.
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket.resume();
}
