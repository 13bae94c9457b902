// Goal: over TCP a token opens what it is for and nothing else; on the unix socket nothing changes. Method: a real server
// with both listeners, real requests, tokens made over the socket.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { routes } from "../../src/admin/routes.ts";
import type { NewTokenJson } from "../../src/admin/views.ts";
import { type AdminFixture, call, callTcp, type RawAnswer, startAdminFixture } from "../support/admin/admin-fixture.ts";
import { MemoryTokens, memoryTokens } from "../support/admin/token-table.ts";

const tcp = { host: "127.0.0.1", port: 0 } as const;

async function open(t: TestContext): Promise<AdminFixture & { readonly port: number }> {
  const fixture = await startAdminFixture(t, { tcp });
  const port = Number(/^127\.0\.0\.1:(\d+)$/.exec(fixture.server.tcp ?? "")?.[1]);
  return { ...fixture, port };
}

async function make({ socketPath }: AdminFixture, body: Record<string, unknown>): Promise<NewTokenJson> {
  const answer = await call(socketPath, "POST", "/v1/tokens", { body: JSON.stringify({ name: "a", ...body }) });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as unknown as NewTokenJson;
}

function as(port: number, token: string | undefined, method: string, path: string, body?: unknown): Promise<RawAnswer> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return callTcp(port, method, path, body === undefined ? { headers } : { headers, body: JSON.stringify(body) });
}

test("without a token: probes, and nothing else", async (t) => {
  const { port } = await open(t);
  for (const { method, path, access } of routes) {
    const { status, json, headers } = await as(port, undefined, method, path.replaceAll(/:\w+/g, "x"));
    if (access === "open") assert.equal(status, 200, path);
    else {
      assert.equal(status, 401, path);
      assert.equal(json["code"], "admin/unauthorized");
      assert.equal(headers["www-authenticate"], "Bearer");
    }
  }
  assert.equal((await as(port, undefined, "GET", "/v1/nothing")).status, 401, "nor what is there");
});

test("a role opens its routes; tokens are made on the socket only", async (t) => {
  const fixture = await open(t);
  const { port, engine } = fixture;
  engine.open(null);
  const seen = new Map<string, Set<string>>();
  for (const role of ["read", "send", "admin"]) {
    const { token } = await make(fixture, { name: role, roles: [role] });
    const opened = new Set<string>();
    for (const { method, path, endpoint } of routes) {
      if (endpoint.id === "stop") continue;
      const { json } = await as(port, token, method, path.replaceAll(/:\w+/g, "x"));
      if (json["code"] !== "admin/forbidden") opened.add(endpoint.id);
    }
    seen.set(role, opened);
  }
  const granted = (...accesses: string[]) =>
    new Set(
      routes
        .filter(({ access, endpoint }) => accesses.includes(access) && endpoint.id !== "stop")
        .map(({ endpoint }) => endpoint.id),
    );
  assert.deepEqual(seen.get("read"), granted("open", "token", "read"));
  assert.deepEqual(seen.get("send"), granted("open", "token", "send"));
  assert.deepEqual(seen.get("admin"), granted("open", "token", "read", "send", "admin"));
  assert.deepEqual(granted("owner"), new Set(["backUp", "rekey", "tokens", "createToken", "revokeToken"]));
});

test("a token for conversations sees no other, and cannot tell which there are", async (t) => {
  const fixture = await open(t);
  const { port, engine } = fixture;
  engine.open("alerts");
  engine.open("secret");
  await engine.send({ conversation: "secret", text: "not for you" });
  const own = await engine.send({ conversation: "alerts", text: "for you" });
  const { token } = await make(fixture, { roles: ["read", "send"], conversations: ["alerts"] });

  assert.equal((await as(port, token, "POST", "/v1/messages", { conversation: "alerts", text: "x" })).status, 202);
  assert.equal((await as(port, token, "GET", `/v1/messages/${own.messageId}`)).status, 200);
  const { json } = await as(port, token, "GET", "/v1/conversations");
  assert.deepEqual(
    (json["conversations"] as { name: string }[]).map(({ name }) => name),
    ["alerts"],
  );
  assert.equal((await as(port, token, "GET", "/v1/status")).json["conversations"], 1);
  const [foreign] = engine.messages({ conversation: "secret", limit: 1 });
  const refused = await Promise.all([
    as(port, token, "POST", "/v1/messages", { conversation: "secret", text: "x" }),
    as(port, token, "POST", "/v1/messages", { conversation: "nobody", text: "x" }),
    as(port, token, "GET", `/v1/messages/${foreign?.messageId}`),
    as(port, token, "GET", "/v1/messages/ffff"),
    as(port, token, "GET", "/v1/conversations/secret/messages"),
    as(port, token, "GET", "/v1/events?conversation=secret"),
    as(port, token, "GET", "/v1/events?consumer=bot"),
    as(port, token, "GET", "/v1/consumers"),
  ]);
  for (const { status, json: error } of refused) assert.equal(`${status} ${error["code"]}`, "403 admin/forbidden");
  assert.equal(refused[0].json["message"], refused[1].json["message"]);
  assert.equal(refused[2].json["message"], refused[3].json["message"]);
  const log = await as(port, token, "GET", "/v1/events");
  assert.equal(log.text.includes("for you"), true);
  assert.equal(log.text.includes("not for you"), false);
});

test("the keys of a token for conversations take none from other programs, and tell of none", async (t) => {
  const fixture = await open(t);
  const { port, socketPath, engine } = fixture;
  engine.open("alerts");
  engine.open("secret");
  const { token } = await make(fixture, { roles: ["read", "send"], conversations: ["alerts"] });
  const send = (text: string, key: string) =>
    as(port, token, "POST", "/v1/messages", { conversation: "alerts", text, key });
  const sendAsOwner = (text: string, key: string) =>
    call(socketPath, "POST", "/v1/messages", { body: JSON.stringify({ conversation: "secret", text, key }) });
  assert.equal((await sendAsOwner("first", "order-1")).status, 202);
  assert.equal((await send("a guess", "order-1")).status, 202, "as if nobody had used it");
  const squatted = await send("before the owner", "order-2");
  assert.equal((await sendAsOwner("important", "order-2")).status, 202);
  assert.equal((await send("before the owner", "order-2")).json["messageId"], squatted.json["messageId"]);
  assert.equal((await send("something else", "order-2")).json["code"], "message/key-conflict");

  const [foreign] = engine.messages({ conversation: "secret", limit: 1 });
  const before = (id: string) => as(port, token, "GET", `/v1/conversations/alerts/messages?before=${id}`);
  const refused = [await before(foreign?.messageId ?? ""), await before("ffff")];
  assert.deepEqual(
    refused.map(({ status, json }) => `${status} ${json["code"]}`),
    ["404 message/unknown", "404 message/unknown"],
    "an id of another conversation is as good as none",
  );
});

test("a token is only the consumers that it names: it moves nobody else's place", async (t) => {
  const fixture = await open(t);
  const { port, socketPath, engine } = fixture;
  engine.open(null);
  engine.open(null);
  assert.equal((await call(socketPath, "GET", "/v1/events?consumer=bot&limit=1")).status, 200);
  const reader = await make(fixture, { name: "reader", roles: ["read", "send"] });
  const other = await make(fixture, { name: "other", roles: ["read"], consumers: ["other"] });
  const bot = await make(fixture, { name: "bot", roles: ["read"], consumers: ["bot", "bot-2"] });
  const admin = await make(fixture, { name: "admin", roles: ["admin"] });
  assert.deepEqual([reader.consumers, bot.consumers, admin.consumers], [[], ["bot", "bot-2"], null]);
  const ack = (token: string, seq: number, name = "bot") =>
    as(port, token, "POST", `/v1/consumers/${name}/ack`, { seq });
  const read = (token: string, name = "bot") => as(port, token, "GET", `/v1/events?consumer=${name}&limit=1`);
  for (const { token } of [reader, other]) {
    for (const refused of [await ack(token, 2), await read(token), await read(token, "made-by-reading")])
      assert.equal(`${refused.status} ${refused.json["code"]}`, "403 admin/forbidden");
    assert.equal((await as(port, token, "GET", "/v1/events?after=0")).status, 200, "it may read all the same");
  }
  const { json } = await as(port, reader.token, "GET", "/v1/consumers");
  assert.deepEqual(
    (json["consumers"] as { name: string; ackedSeq: number }[]).map(({ name, ackedSeq }) => [name, ackedSeq]),
    [["bot", 0]],
  );
  assert.equal((await read(bot.token, "bot-2")).status, 200);
  assert.equal((await read(bot.token)).status, 200);
  assert.equal((await ack(bot.token, 1)).json["ackedSeq"], 1);
  assert.equal((await ack(admin.token, 2)).json["ackedSeq"], 2);
});

test("methods, expiry and rate bound a token", async (t) => {
  const fixture = await open(t);
  const { port, engine } = fixture;
  const one = await make(fixture, { name: "one", roles: ["read"], methods: ["conversations"], perMinute: 2 });
  assert.equal((await as(port, one.token, "GET", "/v1/consumers")).json["code"], "admin/forbidden");
  const list = () => as(port, one.token, "GET", "/v1/conversations");
  assert.equal((await list()).status, 200);
  assert.equal((await list()).status, 200);
  const { status, json } = await list();
  assert.equal(`${status} ${json["code"]} ${json["retryable"]}`, "429 admin/rate-limited true");
  engine.nowMs += 31_000;
  assert.equal((await list()).status, 200, "one more after half a minute");

  const short = await make(fixture, { name: "short", roles: ["read"], expiresInMs: 60_000 });
  assert.equal((await as(port, short.token, "GET", "/v1/conversations")).status, 200);
  engine.nowMs += 60_000;
  assert.equal((await as(port, short.token, "GET", "/v1/conversations")).json["code"], "admin/unauthorized");
});

test("what is no token is refused, and scopes that make no sense too", async (t) => {
  const fixture = await open(t);
  const { socketPath, port } = fixture;
  const { token } = await make(fixture, { roles: ["admin"] });
  const other = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
  const secret = token.slice("umbrad_t1_".length);
  const wrong = ["", "x", other, `umbrad_t2_${secret}`, `umbrad_t1_`, `${token}A`, `umbrad_t1_${"A".repeat(43)}`];
  for (const text of wrong) assert.equal((await as(port, text, "GET", "/v1/status")).status, 401, text);
  const bodies: [unknown, number, string][] = [
    [{ name: "a", roles: ["read"] }, 409, "token/exists"],
    [{ name: "A b", roles: ["read"] }, 400, "request/invalid"],
    [{ name: "b", roles: [] }, 400, "request/invalid"],
    [{ name: "b", roles: ["owner"] }, 400, "request/invalid"],
    [{ name: "b", roles: ["read"], methods: ["nonsense"] }, 400, "request/invalid"],
    [{ name: "b", roles: ["read"], conversations: ["nobody"] }, 404, "conversation/unknown"],
    [{ name: "b", roles: ["admin"], conversations: ["c1"] }, 400, "request/invalid"],
    [{ name: "b", roles: ["admin"], consumers: ["bot"] }, 400, "request/invalid"],
    [{ name: "b", roles: ["send"], consumers: ["bot"] }, 400, "request/invalid"],
    [{ name: "b", roles: ["read"], consumers: ["bot"], conversations: ["c1"] }, 400, "request/invalid"],
    [{ name: "b", roles: ["read"], consumers: ["A b"] }, 400, "request/invalid"],
  ];
  for (const [body, status, code] of bodies) {
    const answer = await call(socketPath, "POST", "/v1/tokens", { body: JSON.stringify(body) });
    assert.equal(`${answer.status} ${answer.json["code"]}`, `${status} ${code}`, JSON.stringify(body));
  }
});

test("revoked: refused at once, and its streams end", async (t) => {
  const fixture = await open(t);
  const { port, socketPath } = fixture;
  const { token, id } = await make(fixture, { roles: ["read"] });
  const headers = { authorization: `Bearer ${token}` };
  const sent = request({ host: tcp.host, port, path: "/v1/events?follow=true", headers, agent: false });
  sent.end();
  const [response] = await once(sent, "response");
  response.resume();
  const ended = once(response, "end");
  assert.equal((await call(socketPath, "DELETE", `/v1/tokens/${id}`)).status, 200);
  await ended;
  assert.equal((await as(port, token, "GET", "/v1/status")).status, 401);
  assert.equal((await call(socketPath, "DELETE", `/v1/tokens/${id}`)).json["code"], "token/unknown");
});

test("the secret is in one answer and nowhere else", async (t) => {
  const fixture = await open(t);
  const { token, id } = await make(fixture, { roles: ["admin"] });
  // The secret may begin with an underscore or hold some: a part of it could be short, and be found by chance.
  const [, secret = ""] = /^umbrad_t\d+_([\w-]{43})$/.exec(token) ?? assert.fail("a token of another form");
  const list = await call(fixture.socketPath, "GET", "/v1/tokens");
  assert.equal(list.text.includes(secret), false);
  await as(fixture.port, token, "GET", "/v1/status");
  await as(fixture.port, `${token}x`, "GET", "/v1/status");
  const lines = fixture.logged.join("\n");
  assert.equal(lines.includes(secret), false);
  assert.ok(lines.includes(`"token":"${id}"`), "its id is in the log of requests");
});

test("tokens outlive the daemon, their ids are not given again", () => {
  const table = new MemoryTokens();
  const scope = {
    conversations: undefined,
    consumers: undefined,
    methods: undefined,
    perMinute: undefined,
    expiresAtMs: undefined,
  };
  const first = memoryTokens(Date.now, table).create({ name: "a", roles: ["read"], ...scope });
  const again = memoryTokens(Date.now, table);
  assert.equal(again.authorise(`Bearer ${first.secret}`, "read", "events").tokenId, "t1");
  again.revoke("a");
  assert.equal(again.create({ name: "a", roles: ["read"], ...scope }).info.id, 2);
  assert.throws(() => again.authorise(`Bearer ${first.secret}`, "read", "events"), { code: "admin/unauthorized" });
});

test("web pages are refused on TCP too, with a token or without", async (t) => {
  const fixture = await open(t);
  const { token } = await make(fixture, { roles: ["admin"] });
  for (const foreign of [{ origin: "http://localhost" }, { referer: "http://localhost/" }, { host: "evil.example" }]) {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, ...foreign };
    const { status, json } = await callTcp(fixture.port, "GET", "/v1/status", { headers });
    assert.equal(`${status} ${json["code"]}`, "403 admin/forbidden", JSON.stringify(foreign));
  }
});
