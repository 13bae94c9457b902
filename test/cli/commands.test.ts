// Goal: what each command prints, as text and with --json, and its exit code. Method: see the fixture.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  failed,
  fixturePeer as peer,
  startCliFixture,
  succeeded,
  fixtureTime as ts,
} from "../support/cli/cli-fixture.ts";
import { umbrad } from "../support/cli/umbrad-command.ts";

const address = "ab".repeat(32);
const firstId = "0".repeat(31).concat("1");
const secondId = "0".repeat(31).concat("2");

test("version", async (t) => {
  const node = process.versions.node;
  const text = await umbrad(t, ["version"]);
  assert.match(text.stdout, /^umbrad \d+\.\d+\.\d+\S* \(Node\.js \d/);
  const json = await umbrad(t, ["version", "--json"]);
  assert.deepEqual({ ...JSON.parse(json.stdout), version: "x" }, { version: "x", node });
  // The quick way and the one by all the flags say the same.
  assert.equal((await umbrad(t, ["version", "--timeout", "1s"])).stdout, text.stdout);
  assert.equal((await umbrad(t, ["--json", "version"])).stdout, json.stdout);
});

test("status", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const text = [
    "name           test-node",
    "state          ready",
    `address        ${address}`,
    "network        1 of 2 peers, listening on 1 topics",
    "canary         hearing, last back after 12 ms, 3 s ago",
    "synced         yes",
    "conversations  0",
    "outbox         0",
    "parked         0",
    "events         0",
    "last backup    none",
    "daemon         umbrad 0.0.0-test, pid 4711, since 2026-11-22T10:00:00.000Z",
    "",
  ].join("\n");
  succeeded(await run("status"), text);
  engine.state = "degraded";
  const json = JSON.parse((await run("status", "--json")).stdout);
  assert.deepEqual(json, {
    name: "test-node",
    state: "degraded",
    reasons: ["no service peer is configured"],
    clientAddress: address,
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
    startedAt: ts,
    listen: null,
  });
  engine.quota = {
    publications: 100,
    windowMs: 600_000,
    left: 0,
    nextAtMs: engine.nowMs,
    share: { tokens: 20, left: 3 },
  };
  const line = `quota          0 of 100 envelopes in 600 s left, the next at ${ts}; 3 of 20 for acknowledgements and repetitions\n`;
  assert.ok((await run("status")).stdout.includes(line));
  assert.deepEqual(JSON.parse((await run("status", "--json")).stdout).quota, {
    publications: 100,
    windowMs: 600_000,
    left: 0,
    nextAt: ts,
    share: { tokens: 20, left: 3 },
  });
});

test("health: every check, one check, and exit codes that scripts can rely on", async (t) => {
  const { run, engine, host } = await startCliFixture(t);
  const ready = [
    "ready",
    "CHECK    RESULT  WHAT",
    "peers    ok      1 of 2 service nodes are connected",
    "history  ok      nothing is missing",
    "",
  ].join("\n");
  succeeded(await run("health"), ready);
  const check = { name: "peers", ok: true, text: "1 of 2 service nodes are connected" };
  const data = { connected: 1, configured: 2 };
  assert.deepEqual(JSON.parse((await run("health", "peers", "--json")).stdout), { ...check, data });
  engine.state = "degraded";
  const degraded = await run("health", "--json");
  assert.equal(degraded.code, 75);
  assert.deepEqual([JSON.parse(degraded.stdout).state, JSON.parse(degraded.stdout).checks[0].ok], ["degraded", false]);
  assert.equal(JSON.parse(degraded.stderr).error.code, "daemon/not-ready");
  const peers = await run("health", "peers");
  assert.deepEqual([peers.code, peers.stdout], [75, "peers: failing, no service peer is configured\n"]);
  assert.equal((await run("health", "history")).code, 0, "a check that is in order, of a daemon that is not");
  assert.equal((await run("health", "weather")).code, 64);
  host.engine = undefined;
  const starting = await run("health");
  assert.deepEqual([starting.code, starting.stdout], [75, "starting\n"]);
  assert.equal((await run("health", "peers")).code, 75);
  assert.equal((await run("health", "--socket", "/nonexistent/admin.sock")).code, 69);
});

test("wait: met, never met, and a daemon that is not there yet", async (t) => {
  const { run, engine, host } = await startCliFixture(t);
  succeeded(await run("wait", "ready"), "ready: yes\n");
  succeeded(await run("wait", "synced", "--json"), '{"condition":"synced","met":true}\n');
  succeeded(await run("wait", "outbox-empty", "--json"), '{"condition":"outbox-empty","met":true}\n');
  engine.outbox = 2;
  failed(
    await run("wait", "outbox-empty", "--timeout", "200ms", "--json"),
    75,
    '{"error":{"code":"cli/timeout","message":"outbox-empty was not reached within 200 ms: state ready","retryable":true,' +
      '"hint":"umbrad status shows more; --timeout gives it longer"}}\n',
  );
  host.engine = undefined;
  const late = run("wait", "ready", "--timeout", "20s");
  host.engine = engine;
  succeeded(await late, "ready: yes\n");
});

test("invite create and accept", async (t) => {
  const { run } = await startCliFixture(t);
  const json = await run("invite", "create", "--uses", "2", "--expires", "1h", "--json");
  succeeded(json, '{"link":"umbra:invite:i1","id":"i1","uses":2,"expires":"2026-11-22T11:00:00.000Z"}\n');
  assert.equal(json.stderr, "");
  const text = await run("invite", "create");
  succeeded(text, "umbra:invite:i2\n");
  const note = "It can be used once, until 2026-11-29T10:00:00.000Z. The other side types: umbrad invite accept LINK\n";
  assert.equal(text.stderr, note);
  const accepted = await run("invite", "accept", "umbra:x", "--message", "hello", "--json");
  succeeded(accepted, `{"conversation":"c1","messageId":"${firstId}"}\n`);
  succeeded(await run("invite", "accept", "umbra:y", "--json"), '{"conversation":"c2","messageId":null}\n');
  failed(
    await run("invite", "accept", "http://example.org"),
    65,
    "umbrad: this is not an invite link [invite/malformed]\n  next: ask for a new link\n",
  );
});

test("invite public, which answers with a link and what it is for", async (t) => {
  const { run } = await startCliFixture(t);
  const text = await run("invite", "public");
  succeeded(text, "umbra:public\n");
  assert.match(text.stderr, /umbrad contact requests/);
  succeeded(await run("invite", "public", "--json"), '{"link":"umbra:public","expires":"2026-12-22T00:00:00.000Z"}\n');
});

test("a link may come from stdin, with the line break that a pipe adds", async (t) => {
  const { stateDir } = await startCliFixture(t);
  const env = { UMBRAD_STATE_DIR: stateDir };
  succeeded(await umbrad(t, ["invite", "accept", "-"], { env, stdin: "umbra:x\n" }), "c1\n");
});

test("conversation list", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const none = await run("conversation", "list");
  succeeded(none, "");
  assert.match(none.stderr, /umbrad invite create/);
  engine.open("ada");
  engine.open("evil\u001b[2J");
  const line = (handle: string, name: string): string => `${handle}      ${name}  private/v1  ${peer}  ${ts}  open\n`;
  succeeded(
    await run("conversation", "list"),
    `HANDLE  NAME           TYPE        PEER${" ".repeat(62)}CREATED                   STATE\n${line("c1", "ada          ")}${line("c2", "evil\\u{1b}[2J")}`,
  );
  const { conversations } = JSON.parse((await run("conversation", "list", "--json")).stdout);
  const id = `/private/v1/${"0".repeat(31)}1`;
  assert.deepEqual(conversations[0], {
    handle: "c1",
    id,
    type: "private/v1",
    name: "ada",
    peer,
    createdAt: ts,
    standing: "accepted",
    state: "open",
  });
});

test("send: the answer, the key, and what is refused", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  const sent = `{"messageId":"${firstId}","state":"queued","conversation":"c1"}\n`;
  succeeded(await run("send", "ada", "hello", "--key", "k1", "--json"), sent);
  succeeded(await run("send", "c1", "hello", "--key", "k1", "--json"), sent);
  succeeded(await run("send", "c1", "again"), `${secondId} queued\n`);
  assert.equal((await run("send", "c1", "other", "--key", "k1")).code, 1);
  assert.equal((await run("send", "c1", "")).code, 65);
  assert.equal((await run("send", "c1", "x".repeat(64 * 1024 + 1))).code, 65);
  failed(
    await run("send", "bob", "hello"),
    67,
    'umbrad: no conversation is called "bob" [conversation/unknown]\n  next: umbrad conversation list\n',
  );
  engine.open("ada");
  const ambiguous = await run("send", "ada", "hello");
  assert.equal(ambiguous.code, 67);
  assert.match(ambiguous.stderr, /ada names c1, c2/);
});

test("send: to people it says that a successor took the message", async (t) => {
  const { run, engine } = await startCliFixture(t);
  for (const name of ["old", "new"]) engine.open(name);
  engine.successors.set("c1", ["c2"]);
  for (const words of ["c1", "old"]) {
    const { code, stderr } = await run("send", words, "hi");
    assert.deepEqual([code, stderr], [0, "c1 has a successor with the same contact: the message went to c2\n"], words);
  }
  for (const words of ["c2", "new"]) assert.equal((await run("send", words, "hi")).stderr, "", words);
  const json = await run("send", "old", "hi", "--json");
  assert.deepEqual([JSON.parse(json.stdout).conversation, json.stderr], ["c2", ""]);
});

test("send - reads stdin: one final line break goes, the rest stays", async (t) => {
  const { engine, stateDir } = await startCliFixture(t);
  engine.open(null);
  const env = { UMBRAD_STATE_DIR: stateDir };
  const texts: [string | Uint8Array, string | number][] = [
    ["hi\n", "hi"],
    ["two\n\n", "two\n"],
    [" a\r\nb\r\n", " a\r\nb"],
    ["\u{1F512}", "\u{1F512}"],
    ["", 65],
    ["\n", 65],
    [Buffer.of(0xff, 0xfe), 65],
    [Buffer.alloc(600_000, "x"), 65],
  ];
  for (const [stdin, wanted] of texts) {
    const result = await umbrad(t, ["send", "c1", "-", "--json"], { env, stdin });
    if (typeof wanted === "number") {
      assert.equal(result.code, wanted, String(stdin).slice(0, 20));
    } else {
      assert.equal(result.code, 0, result.stderr);
      const { messageId } = JSON.parse(result.stdout);
      const { text } = (await import("../../src/admin/content-view.ts")).contentView(
        engine.message(messageId)!.body,
      ) as {
        text: string;
      };
      assert.equal(text, wanted);
    }
  }
});

test("a text that begins with - comes after --", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open(null);
  const refused = await run("send", "c1", "-5 degrees");
  assert.equal(refused.code, 64);
  assert.match(refused.stderr, /comes after --/);
  assert.equal((await run("send", "c1", "--", "-5 degrees")).code, 0);
});

test("send --wait: reached, failed, too late", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open(null);
  const onQueued = (act: (messageId: string) => void): void => {
    const stop = engine.onEvents(([event]) => {
      if (event?.type !== "message.queued" || event.message === undefined) return;
      stop();
      const { messageId } = event.message;
      setImmediate(() => act(messageId));
    });
  };
  onQueued((id) => {
    engine.advance(id, "published");
    // Later than the command looks for the first time, in any case.
    const follow = setInterval(() => {
      if (engine.followers === 0) return;
      clearInterval(follow);
      engine.advance(id, "delivered");
    }, 1);
  });
  const done = await run("send", "c1", "one", "--wait", "delivered", "--json");
  succeeded(done, `{"messageId":"${firstId}","state":"delivered","conversation":"c1"}\n`);

  onQueued((id) => engine.advance(id, "delivered"));
  assert.equal((await run("send", "c1", "two", "--wait", "stored")).stdout, `${secondId} delivered\n`);

  onQueued((id) => engine.advance(id, "failed"));
  const failure = await run("send", "c1", "three", "--wait", "published");
  assert.equal(failure.code, 1);
  assert.match(failure.stderr, /\[message\/failed\]/);

  const late = await run("send", "c1", "four", "--wait", "delivered", "--timeout", "1s", "--json");
  assert.equal(late.code, 75);
  assert.equal(JSON.parse(late.stdout).state, "queued");
  const { error } = JSON.parse(late.stderr);
  assert.equal(error.code, "message/not-confirmed");
  assert.match(error.message, /1 s passed before the message was delivered; it stays queued/);
});

test("history", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const view = engine.open(null);
  engine.receive(view, "line one\nline two\u202e");
  const { messageId } = await engine.send({ conversation: "c1", text: "answer" });
  succeeded(await run("history", "c1"), `${ts}  cdcdcdcd: line one\\nline two\\u{202e}\n${ts}  you (queued): answer\n`);
  const { messages } = JSON.parse((await run("history", "c1", "--limit", "1", "--json")).stdout);
  const fields = { conversation: "c1", direction: "out", state: "queued", timestamp: ts, sender: address };
  assert.deepEqual(messages, [{ messageId, ...fields, text: "answer" }]);
  const older = JSON.parse((await run("history", "c1", "--before", messageId, "--json")).stdout);
  assert.deepEqual(
    older.messages.map((message: { messageId: string }) => message.messageId),
    [firstId],
  );
  assert.equal((await run("history", "c1", "--before", "ffff")).code, 67);
  assert.equal((await run("history", "c9")).code, 67);
});

test("message show and trace: a whole life, why not yet, and what is unknown", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  await run("send", "c1", "hello");
  succeeded(await run("message", "show", firstId), `${ts}  you (queued): hello\n`);
  const outbox = { attempts: 2, queuedAtMs: engine.nowMs, dueAtMs: engine.nowMs + 4_000 };
  engine.waits = { outbox: outbox as NonNullable<typeof engine.waits.outbox>, lastReason: "too many requests" };
  const waiting = [
    `${firstId} out c1: queued, it is not published yet: too many requests`,
    `${ts}  queued     event 2`,
    `outbox: queued ${ts}, refused 2 times, due 2026-11-22T10:00:04.000Z, last: too many requests`,
    "",
  ];
  succeeded(await run("message", "trace", firstId), waiting.join("\n"));
  engine.waits = {};
  engine.advance(firstId, "published", { peers: 1 });
  engine.advance(firstId, "stored");
  engine.advance(firstId, "delivered");
  const json = JSON.parse((await run("message", "trace", firstId, "--json")).stdout);
  assert.deepEqual([json.message.state, json.explanation, json.outbox], ["delivered", "the peer has it", null]);
  assert.deepEqual(
    json.events.map(({ seq, type, data }: { seq: number; type: string; data: object }) => [seq, type, "peers" in data]),
    [
      [2, "message.queued", false],
      [3, "message.published", true],
      [4, "message.stored", false],
      [5, "message.delivered", false],
    ],
  );
  await run("send", "c1", "lost");
  engine.advance(secondId, "failed", { reason: "too large" });
  const failedLines = (await run("message", "trace", secondId)).stdout.split("\n");
  assert.equal(failedLines[0], `${secondId} out c1: failed, it was given up: too large`);
  assert.equal(failedLines[2], `${ts}  failed     event 7, reason: too large`);
  assert.equal(failedLines[3], `next: umbrad outbox retry ${secondId} sends it again`);
  const listed = (await run("event", "list", "--after", "6")).stdout;
  assert.match(listed, /message\.failed {2}\S+ \(too large; umbrad outbox retry 0{31}2 sends it again\)/);
  const unknown = await run("message", "trace", "f".repeat(32));
  assert.deepEqual([unknown.code, unknown.stdout], [67, ""]);
});
