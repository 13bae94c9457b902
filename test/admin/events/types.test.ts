// Goal: a reader gets the types it asks for and every gap, and a consumer's place moves over the rest, never over what it
// was shown and has not acknowledged. Method: the real server and client; the consumers are the engine's own.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connect } from "../../../src/admin/client/umbrad-client.ts";
import { connectAdmin } from "../../../src/admin/client.ts";
import { type AdminFixture, call, startAdminFixture } from "../../support/admin/admin-fixture.ts";
import { until } from "../../support/engine/test-node.ts";

async function types({ socketPath }: AdminFixture, query: string): Promise<string[]> {
  const { text, status } = await call(socketPath, "GET", `/v1/events?${query}`);
  assert.equal(status, 200, text);
  const lines = text.split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line)).map(({ seq, type }) => `${seq} ${type}`);
}

/** c1 opened (1), received (2), then quota events (3, 4), received (5). */
async function scene(t: TestContext): Promise<AdminFixture> {
  const fixture = await startAdminFixture(t, { pace: { keepAliveMs: 10 } });
  const { engine } = fixture;
  const view = engine.open("friend");
  engine.receive(view, "one");
  engine.daemonEvent("quota.exhausted");
  engine.daemonEvent("quota.free");
  engine.receive(view, "two");
  return fixture;
}

const placeOf = ({ engine }: AdminFixture) => engine.consumers.list().map(({ ackedSeq }) => ackedSeq);

test("types choose, with conversations and alone; a gap comes all the same", async (t) => {
  const fixture = await scene(t);
  assert.deepEqual(await types(fixture, "type=message.received"), ["2 message.received", "5 message.received"]);
  assert.deepEqual(await types(fixture, "type=quota.free&type=conversation.opened&limit=5"), [
    "1 conversation.opened",
    "4 quota.free",
  ]);
  assert.deepEqual(await types(fixture, "type=quota.free&conversation=friend"), []);
  fixture.engine.forget(3);
  assert.deepEqual(await types(fixture, "type=message.received"), ["5 message.received"]);
  assert.deepEqual(await types(fixture, "type=message.received&after=1"), ["3 events.gap", "5 message.received"]);
});

test("a type that there is not is an error that names those there are", async (t) => {
  const { socketPath } = await startAdminFixture(t);
  for (const [query, advice] of [
    ["type=message.recieved", ""],
    ["type=message.received&type=x", ""],
    ["type=", ""],
    ["type=message.received,message.lost", "give each by itself; "],
  ]) {
    const { status, json } = await call(socketPath, "GET", `/v1/events?${query}`);
    assert.equal(`${status} ${json["code"]}`, "400 request/invalid", query);
    const named = `^type: there is no "\\S*"; ${advice}the types are message\\.received, .*, events\\.gap$`;
    assert.match(String(json["message"]), new RegExp(named));
  }
});

test("a consumer's place moves over what it does not ask for, and stops at what it was shown", async (t) => {
  const fixture = await scene(t);
  const { engine, socketPath } = fixture;
  const ack = (seq: number) => call(socketPath, "POST", "/v1/consumers/bot/ack", { body: JSON.stringify({ seq }) });
  const read = () => types(fixture, "consumer=bot&type=message.received");
  for (let n = 0; n < 2; n += 1) assert.deepEqual(await read(), ["2 message.received", "5 message.received"]);
  assert.deepEqual(placeOf(fixture), [0], "what was shown is not acknowledged");
  await ack(2);
  engine.daemonEvent("quota.exhausted");
  assert.deepEqual(await read(), ["5 message.received"]);
  assert.deepEqual(placeOf(fixture), [2]);
  await ack(5);
  assert.deepEqual(await read(), []);
  assert.deepEqual(placeOf(fixture), [6]);
  engine.daemonEvent("quota.free");
  assert.deepEqual(await types(fixture, "consumer=bot&type=message.received&after=7"), []);
  assert.deepEqual(placeOf(fixture), [6], "what `after` skips is not acknowledged by that");
});

test("a stream that follows moves the place too, and passes nothing that it has to show", async (t) => {
  const fixture = await scene(t);
  const { engine, socketPath } = fixture;
  const admin = connectAdmin({ place: { socketPath }, timeoutMs: 30_000, startHint: async () => "" });
  const stream = await admin.events(new URLSearchParams("follow=true&consumer=bot&type=message.received&after=5"));
  t.after(() => stream.close());
  for (let n = 0; n < 50; n += 1) engine.daemonEvent("quota.free");
  await until(() => placeOf(fixture)[0] === 55, "55 are passed over");
  const view = engine.findConversation("friend");
  engine.receive(view, "three");
  const [seq] = [56];
  for await (const line of stream.lines) {
    assert.equal(JSON.parse(line).seq, seq);
    break;
  }
  assert.equal(placeOf(fixture)[0], 55, "it was shown and not acknowledged");
});

test("the client's listen takes types, acknowledges what it gives, and is not held up by the rest", async (t) => {
  const fixture = await scene(t);
  const umbrad = connect({ socket: fixture.socketPath });
  const texts: string[] = [];
  for await (const event of umbrad.listen({ consumer: "bot", types: ["message.received"] })) {
    // Without a gap, by its type: nothing else can come.
    if (event.type === "events.gap") continue;
    texts.push(event.data.text ?? "");
    if (texts.length === 2) fixture.engine.receive(fixture.engine.findConversation("friend"), "three");
    if (texts.length === 3) break;
  }
  assert.deepEqual(texts, ["one", "two", "three"]);
  assert.deepEqual(placeOf(fixture), [5]);
});
