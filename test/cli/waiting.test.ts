// Goal: what `umbrad outbox` and `umbrad parked` print, as text and with --json, and their exit codes. Method: see the fixture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCliFixture, succeeded, fixtureTime as ts } from "../support/cli/cli-fixture.ts";

const firstId = "0".repeat(31).concat("1");
const secondId = "0".repeat(31).concat("2");

test("outbox list, retry, cancel", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  const none = await run("outbox", "list");
  succeeded(none, "");
  assert.equal(none.stderr, "Nothing waits to leave.\n");
  await run("send", "c1", "hello");
  const waiting = { conversation: "c1", attempts: 0, queuedAtMs: engine.nowMs };
  engine.waiting = [
    {
      ...waiting,
      messageId: firstId,
      purpose: "content",
      isEncrypted: true,
      nextAtMs: engine.nowMs,
      reason: "no\u001bpeer",
    },
    {
      ...waiting,
      messageId: undefined,
      purpose: "repeat",
      isEncrypted: true,
      nextAtMs: engine.nowMs,
      reason: undefined,
    },
    { ...waiting, messageId: secondId, purpose: "content", isEncrypted: false, nextAtMs: undefined, reason: "waits" },
  ];
  const line = (id: string, purpose: string, next: string, why: string) =>
    `${id.padEnd(32)}  c1            ${purpose}  ${ts}  ${next.padEnd(24)}  0         ${why}`;
  const header = `MESSAGE${" ".repeat(27)}CONVERSATION  PURPOSE  QUEUED${" ".repeat(20)}NEXT${" ".repeat(22)}ATTEMPTS  WHY`;
  const lines = [
    header,
    line(firstId, "content", ts, "no\\u{1b}peer"),
    line("-", "repeat ", ts, "-"),
    line(secondId, "content", "-", "waits"),
    "",
  ];
  succeeded(await run("outbox", "list"), lines.join("\n"));
  const page = await run("outbox", "list", "--limit", "1");
  assert.equal(page.stderr, "1 of 3 are shown; --limit shows more\n");
  const json = JSON.parse((await run("outbox", "list", "--json")).stdout);
  assert.equal(json.total, 3);
  assert.deepEqual(json.waiting[2], {
    messageId: secondId,
    conversation: "c1",
    purpose: "content",
    encrypted: false,
    attempts: 0,
    queuedAt: ts,
    nextAt: null,
    reason: "waits",
  });
  succeeded(await run("outbox", "retry", firstId), `${firstId} queued\n`);
  succeeded(await run("outbox", "cancel", firstId, "--json"), `{"messageId":"${firstId}","state":"failed"}\n`);
  assert.equal((await run("outbox", "cancel", "f".repeat(32))).code, 67);
  engine.advance(firstId, "delivered");
  for (const verb of ["retry", "cancel"]) {
    const refused = await run("outbox", verb, firstId);
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /\[message\/already-left\]/);
  }
  assert.equal((await run("outbox", "list", "--limit", "0")).code, 64);
});

test("parked list, retry, drop", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const none = await run("parked", "list");
  succeeded(none, "");
  assert.equal(none.stderr, "No envelope is parked.\n");
  const row = { conversation: "c1", errorCode: "store/full", attempts: 2, bytes: 558 };
  engine.parkedRows = [7, 9].map((id) => ({ ...row, id, parkedAtMs: engine.nowMs, nextAtMs: engine.nowMs }));
  const cells = `c1            store/full  2         558    ${ts}  ${ts}`;
  const header = `ID  CONVERSATION  ERROR       ATTEMPTS  BYTES  PARKED${" ".repeat(20)}NEXT`;
  succeeded(await run("parked", "list"), `${header}\n7   ${cells}\n9   ${cells}\n`);
  const { parked, total } = JSON.parse((await run("parked", "list", "--json", "--limit", "1")).stdout);
  assert.deepEqual([parked, total], [[{ ...row, id: 7, parkedAt: ts, nextAt: ts }], 2]);
  succeeded(await run("parked", "retry"), "2 tried again\n");
  succeeded(await run("parked", "retry", "7", "--json"), '{"retried":1}\n');
  succeeded(await run("parked", "drop", "7"), "7 dropped\n");
  assert.equal((await run("parked", "drop", "7")).code, 67);
  assert.equal((await run("parked", "drop", "seven")).code, 64);
  assert.equal((await run("parked", "retry", "7", "--json")).code, 67);
});
