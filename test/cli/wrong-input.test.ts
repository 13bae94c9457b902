// Goal: wrong input is answered with what, why and the next step, in words of people, and an empty list says what fills it.
// Method: the real command against the real admin server, and against directories that are none.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { failed, startCliFixture, succeeded } from "../support/cli/cli-fixture.ts";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

test("values that no schema takes are refused without the words of the schema", { timeout: 300_000 }, async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  const long = "a".repeat(40_000);
  for (const [args, code, said, next] of [
    [["history", "c1", "--limit", "0"], 64, "limit: must be 1 or more [request/invalid]", "umbrad help history"],
    [["history", "c1", "--limit", "9999"], 64, "limit: must be 1000 or less [request/invalid]", "umbrad help history"],
    [["send", "c1", "hi", "--key", ""], 64, "key: must not be empty [request/invalid]", "umbrad help send"],
    [["send", "c1", "hi", "--key", "k".repeat(129)], 64, "key: must have 128 characters or less", "umbrad help send"],
    [["conversation", "show", ""], 64, "conversation: must not be empty", "umbrad help conversation show"],
    [
      ["token", "create", "x", "--role", "king"],
      64,
      "roles.0: must be read, send or admin",
      "umbrad help token create",
    ],
    [["conversation", "show", long], 65, "no id, name or handle has that length [request/too-large]", "what was given"],
    [["store", "backup", ""], 64, "the name of the directory is empty [cli/usage]", "umbrad store backup DIR"],
    [["store", "verify", "/"], 66, "/ is not a file [store/not-initialised]", "check the path"],
  ] as const) {
    const result = await run(...args);
    assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
    assert.ok(result.stderr.includes(said), result.stderr);
    assert.ok(result.stderr.includes(`\n  next: ${next}`), result.stderr);
    assert.doesNotMatch(result.stderr, /expected|Invalid|"code":|COMMAND/);
  }
});

test("a media type is two words", { timeout: 300_000 }, async (t) => {
  const { run, engine, stateDir } = await startCliFixture(t);
  engine.open("ada");
  const file = join(stateDir, "a.txt");
  writeFileSync(file, "a");
  const note = 'sending 1 bytes as "a.txt"\n';
  for (const mime of ["nonsense", "", "a/b/c", "x".repeat(200)]) {
    const said = "umbrad: mime: must be two words with a slash between them, like image/png [request/invalid]";
    const next = "  next: umbrad help send shows what it takes";
    failed(await run("send", "c1", "--file", file, "--mime", mime), 64, `${note}${said}\n${next}\n`);
  }
});

test("help of what there is not, and of verbs", { timeout: 300_000 }, async (t) => {
  for (const [words, said, next] of [
    [["foo"], 'there is no command "foo"', "umbrad help"],
    [["conversation", "foo"], 'there is no command "conversation foo"', "umbrad help conversation"],
    [["send", "foo"], 'there is no command "send foo"', "umbrad help send"],
  ] as const) {
    failed(await umbrad(t, ["help", ...words]), 64, `umbrad: ${said} [cli/usage]\n  next: ${next}\n`);
  }
  const [verb, flag] = [
    await umbrad(t, ["help", "conversation", "show"]),
    await umbrad(t, ["conversation", "show", "--help"]),
  ];
  succeeded(verb, flag.stdout);
  assert.match(verb.stdout, /^Usage: umbrad conversation show/);
  const bare = await umbrad(t, []);
  assert.equal(bare.code, 64);
  assert.match(bare.stderr, /First steps:\n {2}umbrad devnet/);
});

test("lists without rows say what fills them, on stderr alone", { timeout: 300_000 }, async (t) => {
  const { run, engine } = await startCliFixture(t);
  for (const [args, said] of [
    [["event", "consumers"], "umbrad listen --consumer NAME"],
    [["token", "list"], "umbrad token create NAME"],
    [["invite", "list"], "umbrad invite create"],
    [["conversation", "list"], "umbrad invite accept LINK"],
    [["contact", "list"], "umbrad invite accept LINK"],
    [["contact", "requests"], "Nobody waits"],
    [["outbox", "list"], "Nothing waits"],
    [["parked", "list"], "No envelope"],
    [["event", "list"], "umbrad listen waits"],
    [["log", "tail"], "No such line"],
  ] as const) {
    const people = await run(...args);
    succeeded(people, "");
    assert.ok(people.stderr.includes(said), `${args.join(" ")}: ${people.stderr}`);
    const program = await run(...args, "--json");
    assert.deepEqual([program.code, program.stderr], [0, ""], args.join(" "));
  }
  engine.open("ada");
  const history = await run("history", "c1");
  succeeded(history, "");
  assert.match(history.stderr, /no messages here/);
});

test("a conversation that nobody has answered, and one with a successor, are shown as such", {
  timeout: 300_000,
}, async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  engine.open("bob");
  engine.states.set("c1", "unanswered").set("c2", "superseded");
  const list = await run("conversation", "list");
  assert.match(list.stdout, /\nc1 .* unanswered\nc2 .* superseded\n$/);
  assert.match(list.stderr, /^unanswered: nobody has answered there yet\. .* ask for a new link\n$/);
  const show = await run("conversation", "show", "c1");
  assert.match(show.stdout, /\nstate +unanswered\n/);
  assert.equal(show.stderr, list.stderr);
  assert.equal((await run("conversation", "show", "c2")).stderr, "");
  const sent = JSON.parse((await run("send", "c1", "hello", "--json")).stdout);
  const trace = async () => (await run("message", "trace", sent.messageId)).stdout;
  assert.doesNotMatch(await trace(), /nobody/);
  engine.advance(sent.messageId, "stored");
  assert.match(await trace(), /nobody has answered in this conversation yet: /);
});

test("no place for a state: said at once, and nothing is left", { timeout: 300_000 }, async (t) => {
  const file = join(await temporaryDirectory(t), "file");
  writeFileSync(file, "");
  for (const stateDir of ["/proc/umbrad-test/x", "/sys/umbrad-test", "/dev/null", join(file, "x")]) {
    const where = ["--state-dir", stateDir];
    const init = await umbrad(t, ["init", "--insecure-plaintext-state", ...where]);
    assert.equal(init.code, 73, init.stderr);
    assert.match(
      init.stderr,
      /^umbrad: cannot create .* \(E\w+\) \[state\/cannot-create\]\n {2}next: .*--state-dir DIR\n$/,
    );
    assert.equal((await umbrad(t, ["run", ...where])).code, 66);
    const devnet = await umbrad(t, ["devnet", ...where]);
    assert.equal(devnet.code, 73, devnet.stderr);
    assert.match(devnet.stderr, /\[devnet\/cannot-create\]/);
    assert.match((await umbrad(t, ["doctor", ...where])).stdout, /FAIL {2}doctor\/not-initialised/);
  }
});

test("a database that is none, a state without a seal, a wrong file: the next step for each", {
  timeout: 300_000,
}, async (t) => {
  const directory = await temporaryDirectory(t);
  const [stateDir, foreign] = [join(directory, "state"), join(directory, "foreign")];
  const made = await umbrad(t, ["init", "--insecure-plaintext-state", "--network", "devnet", "--state-dir", stateDir]);
  assert.equal(made.code, 0, made.stderr);
  mkdirSync(foreign, { mode: 0o700 });
  writeFileSync(join(foreign, "umbrad.db"), "", { mode: 0o600 });
  const nowhere = join(directory, "nowhere");
  for (const [args, code, said, next] of [
    [["run", "--state-dir", foreign], 65, "is not an umbrad database [store/corrupt]", "umbrad store restore FILE"],
    [
      ["init", "--insecure-plaintext-state", "--state-dir", foreign],
      65,
      "[store/corrupt]",
      "umbrad store restore FILE",
    ],
    [["store", "info", "--state-dir", nowhere], 66, "there is no umbrad state in", "umbrad init makes one"],
    [["store", "rekey", "--state-dir", stateDir], 77, "no passphrase to change [store/not-sealed]", "umbrad init"],
    [["send", "c1", "--file", nowhere], 66, "(ENOENT) [cli/cannot-read-file]", "--file takes the path of one file"],
    [
      ["devnet", "--port", "99999", "--state-dir", nowhere],
      64,
      "is not a port [devnet/bad-option]",
      "umbrad help devnet",
    ],
  ] as const) {
    const { code: exit, stdout, stderr } = await umbrad(t, args);
    assert.deepEqual([exit, stdout], [code, ""], stderr);
    assert.ok(stderr.includes(said), stderr);
    assert.ok(new RegExp(`\n  next: .*${next}`).test(stderr), stderr);
  }
});
