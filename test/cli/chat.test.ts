// Goal: a person can talk while messages come in and loses nothing of the line being typed. Method: the conversation over
// the real admin server with injected streams, then the real command in a pseudo-terminal that script(1) makes.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { connectAdmin } from "../../src/admin/client.ts";
import { talk } from "../../src/cli/command/chat/talk.ts";
import { type CliFixture, failed, startCliFixture } from "../support/cli/cli-fixture.ts";
import { inTerminal, umbradWords, Written } from "../support/cli/terminal.ts";

function startTalk({ socketPath }: CliFixture, columns = 80) {
  const input = new PassThrough();
  const output = Object.assign(new PassThrough(), { columns });
  const written = new Written();
  output.setEncoding("utf8").on("data", (chunk: string) => written.add(chunk));
  const place = { socketPath };
  const admin = connectAdmin({ place, timeoutMs: 10_000, startHint: async () => "umbrad run" });
  return { input, written, ended: talk(admin, "c1", { input, output }) };
}

test("history, then what comes in and what is typed, with marks", { timeout: 180_000 }, async (t) => {
  const fixture = await startCliFixture(t);
  const { engine } = fixture;
  const view = engine.open("ada");
  engine.receive(view, "one\ntwo");
  await engine.send({ conversation: "c1", text: "answer" });
  const { input, written, ended } = startTalk(fixture);
  const start = await written.has(/\/help\nada> $/);
  assert.match(start, /\d\d:\d\d {2}ada: one\n {12}two\n/);
  assert.match(start, /\d\d:\d\d {2}you: answer\n/);

  input.write("hello\r");
  await written.has(/you: hello\n/);
  const { messageId } = engine.messages({ conversation: "c1", limit: 1 })[0]!;
  engine.advance(messageId, "published");
  engine.advance(messageId, "stored");
  engine.advance(messageId, "delivered");
  assert.doesNotMatch(await written.has(/✓✓ delivered: hello\n/), /stored/);
  engine.advance(messageId, "failed", { reason: "too large\u001b[2J" });
  await written.has(/✗ failed \(too large\\u\{1b\}\[2J\): hello\n/);

  input.write("//etc\r/nonsense\r/help\r");
  await written.has(/you: \/etc\n/);
  await written.has(/\/nonsense is no command/);
  await written.has(/\/quit {3}end/);
  engine.receive(view, "evil\u001b]0;title\u0007\u202e");
  assert.equal((await written.has(/ada: evil/)).includes("\u202e"), false);
  assert.equal(written.text.includes("\u001b]0;"), false);

  input.write(`${"x".repeat(64 * 1024 + 1)}\r`);
  await written.has(/✗ not sent: a text may have 65536 bytes/);
  engine.open("ada's successor");
  engine.successors.set("c1", ["c2"]);
  input.write("over\r");
  await written.has(/✓ went to c2, the successor of c1 with the same contact: umbrad chat c2\n/);
  engine.successors.clear();

  input.write("last words\r/quit\r");
  await ended;
  assert.equal(engine.messages({ conversation: "c1", limit: 1 })[0]?.body.bytes.length, 10 + 2);
});

test("a half-typed line survives what comes in, also when it covers several rows", { timeout: 180_000 }, async (t) => {
  const fixture = await startCliFixture(t);
  const view = fixture.engine.open("ada");
  const { input, written, ended } = startTalk(fixture, 20);
  await written.has(/\/help\nada> $/);
  const typed = "this line is longer than the terminal is wide";
  input.write(typed);
  await written.has(/is wide/);
  const from = written.text.length;
  fixture.engine.receive(view, "interruption");
  // Up by the two rows above the cursor's, the message, room for two rows, and the typed line once more.
  assert.ok((await written.has(/ada: interruption\n\n\n[\s\S]*ada> this line[\s\S]*is wide$/, from)).length > 0);
  assert.equal(written.text.slice(from).startsWith("\u001b[2A\u001b[1G\u001b[0J"), true);
  input.write("!\r");
  await written.has(/you: this line is longer than the terminal is wide!\n/);
  input.end();
  await ended;
});

test("the daemon ends it: the command says so", { timeout: 180_000 }, async (t) => {
  const fixture = await startCliFixture(t);
  fixture.engine.open("ada");
  const { written, ended } = startTalk(fixture);
  await written.has(/\/help\nada> $/);
  const refused = assert.rejects(ended, { code: "admin/stream-ended" });
  await fixture.server.stopAccepting();
  await fixture.server.close();
  await refused;
});

test("in a pipe it says what to use instead", async (t) => {
  const { run } = await startCliFixture(t);
  const hint = "in a script: umbrad send 'a b' TEXT, and umbrad listen 'a b' --json";
  const message = "umbrad chat is for a person at a terminal";
  failed(await run("chat", "a b"), 64, `umbrad: ${message} [cli/needs-terminal]\n  next: ${hint}\n`);
  assert.equal((await run("chat", "c1", "--json")).code, 64);
});

test("the real command in a terminal", { timeout: 180_000 }, async (t) => {
  const { engine, stateDir } = await startCliFixture(t);
  const view = engine.open("ada");
  engine.receive(view, "first");
  const terminal = inTerminal(t, `${umbradWords} chat c1 --state-dir '${stateDir}'`);
  if (terminal === undefined) return;
  const { written, type, ended } = terminal;
  await written.has(/ada: first\r\n[\s\S]*ada> /);
  type("good evening\r");
  await written.has(/you: good evening/);
  engine.receive(view, "and to you");
  await written.has(/ada: and to you/);
  type("/quit\r");
  assert.equal(await ended, 0);
});
