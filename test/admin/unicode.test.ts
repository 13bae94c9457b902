// Goal: what is no valid Unicode is refused wherever a caller can write it, and nothing is written. Method: raw bytes to a
// real server; what is valid, however unusual, goes through unchanged.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeUtf8, refuseHalfCharacters } from "../../src/admin/api/unicode.ts";
import { call, startAdminFixture } from "../support/admin/admin-fixture.ts";

const head = '{"conversation":"c1","text":"a';

test("bytes that are no UTF-8 are refused, not replaced", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  const bad = [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]];
  for (const bytes of bad) {
    const body = Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from('b"}')]);
    const { status, json } = await call(socketPath, "POST", "/v1/messages", { body });
    assert.equal(`${status} ${json["code"]}`, "400 request/not-unicode", bytes.join());
    assert.ok(json["hint"]);
  }
  assert.equal(engine.lastSeq(), 1, "nothing was written");
});

test("half a character is refused in texts, names and keys; a whole one is taken", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open(null);
  const post = (body: string) => call(socketPath, "POST", "/v1/messages", { body });
  const halves = [
    `${head}\\ud83d"}`,
    `${head}\\uDE00\\ud83d"}`,
    `{"conversation":"c1","text":"a","key":"\\udc00"}`,
    `{"conversation":"\\ud800","text":"a"}`,
    `{"conversation":"c1","text":"a","\\ud800":1}`,
    `{"conversation":"c1","text":"a","x":[[{"y":"\\udfff"}]]}`,
  ];
  for (const body of halves) {
    const { status, json } = await post(body);
    assert.equal(`${status} ${json["code"]}`, "400 request/not-unicode", body);
  }
  assert.equal(engine.lastSeq(), 1, "nothing was written");
  // A backslash before the escape makes it six plain characters.
  for (const [body, text] of [
    [`${head}\\ud83d\\ude00 \u{1f600} \\u0000"}`, "a\u{1f600} \u{1f600} \0"],
    [`${head}\\\\ud83d"}`, "a\\ud83d"],
  ] as const) {
    const sent = await post(body);
    assert.equal(sent.status, 202, sent.text);
    const one = await call(socketPath, "GET", `/v1/messages/${sent.json["messageId"]}`);
    assert.equal(one.json["text"], text);
  }
});

test("a URL that cannot be decoded is refused, in its path and in its query", async (t) => {
  const { socketPath, engine } = await startAdminFixture(t);
  engine.open("ü%");
  for (const part of ["%zz", "%", "%ff", "%ED%A0%80", "%C3"]) {
    for (const path of [`/v1/conversations/${part}`, `/v1/events?conversation=${part}`, `/v1/events?${part}=1`]) {
      const { status, json } = await call(socketPath, "GET", path);
      assert.equal(`${status} ${json["code"]}`, "400 request/not-unicode", path);
    }
  }
  assert.equal((await call(socketPath, "GET", "/v1/conversations/%C3%BC%25")).status, 200);
  assert.equal((await call(socketPath, "GET", "/v1/events?conversation=%C3%BC%25")).status, 200);
});

test("what is refused is exactly what is not well formed", () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.string({ unit: "binary" }),
      fc.integer({ min: 0xd7f0, max: 0xe010 }).map((code) => String.fromCharCode(code)),
    ),
  });
  fc.assert(
    fc.property(text, fc.boolean(), (value, isKey) => {
      const body = isKey ? { a: [{ [value]: 1 }] } : { a: [value] };
      const json = decodeUtf8(Buffer.from(JSON.stringify(body)));
      const check = (): void => refuseHalfCharacters(json, JSON.parse(json));
      if (value.isWellFormed()) check();
      else assert.throws(check, { code: "request/not-unicode" });
    }),
  );
});
