// Goal: no caller costs the daemon more than its share. Method: raw connections that do what a bad client does.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { BODY_DEPTH_MAX, IN_FLIGHT_MAX } from "../../src/admin/limits.ts";
import { FILE_BYTES_MAX } from "../../src/wire/file-content.ts";
import { call, startAdminFixture } from "../support/admin/admin-fixture.ts";

test("JSON that is nested too deeply is refused, also before it is JSON", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  const post = (body: string) => call(socketPath, "POST", "/v1/messages", { body });
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  assert.match((await post(nested(BODY_DEPTH_MAX + 1))).text, /nested deeper/);
  assert.match((await post("[".repeat(500_000))).text, /nested deeper/);
  assert.doesNotMatch((await post(nested(BODY_DEPTH_MAX))).text, /nested deeper/);
  const brackets = JSON.stringify({ conversation: "[[[[".repeat(60), text: `\\"${"{".repeat(100)}` });
  assert.match((await post(brackets)).text, /conversation\/unknown/);
});

test("a connection may have so many requests under way; the others on it are refused, nobody else is", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const send = engine.send.bind(engine);
  engine.send = async (request) => {
    await gate;
    return send(request);
  };
  const body = JSON.stringify({ conversation: "c1", text: "x" });
  const head = `POST /v1/messages HTTP/1.1\r\nHost: umbrad\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const socket = open(t, socketPath);
  socket.write(`${head}${body}`.repeat(IN_FLIGHT_MAX + 3));
  assert.equal((await call(socketPath, "GET", "/livez")).status, 200);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  // Answers come in the order of the requests, so the first has to be there before the refusals can be read.
  release();
  while ((text.match(/HTTP\/1\.1 /g) ?? []).length < IN_FLIGHT_MAX + 3) await once(socket, "data");
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));
  assert.deepEqual(statuses, [...Array(IN_FLIGHT_MAX).fill(202), 503, 503, 503]);
});

test("half-open connections are let go: silent, in the middle of a header, in the middle of a body", async (t) => {
  const { socketPath } = await startAdminFixture(t, { requestMs: 100 });
  const begun = ["", "GET /livez HT", "POST /v1/messages HTTP/1.1\r\nHost: umbrad\r\nContent-Length: 10\r\n\r\n{"];
  const sockets = begun.map((bytes) => {
    const socket = open(t, socketPath);
    socket.resume().write(bytes);
    return socket;
  });
  await Promise.all(sockets.map(closed));
  assert.equal((await call(socketPath, "GET", "/livez")).status, 200);
});

test("bytes that are no HTTP are answered with 400 and the end", async (t) => {
  const { socketPath, logged } = await startAdminFixture(t);
  for (const bytes of ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "A".repeat(100_000), '{"jsonrpc":"2.0"}\n\r\n\r\n']) {
    const socket = open(t, socketPath);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.write(bytes);
    await closed(socket);
    assert.match(text, /^HTTP\/1\.1 4\d\d /);
  }
  assert.equal(logged.filter((line) => !line.includes('"level":"debug"')).length, 0);
});

test("callers that vanish in the middle of a request or an answer take nothing with them", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  const upload = "POST /v1/conversations/c1/files?name=x HTTP/1.1\r\nHost: umbrad\r\n";
  const bytes = "Content-Type: application/octet-stream\r\nContent-Length: ";
  const begun = [
    `${upload}${bytes}1000000\r\n\r\n${"x".repeat(200_000)}`,
    // Refused by its length while it still sends.
    `${upload}${bytes}99000000\r\n\r\n${"x".repeat(200_000)}`,
    "GET /v1/status HTTP/1.1\r\nHost: umbrad\r\n\r\n".repeat(8),
    "GET /v1/events?follow=true HTTP/1.1\r\nHost: umbrad\r\n\r\n",
  ];
  for (let round = 0; round < 20; round += 1) {
    const sockets = begun.map((text) => {
      const socket = open(t, socketPath);
      socket.write(text, () => socket.destroy());
      return socket;
    });
    await Promise.all(sockets.map(closed));
  }
  const headers = { "content-type": "application/octet-stream", "transfer-encoding": "chunked" };
  const body = "x".repeat(FILE_BYTES_MAX + 1);
  for (let round = 0; round < 3; round += 1) {
    const refused = call(socketPath, "POST", "/v1/conversations/c1/files?name=x", { headers, body });
    // The answer, or a reset because it was not waited for.
    await refused.then(
      ({ status }) => assert.equal(status, 413),
      (error: NodeJS.ErrnoException) => assert.match(String(error.code), /ECONNRESET|EPIPE/),
    );
  }
  assert.equal((await call(socketPath, "GET", "/v1/status")).status, 200);
});

/** Also when it was reset: then an error comes first. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

function open(t: TestContext, path: string): Socket {
  const socket = connect({ path });
  t.after(() => socket.destroy());
  // A server that has enough resets.
  socket.on("error", () => {});
  return socket;
}
