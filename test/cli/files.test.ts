// Goal: `send --file` and `listen --save-dir`: what they print, refuse, and leave on the disk. Method: see the fixture.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { link, mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { savedName } from "../../src/cli/command/file.ts";
import { FILE_BYTES_MAX } from "../../src/wire/file-content.ts";
import { call } from "../support/admin/admin-fixture.ts";
import { failed, startCliFixture, succeeded, fixtureTime as ts } from "../support/cli/cli-fixture.ts";
import { temporaryDirectory } from "../support/cli/umbrad-command.ts";

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("send --file: name, type and bytes reach the daemon", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open(null);
  const dir = await temporaryDirectory(t);
  const data = Uint8Array.from({ length: 100_000 }, (_, index) => index & 0xff);
  await writeFile(join(dir, "a b.png"), data);
  const sent = await run("send", "c1", "--file", join(dir, "a b.png"), "--mime", "image/png", "--json");
  assert.equal(sent.stderr, "");
  const { messageId } = JSON.parse(sent.stdout) as { messageId: string };
  const file = { name: "a b.png", size: data.length, sha256: digest(data), mime: "image/png" };
  const [message] = JSON.parse((await run("history", "c1", "--json")).stdout).messages;
  assert.deepEqual([message.messageId, message.file], [messageId, file]);
  succeeded(await run("history", "c1"), `${ts}  you (queued): [file a b.png, 100000 bytes]\n`);
  const named = await run("send", "c1", "--file", join(dir, "a b.png"), "--name", "other.png");
  assert.equal(named.stderr, 'sending 100000 bytes as "other.png"\n');
  succeeded(await run("event", "list", "--after", "2"), `3  ${ts}  c1  message.queued  "other.png"\n`);
});

test("send --file: what is refused, and where", async (t) => {
  const { run, engine, socketPath } = await startCliFixture(t);
  engine.open(null);
  const dir = await temporaryDirectory(t);
  const path = join(dir, "large");
  await writeFile(path, "");
  assert.equal((await run("send", "c1", "--file", path)).code, 0, "an empty file is a file");
  await truncate(path, FILE_BYTES_MAX);
  assert.equal((await run("send", "c1", "--file", path)).code, 0);
  await truncate(path, FILE_BYTES_MAX + 1);
  failed(
    await run("send", "c1", "--file", path),
    65,
    `umbrad: the file has ${FILE_BYTES_MAX + 1} bytes, the limit is ${FILE_BYTES_MAX} [message/too-large]\n  next: split it, for instance with split -b 4000000\n`,
  );
  failed(
    await run("send", "c1", "--file", "/dev/zero"),
    65,
    `umbrad: the file has more than ${FILE_BYTES_MAX} bytes, the limit is ${FILE_BYTES_MAX} [message/too-large]\n  next: split it, for instance with split -b 4000000\n`,
  );
  for (const [args, code] of [
    [["send", "c1", "--file", join(dir, "none")], 66],
    [["send", "c1", "--file", dir], 66],
    [["send", "c1", "text", "--file", path], 64],
    [["send", "c1"], 64],
    [["send", "c1", "text", "--name", "x"], 64],
    [["send", "c9", "--file", "/dev/null"], 67],
  ] as const)
    assert.equal((await run(...args)).code, code, args.join(" "));

  const files = "/v1/conversations/c1/files";
  const bytes = { "content-type": "application/octet-stream" };
  const answers = [
    await call(socketPath, "POST", `${files}?name=x`, { headers: bytes, body: "x".repeat(FILE_BYTES_MAX + 1) }),
    await call(socketPath, "POST", `${files}?name=x`, {
      headers: { ...bytes, "transfer-encoding": "chunked" },
      body: "x".repeat(FILE_BYTES_MAX + 1),
    }),
    await call(socketPath, "POST", `${files}?name=x`, { body: "{}" }),
    await call(socketPath, "POST", files, { headers: bytes, body: "x" }),
    await call(socketPath, "POST", "/v1/messages", { headers: bytes, body: "x" }),
    await call(socketPath, "POST", `${files}?name=x`, { headers: bytes, body: "x" }),
  ];
  assert.deepEqual(
    answers.map(({ status, json }) => [status, json["code"]]),
    [
      [413, "message/too-large"],
      [413, "message/too-large"],
      [415, "request/media-type"],
      [400, "request/invalid"],
      [415, "request/media-type"],
      [202, undefined],
    ],
  );
});

test("listen --save-dir: each file whole, under its own name, over nothing", async (t) => {
  const { run, engine, socketPath } = await startCliFixture(t);
  const view = engine.open(null);
  const dir = await temporaryDirectory(t);
  const out = join(dir, "out");
  await mkdir(out);
  await writeFile(join(out, "a.txt"), "mine");
  const files = [
    { name: "a.txt", data: Buffer.from("theirs") },
    { name: "a.txt", data: Buffer.from("theirs too") },
    { name: "archive.tar.gz", data: new Uint8Array(50_000).fill(3) },
    { name: ".profile", data: Buffer.from("alias ls=rm") },
    { name: "-rf", data: new Uint8Array() },
    { name: "n".repeat(255), data: Buffer.from("long") },
    { name: "n".repeat(255), data: Buffer.from("long too") },
  ];
  for (const file of files) engine.receive(view, file);
  engine.receive(view, "a text between");
  const result = await run("listen", "--after", "0", "--max", "9", "--save-dir", out);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout.split("\n").length, 10);
  const expected = ["a-1.txt", "a-2.txt", "archive.tar.gz", "_profile", "_rf", "n".repeat(255), `${"n".repeat(253)}-1`];
  assert.deepEqual((await readdir(out)).sort(), ["a.txt", ...expected].sort(), "and no unfinished file");
  assert.equal(await readFile(join(out, "a.txt"), "utf8"), "mine");
  for (const [at, name] of expected.entries()) {
    assert.ok((await readFile(join(out, name))).equals(files[at]!.data), name);
    assert.equal((await stat(join(out, name))).mode & 0o777, 0o600);
  }
  assert.deepEqual(await readdir(dir), ["out"]);

  const [first] = JSON.parse((await run("history", "c1", "--json")).stdout).messages;
  const answer = await call(socketPath, "GET", `/v1/messages/${first.messageId}/content`);
  assert.deepEqual([answer.status, answer.text], [200, "theirs"]);
  assert.equal(answer.headers["content-type"], "application/octet-stream");
  assert.equal(answer.headers["content-length"], "6");

  const nowhere = await run("listen", "--after", "0", "--save-dir", join(dir, "none"));
  assert.equal(nowhere.code, 73);
  assert.match(nowhere.stderr, /\[cli\/cannot-save-file\]/);
});

test("a peer that sends one name again and again, or one that turns the line, ends nobody's saving", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const view = engine.open(null);
  const out = await temporaryDirectory(t);
  const names = ["a.txt", ...Array.from({ length: 12_000 }, (_, number) => savedName("a.txt", number + 1))];
  const [first = ""] = names;
  await writeFile(join(out, first), "");
  for (const name of names.slice(1)) await link(join(out, first), join(out, name));
  engine.receive(view, { name: "a.txt", data: Buffer.from("one more") });
  engine.receive(view, { name: "photo\u202egpj.sh", data: Buffer.from("the next") });
  const { code, stderr } = await run("listen", "--after", "0", "--max", "3", "--save-dir", out);
  assert.equal(code, 0, stderr);
  const added = (await readdir(out)).filter((name) => !names.includes(name)).sort();
  assert.deepEqual(added.map((name) => name.replace(/[0-9a-f]{16}/, "RANDOM")).sort(), [
    "a-RANDOM.txt",
    "photo\u202egpj.sh",
  ]);
  assert.doesNotMatch(stderr, /\u202e/);
});

test("a saved name stays in its directory and is visible, even if the daemon let another pass", () => {
  for (const [name, number, saved] of [
    ["a.txt", 0, "a.txt"],
    ["a.txt", 12, "a-12.txt"],
    ["../../etc/passwd", 0, "_._.._etc_passwd"],
    ["..", 0, "_."],
    ["", 0, "_"],
    ["a\u0000b", 1, "a_b-1"],
    ["-o", 0, "_o"],
    [`x.${"e".repeat(40)}`, 1, `x.${"e".repeat(40)}-1`],
  ] as const) {
    assert.equal(savedName(name, number), saved);
  }
  assert.ok(Buffer.byteLength(savedName("ü".repeat(127).concat(".png"), 3)) <= 255);
});
