// Goal: consumers over the admin API: cursors, acknowledgements, one reader at a time, gaps. Method: the real server and
// client on a unix socket; the consumers are the engine's own over rows in memory.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type AdminClient, connectAdmin, type EventLines } from "../../src/admin/client.ts";
import type { EventView } from "../../src/admin/event-view.ts";
import type { ConsumerJson } from "../../src/admin/views.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import { type AdminFixture, call, startAdminFixture } from "../support/admin/admin-fixture.ts";

interface Scene extends AdminFixture {
  readonly admin: AdminClient;
  /** A following stream; ends with the test. */
  listen(query: string): Promise<EventLines>;
  /** One answer without `follow`, as seq and type. */
  poll(query: string): Promise<string[]>;
  ack(name: string, seq: number): Promise<ConsumerJson>;
}

async function scene(t: TestContext, events: number): Promise<Scene> {
  const fixture = await startAdminFixture(t);
  const { socketPath, engine } = fixture;
  for (let n = 0; n < events; n += 1) engine.daemonEvent("node.tick");
  const admin = connectAdmin({ place: { socketPath }, timeoutMs: 30_000, startHint: async () => "" });
  return {
    ...fixture,
    admin,
    async listen(query) {
      const stream = await admin.events(new URLSearchParams(`follow=true&${query}`));
      t.after(() => stream.close());
      return stream;
    },
    async poll(query) {
      const { text, status } = await call(socketPath, "GET", `/v1/events?${query}`);
      assert.equal(status, 200, text);
      const views = text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as EventView);
      return views.map(({ seq, type }) => `${seq} ${type}`);
    },
    ack: (name, seq) => admin.post(`/v1/consumers/${name}/ack`, { seq }),
  };
}

async function take(stream: EventLines, count: number): Promise<EventView[]> {
  const views: EventView[] = [];
  for await (const line of stream.lines) {
    views.push(JSON.parse(line) as EventView);
    if (views.length === count) return views;
  }
  throw new Error(`the stream ended after ${views.length} of ${count}`);
}

const refusal = (code: string) => (error: unknown) => error instanceof UmbradError && error.code === code;
const consumersOf = async ({ admin }: Scene): Promise<ConsumerJson[]> =>
  (await admin.get<{ consumers: ConsumerJson[] }>("/v1/consumers")).consumers;

test("a consumer begins with the oldest event and goes on after its acknowledgement", async (t) => {
  const s = await scene(t, 4);
  assert.deepEqual(await s.poll("consumer=bot&limit=2"), ["1 node.tick", "2 node.tick"]);
  assert.deepEqual(await s.poll("consumer=bot&limit=1"), ["1 node.tick"]);
  const acked = await s.ack("bot", 3);
  assert.deepEqual([acked.ackedSeq, acked.behind, acked.reading], [3, 1, false]);
  assert.deepEqual(await s.poll("consumer=bot"), ["4 node.tick"]);
  const stream = await s.listen("consumer=bot");
  assert.equal(stream.after, 3);
  s.engine.daemonEvent("node.tock");
  assert.deepEqual(
    (await take(stream, 2)).map(({ seq, type }) => `${seq} ${type}`),
    ["4 node.tick", "5 node.tock"],
  );
});

test("acknowledgements are cumulative, never go back, and not into the future", async (t) => {
  const s = await scene(t, 5);
  await s.poll("consumer=bot");
  assert.equal((await s.ack("bot", 4)).ackedSeq, 4);
  assert.equal((await s.ack("bot", 4)).ackedSeq, 4);
  assert.equal((await s.ack("bot", 2)).ackedSeq, 4);
  await assert.rejects(s.ack("bot", 6), refusal("consumer/ahead"));
  await assert.rejects(s.ack("nobody", 1), refusal("consumer/unknown"));
  assert.deepEqual(await s.poll("consumer=bot"), ["5 node.tick"]);
  assert.deepEqual(
    (await consumersOf(s)).map(({ name, ackedSeq, behind }) => ({ name, ackedSeq, behind })),
    [{ name: "bot", ackedSeq: 4, behind: 1 }],
  );
});

test("after and Last-Event-ID skip, and bring back nothing that was acknowledged", async (t) => {
  const s = await scene(t, 6);
  assert.deepEqual(await s.poll("consumer=late&after=4"), ["5 node.tick", "6 node.tick"]);
  assert.equal((await consumersOf(s))[0]?.ackedSeq, 4);
  assert.deepEqual(await s.poll("consumer=late&after=1&limit=1"), ["5 node.tick"]);
  assert.deepEqual(await s.poll("consumer=late&after=5"), ["6 node.tick"]);
  assert.equal((await consumersOf(s))[0]?.ackedSeq, 4);
  const headers = { accept: "text/event-stream", "last-event-id": "5" };
  const { text } = await call(s.socketPath, "GET", "/v1/events?consumer=late", { headers });
  assert.match(text, /^retry: 2000\n\nid: 6\nevent: node.tick\ndata: /);
  await assert.rejects(s.listen("consumer=new&after=7"), refusal("consumer/ahead"));
  assert.equal((await consumersOf(s)).length, 1);
});

test("one reader at a time: the second is refused, a successor waits for the end of the first", async (t) => {
  const s = await scene(t, 1);
  const first = await s.listen("consumer=bot");
  assert.equal((await consumersOf(s))[0]?.reading, true);
  await assert.rejects(s.listen("consumer=bot"), refusal("consumer/busy"));
  await assert.rejects(s.admin.delete("/v1/consumers/bot"), refusal("consumer/busy"));
  await s.listen("consumer=other");
  const successor = s.listen("consumer=bot");
  first.close();
  assert.equal((await take(await successor, 1))[0]?.seq, 1);
});

test("dropped is forgotten; names and their number are bounded; a consumer takes no selection", async (t) => {
  const s = await scene(t, 2);
  await s.poll("consumer=bot");
  await s.ack("bot", 2);
  assert.equal((await s.admin.delete<ConsumerJson>("/v1/consumers/bot")).ackedSeq, 2);
  await assert.rejects(s.admin.delete("/v1/consumers/bot"), refusal("consumer/unknown"));
  assert.deepEqual(await s.poll("consumer=bot&limit=1"), ["1 node.tick"]);
  for (const name of ["", "A", "a_b", "x".repeat(33), "%00"]) {
    const { json, status } = await call(s.socketPath, "GET", `/v1/events?consumer=${name}`);
    assert.deepEqual([status, json["code"]], [400, "request/invalid"], name);
  }
  s.engine.open("friend");
  const { json } = await call(s.socketPath, "GET", "/v1/events?consumer=bot&conversation=friend");
  assert.equal(json["code"], "request/invalid");
  for (let n = 1; n < 64; n += 1) await s.poll(`consumer=c-${n}&limit=1`);
  await assert.rejects(s.listen("consumer=c-64"), refusal("consumer/too-many"));
  assert.equal((await consumersOf(s)).length, 64);
});

test("behind retention: one gap, then what is left; acknowledged, it does not come back", async (t) => {
  const s = await scene(t, 6);
  await s.poll("consumer=bot&limit=1");
  await s.ack("bot", 1);
  s.engine.forget(4);
  const stream = await s.listen("consumer=bot");
  const [gap, ...rest] = await take(stream, 3);
  const ts = "2026-11-22T10:00:00.000Z";
  const data = { from: 2, to: 4, reason: "retention" };
  assert.deepEqual(gap, { v: 1, seq: 4, ts, type: "events.gap", conversation: null, data });
  assert.deepEqual(
    rest.map(({ seq }) => seq),
    [5, 6],
  );
  await s.ack("bot", 4);
  assert.deepEqual(await s.poll("consumer=bot"), ["5 node.tick", "6 node.tick"]);
  assert.deepEqual(await s.poll("after=2"), ["4 events.gap", "5 node.tick", "6 node.tick"]);
  assert.deepEqual(await s.poll(""), ["5 node.tick", "6 node.tick"]);
  assert.deepEqual(await s.poll("consumer=new"), ["5 node.tick", "6 node.tick"]);
  s.engine.forget(5);
  s.engine.daemonEvent("node.tock");
  assert.deepEqual(await s.poll("consumer=bot"), ["5 events.gap", "6 node.tick", "7 node.tock"]);
});

test("a reader in the middle of a stream is told of the gap too", async (t) => {
  const s = await scene(t, 3);
  const stream = await s.listen("consumer=slow");
  const lines = stream.lines[Symbol.asyncIterator]();
  for (let seq = 1; seq <= 3; seq += 1) assert.equal(JSON.parse((await lines.next()).value).seq, seq);
  // Appended and gone before the stream looks again.
  s.engine.daemonEvent("node.tock");
  s.engine.daemonEvent("node.tock");
  s.engine.forget(4);
  const [gap, next] = [JSON.parse((await lines.next()).value), JSON.parse((await lines.next()).value)];
  assert.deepEqual([gap.type, gap.data.from, gap.data.to, next.seq], ["events.gap", 4, 4, 5]);
});

test("a place that the log does not have any more is refused, to whoever names it", async (t) => {
  const s = await scene(t, 5);
  await s.poll("consumer=bot&after=2");
  // As after a restored backup: what comes next has a number that the reader believes it has seen.
  for (const query of ["consumer=bot&after=6", "after=6"]) {
    await assert.rejects(s.listen(query), refusal("consumer/ahead"));
    const { status, text } = await call(s.socketPath, "GET", `/v1/events?${query}`);
    assert.equal(status, 400, text);
  }
  const { status } = await call(s.socketPath, "GET", "/v1/events?consumer=bot", { headers: { "last-event-id": "6" } });
  assert.equal(status, 400);
  assert.deepEqual(await s.poll("consumer=bot&after=5"), []);
});
