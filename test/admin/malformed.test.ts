// Goal: whatever comes on a connection, the answer is our problem object or the end, and nothing is done. Method: bytes that
// no HTTP library would send, to a real server; and faults that Fastify or Node would answer in words of their own.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import * as answers from "../../src/admin/api/answers.ts";
import { startAdminFixture } from "../support/admin/admin-fixture.ts";

const host = "Host: umbrad\r\n";
const get = (path: string, headers = "") => `GET ${path} HTTP/1.1\r\n${host}${headers}Connection: close\r\n\r\n`;
const post = (path: string, body: string, headers = "Content-Type: application/json\r\n") =>
  `POST ${path} HTTP/1.1\r\n${host}${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
const sent = '{"conversation":"c1","text":"x"}';

/** What comes, and the status and code that it draws. */
const refusals: readonly (readonly [string, number, string])[] = [
  ["\0\0\0\0\r\n\r\n", 400, "request/malformed"],
  ['{"jsonrpc":"2.0"}\n\r\n\r\n', 400, "request/malformed"],
  ["GET / HTTP/9.9\r\n\r\n", 400, "request/malformed"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "request/malformed"],
  [`CONNECT x:1 HTTP/1.1\r\n${host}\r\n`, 400, "request/malformed"],
  [get("/v1/conversations/\xff"), 400, "request/malformed"],
  [post("/v1/messages", sent, "Content-Length: 3\r\n"), 400, "request/malformed"],
  [post("/v1/messages", sent, "Transfer-Encoding: chunked\r\n"), 400, "request/malformed"],
  [`POST /v1/messages HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`, 400, "request/malformed"],
  [get("/livez", `X: ${"x".repeat(40_000)}\r\n`), 431, "request/headers-too-large"],
  [get("/livez", "a: b\r\n".repeat(5_000)), 431, "request/headers-too-large"],
  [get(`/v1/conversations/${"x".repeat(30_000)}`), 431, "request/headers-too-large"],
  [get(`/v1/conversations/${"x".repeat(5_000)}`), 400, "request/invalid"],
  [get(`/v1/conversations/${"x".repeat(256)}`), 400, "request/invalid"],
  ["GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", 403, "admin/forbidden"],
  ["GET /livez HTTP/1.0\r\n\r\n", 403, "admin/forbidden"],
  [get("/livez", "Host: evil.example\r\n"), 403, "admin/forbidden"],
  [`OPTIONS * HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, 404, "request/no-such-route"],
  [get("//evil/livez"), 404, "request/no-such-route"],
  [get("/livez", "Content-Length: 3\r\n").concat("abc"), 400, "request/invalid"],
  [get("/livez", "Transfer-Encoding: chunked\r\n").concat("5\r\nab"), 400, "request/invalid"],
  [get("/livez?x=1"), 400, "request/invalid"],
  [get("/v1/events?after=1&after=2"), 400, "request/invalid"],
  [get("/v1/events?__proto__=1"), 400, "request/invalid"],
  [get("/v1/events?after=1e3"), 400, "request/invalid"],
  [post("/v1/reload", '{"force":true}'), 400, "request/invalid"],
  [post("/v1/reload", "[1]"), 400, "request/invalid"],
  [post("/v1/messages", sent, "Content-Type: ;;;\r\n"), 415, "request/media-type"],
  [post("/v1/messages", sent, ""), 415, "request/media-type"],
  [post("/v1/messages", sent, "Content-Type: application/json; charset=utf-16\r\n"), 415, "request/media-type"],
  [
    post("/v1/messages", sent, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"),
    415,
    "request/media-type",
  ],
  [post("/v1/conversations/c1/files?name=a", "x", "Content-Type: text/plain\r\n"), 415, "request/media-type"],
  [post("/v1/messages", '{"__proto__":{"text":"x"},"conversation":"c1"}'), 400, "request/invalid"],
  [post("/v1/messages", '{"conversation":"c1","text":"x","constructor":{}}'), 400, "request/invalid"],
  [post("/v1/messages", '{"conversation":"c1","text":1e400}'), 400, "request/invalid"],
  [post("/v1/consumers/a/ack", '{"seq":1e400}'), 400, "request/invalid"],
  [post("/v1/consumers/a/ack", '{"seq":-1}'), 400, "request/invalid"],
  [post("/v1/consumers/a/ack", '{"seq":9007199254740993}'), 400, "request/invalid"],
];

test("every refusal is the problem object, with a next step", async (t) => {
  const { socketPath, engine, logged } = await startAdminFixture(t);
  engine.open(null);
  for (const [bytes, status, code] of refusals) {
    const where = bytes.slice(0, 200);
    const { head, body } = await exchange(t, socketPath, bytes);
    const view = answers.error.parse(JSON.parse(body));
    assert.equal(`${head.split(" ")[1]} ${view.code}`, `${status} ${code}`, where);
    assert.match(head, /^content-type: application\/problem\+json/im, where);
    assert.match(head, /^umbrad-api: 1\r$/m, where);
    assert.ok(view.hint !== undefined && view.message !== "", where);
  }
  assert.equal(engine.lastSeq(), 1, "nothing was written");
  const loud = logged.filter((line) => !line.includes('"level":"debug"'));
  assert.deepEqual(loud, []);
  assert.equal(logged.join("").includes("evil"), false);
});

test("what looks odd and is allowed is answered as it is meant", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  for (const bytes of [
    get("/livez", "Expect: the-unexpected\r\n"),
    get("http://umbrad/livez"),
    post("/v1/reload", "", ""),
    post("/v1/reload", "{}"),
    get("/livez", "Upgrade: websocket\r\n"),
    post("/v1/messages", sent, "Content-Type: application/json;charset=UTF-8\r\n"),
  ]) {
    const { head } = await exchange(t, socketPath, bytes);
    assert.match(head, /^HTTP\/1\.1 20[02] /, bytes);
  }
  const head = await exchange(t, socketPath, `HEAD /livez HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
  assert.match(head.head, /^HTTP\/1\.1 404 /);
  assert.equal(head.body, "");
});

test("nonsense behind a request is never taken for its answer", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  const follow = `GET /v1/events?follow=true&after=0 HTTP/1.1\r\n${host}\r\n`;
  const { body } = await exchange(t, socketPath, `${follow}\0nonsense\r\n\r\n`);
  assert.equal(body.includes("request/malformed"), false);
});

/** Until the server closes. */
function exchange(t: TestContext, path: string, bytes: string): Promise<{ head: string; body: string }> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    t.after(() => socket.destroy());
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
    });
    // What the server has not read when it closes is a reset.
    socket.on("error", () => {});
    socket.on("close", () => {
      const [head = "", ...body] = text.split("\r\n\r\n");
      resolve({ head: `${head}\r\n`, body: body.join("\r\n\r\n") });
    });
    socket.write(bytes, "latin1");
  });
}
