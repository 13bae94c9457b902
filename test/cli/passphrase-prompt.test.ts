// Goal: somebody at a terminal is asked for a passphrase, nobody sees or can find it there, and the terminal is as before on
// every way out; a program is never asked. Method: the keys as a property, then real commands in a pseudo-terminal that
// script(1) makes; what was typed is held against the same bytes in a file.
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { TypedLine } from "../../src/cli/passphrase/typed-line.ts";
import { openStore } from "../../src/sqlite/open.ts";
import { type InTerminal, inTerminal, umbradWords } from "../support/cli/terminal.ts";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

const secret = "pä🦀 ss";
/** What the terminal is set to when the command has ended; a dash before a word means off. */
const sttyAfter = "; rc=$?; stty -a | grep -oE -- '-?\\b(echo|icanon|isig)\\b' | tr '\\n' ' '; echo; exit $rc";
const inOrder = /isig icanon echo/;

function typedInto(bytesMax: number, keys: string): { asked: string | undefined; text: string | undefined } {
  const line = new TypedLine(bytesMax);
  let asked: string | undefined;
  for (const byte of Buffer.from(keys)) asked ??= line.take(byte);
  const bytes = line.bytes();
  return { asked, text: bytes === undefined ? undefined : Buffer.from(bytes).toString() };
}

test("the keys that edit a line", () => {
  for (const [keys, text, asked] of [
    ["secret\r", "secret", "enter"],
    ["secret\n", "secret", "enter"],
    ["pä🦀\u007f\u007fx\r", "px", "enter"],
    ["\u007f\ba\r", "a", "enter"],
    ["wrong\u0015right\r", "right", "enter"],
    ["two words  \u0017three\r", "two three", "enter"],
    ["a\u001b[D\u001b[1;5C\u001bOPb\u001bxc\u001b\r", "abc", "enter"],
    ["\u001b[200~a\rb\r\n\u001b[201~c\r", "a\nb\n\nc", "enter"],
    ["\u001b[200~secret\r\u001b[201~\r", "secret", "enter"],
    ["a\u0000\u0001\tb\r", "a\tb", "enter"],
    ["a\u0004b\u0003", "ab", "interrupt"],
    ["\u0004", "", "end"],
    ["a\u001b[200~\u0003", "a", "interrupt"],
  ] as const) {
    assert.deepEqual(typedInto(64, keys), { asked, text }, JSON.stringify(keys));
  }
});

test("whatever text is typed or pasted comes out as it is, up to the limit", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 }).filter((value) => !/\p{Cc}|\p{Cs}/u.test(value));
  fc.assert(
    fc.property(text, text, fc.boolean(), (before, value, isPasted) => {
      const keys = isPasted ? `\u001b[200~${value}\r\u001b[201~\r` : `${value}\r`;
      assert.deepEqual(typedInto(4_096, `${before}\u0015${keys}`), { asked: "enter", text: value });
      const { length } = Buffer.from(value);
      assert.equal(typedInto(length, value).text, value);
      if (length > 0) assert.equal(typedInto(length - 1, value).text, undefined);
    }),
  );
});

/** Everything that a terminal has shown has nothing of a passphrase. */
function assertHidden({ written: { text } }: InTerminal): void {
  for (const part of ["pä", "🦀", "ss\r", "wrong", "other"]) assert.ok(!text.includes(part), text);
}

function secretFile(directory: string): string {
  const file = join(directory, "passphrase");
  writeFileSync(file, secret, { mode: 0o600 });
  return file;
}

async function sealedState(t: TestContext): Promise<{ directory: string; stateDir: string; file: string }> {
  const directory = await temporaryDirectory(t);
  const stateDir = join(directory, "state");
  const file = secretFile(directory);
  const made = await umbrad(t, ["init", "--state-dir", stateDir, "--passphrase-file", file, "--network", "devnet"]);
  assert.equal(made.code, 0, made.stderr);
  return { directory, stateDir, file };
}

test("init asks twice, until both are the same", { timeout: 300_000 }, async (t) => {
  const directory = await temporaryDirectory(t);
  const stateDir = join(directory, "state");
  const terminal = inTerminal(t, `${umbradWords} init --network devnet --state-dir '${stateDir}'${sttyAfter}`);
  if (terminal === undefined) return;
  await terminal.answer(/New passphrase for \S+state: $/, "wrong\r");
  await terminal.answer(/The same again, against mistyping: $/, "other\r");
  await terminal.answer(/They differ\. Once more:[\s\S]*New passphrase for \S+: $/, "\r");
  await terminal.answer(
    /Nothing was typed\. Once more:[\s\S]*New passphrase for \S+: $/,
    "wrong\u0015pä🦀 sx\u007fs\r",
  );
  assert.ok(!existsSync(stateDir));
  await terminal.answer(/The same again, against mistyping: $/, `\u001b[200~${secret}\r\u001b[201~\r`);
  assert.equal(await terminal.ended, 0, terminal.written.text);
  assert.match(terminal.written.text, inOrder);
  assertHidden(terminal);
  const args = ["identity", "words", "--state-dir", stateDir, "--passphrase-file", secretFile(directory)];
  const opened = await umbrad(t, args);
  assert.equal(opened.code, 0, opened.stderr);

  // Nobody types a passphrase for nothing.
  const again = inTerminal(t, `${umbradWords} init --network devnet --state-dir '${stateDir}'`);
  assert.equal(await again?.ended, 78);
});

test("Ctrl-C, Ctrl-D and SIGTERM leave the terminal in order and nothing behind", { timeout: 300_000 }, async (t) => {
  const directory = await temporaryDirectory(t);
  const init = `${umbradWords} init --state-dir '${directory}/state'`;
  for (const [keys, code, said] of [
    ["other\u0003", 130, /interrupted: nothing was changed \[cli\/interrupted\]/],
    ["\u0004", 77, /\[passphrase\/missing\]/],
    ["", 143, /New passphrase/],
  ] as const) {
    const terminal = inTerminal(t, `sh -c 'echo "<$$>"; exec ${init.replaceAll("'", "")}'${sttyAfter}`);
    if (terminal === undefined) return;
    await terminal.answer(/New passphrase for \S+: $/, keys);
    if (keys === "") process.kill(Number(/<(\d+)>/.exec(terminal.written.text)?.[1]), "SIGTERM");
    assert.equal(await terminal.ended, code, terminal.written.text);
    assert.match(terminal.written.text, said);
    assert.match(terminal.written.text, inOrder);
    assertHidden(terminal);
    assert.ok(!existsSync(join(directory, "state")));
  }
});

test("run asks until it opens, three times", { timeout: 300_000 }, async (t) => {
  const { stateDir } = await sealedState(t);
  const run = inTerminal(t, `trap : INT; ${umbradWords} run --state-dir '${stateDir}'${sttyAfter}`);
  if (run === undefined) return;
  await run.answer(/Passphrase for \S+state: $/, "wrong\r");
  await run.answer(/It does not open it\. Once more:[\s\S]*Passphrase for \S+: $/, `${secret}\r`);
  // Ctrl-C, as the daemon hears it.
  await run.answer(/"daemon\.started"/, "\u0003");
  assert.equal(await run.ended, 0, run.written.text);
  assert.match(run.written.text, inOrder);
  assertHidden(run);

  const refused = inTerminal(t, `${umbradWords} run --state-dir '${stateDir}'${sttyAfter}`);
  for (let tries = 0; tries < 3; tries += 1) await refused?.answer(/Passphrase for \S+: $/, "wrong\r");
  assert.equal(await refused?.ended, 77);
  assert.match(refused?.written.text ?? "", /none of 3 passphrases opens [\s\S]*\[store\/wrong-passphrase\]/);
  assert.match(refused?.written.text ?? "", inOrder);
});

test("rekey asks for the old and twice for the new one", { timeout: 300_000 }, async (t) => {
  const { directory, stateDir } = await sealedState(t);
  const rekey = inTerminal(t, `${umbradWords} store rekey --state-dir '${stateDir}'`);
  if (rekey === undefined) return;
  // What is typed ahead is not lost.
  await rekey.answer(/Passphrase for \S+state: $/, `${secret}\r`);
  await rekey.answer(/New passphrase for \S+state: $/, "next\rnext\r");
  assert.equal(await rekey.ended, 0, rekey.written.text);
  const next = join(directory, "next");
  writeFileSync(next, "next", { mode: 0o600 });
  const flags = ["--state-dir", stateDir, "--passphrase-file", next];
  assert.equal((await umbrad(t, ["identity", "words", ...flags])).code, 0);

  const database = join(stateDir, "umbrad.db");
  const verify = inTerminal(t, `${umbradWords} store verify '${database}'`);
  await verify?.answer(/Passphrase for \S+umbrad\.db: $/, "next\r");
  assert.equal(await verify?.ended, 0, verify?.written.text);
  assert.doesNotMatch(verify?.written.text ?? "", /Give --passphrase-file/);
});

test("a program is not asked: no terminal, or --json in one", { timeout: 180_000 }, async (t) => {
  const { stateDir } = await sealedState(t);
  for (const args of [["run"], ["identity", "words"], ["store", "rekey"]]) {
    const { code, stderr } = await umbrad(t, [...args, "--state-dir", stateDir]);
    assert.equal(code, 77, stderr);
    assert.match(stderr, /\[(?:passphrase\/missing|store\/passphrase-required)\]\n {2}next: .*--passphrase-file F/);
  }
  const json = inTerminal(t, `${umbradWords} identity words --json --state-dir '${stateDir}'`);
  if (json === undefined) return;
  assert.equal(await json.ended, 77);
  assert.doesNotMatch(json.written.text, /Passphrase for/);
});

test("run does not ask for the passphrase of a state that is in use", { timeout: 180_000 }, async (t) => {
  const { stateDir } = await sealedState(t);
  const seal = { kind: "passphrase", passphrase: Buffer.from(secret) } as const;
  const store = await openStore({ stateDir, seal, random: (length) => new Uint8Array(length).fill(7) });
  t.after(() => store.close());
  for (let n = 0; n < 2; n += 1) {
    const { code, stderr } = await umbrad(t, ["run", "--state-dir", stateDir]);
    assert.equal(code, 75, stderr);
    assert.match(stderr, new RegExp(`in use by process ${process.pid} \\[store/locked\\]`));
  }
  const run = inTerminal(t, `${umbradWords} run --state-dir '${stateDir}'`);
  if (run === undefined) return;
  assert.equal(await run.ended, 75);
  assert.doesNotMatch(run.written.text, /Passphrase for/);
});

test("identity words and export work beside whoever holds the state", { timeout: 180_000 }, async (t) => {
  const { directory, stateDir, file } = await sealedState(t);
  const flags = ["--json", "--state-dir", stateDir, "--passphrase-file", file];
  const alone = await umbrad(t, ["identity", "words", ...flags]);
  const seal = { kind: "passphrase", passphrase: Buffer.from(secret) } as const;
  const store = await openStore({ stateDir, seal, random: (length) => new Uint8Array(length).fill(7) });
  t.after(() => store.close());
  const beside = await umbrad(t, ["identity", "words", ...flags]);
  assert.equal(beside.code, 0, beside.stderr);
  assert.equal(beside.stdout, alone.stdout);
  const exported = await umbrad(t, ["identity", "export", join(directory, "identity.json"), ...flags]);
  assert.equal(exported.code, 0, exported.stderr);
  const wrong = join(directory, "wrong");
  writeFileSync(wrong, "wrong", { mode: 0o600 });
  const refused = await umbrad(t, ["identity", "words", "--state-dir", stateDir, "--passphrase-file", wrong]);
  assert.deepEqual([refused.code, /store\/wrong-passphrase/.test(refused.stderr)], [77, true]);
});
