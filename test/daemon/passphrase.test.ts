import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readPassphrase } from "../../src/daemon/passphrase.ts";
import { temporaryDirectory } from "../support/cli/umbrad-command.ts";

async function passphraseFile(t: TestContext, content: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(await temporaryDirectory(t), "passphrase");
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("latin1");

test("one final line break goes, everything else stays", async (t) => {
  for (const [content, wanted] of [
    ["secret", "secret"],
    ["secret\n", "secret"],
    ["secret\r\n", "secret"],
    ["secret\n\n", "secret\n"],
    [" sec ret \n", " sec ret "],
    ["\u00ff\u0000x", "\u00c3\u00bf\u0000x"],
  ] as const) {
    assert.equal(text(readPassphrase({ file: await passphraseFile(t, content) })), wanted);
  }
});

test("empty, endless, missing and conflicting sources are refused", async (t) => {
  for (const content of ["", "\n"]) {
    const file = await passphraseFile(t, content);
    assert.throws(() => readPassphrase({ file }), { code: "passphrase/empty" });
  }
  const endless = await passphraseFile(t, "x".repeat(10_000));
  assert.throws(() => readPassphrase({ file: endless }), { code: "passphrase/too-long" });
  assert.throws(() => readPassphrase({ file: "/nonexistent" }), { code: "passphrase/unreadable" });
  assert.throws(() => readPassphrase({ file: "/" }), { code: "passphrase/unreadable" });
  assert.throws(() => readPassphrase({ fd: 9_999 }), { code: "passphrase/unreadable" });
  assert.throws(() => readPassphrase({ file: endless, fd: 0 }), { code: "cli/usage" });
  assert.equal(readPassphrase({}), undefined);
});

test("a file that every user can write is refused with the command that closes it; one that every user can read is warned of", async (t) => {
  const file = await passphraseFile(t, "secret", 0o646);
  assert.throws(() => readPassphrase({ file }), { code: "passphrase/exposed", hint: `chmod 600 ${file}` });
  await chmod(file, 0o644);
  const warn = t.mock.method(console, "error", () => {});
  assert.equal(text(readPassphrase({ file })), "secret");
  assert.match(String(warn.mock.calls[0]?.arguments[0]), new RegExp(`chmod 600 ${file}$`));
  await chmod(file, 0o640);
  assert.equal(text(readPassphrase({ file })), "secret");
  assert.equal(warn.mock.callCount(), 1);
});

test("a descriptor gives it, and a pipe too", async (t) => {
  const fd = openSync(await passphraseFile(t, "from a descriptor\n"), "r");
  assert.equal(text(readPassphrase({ fd })), "from a descriptor");
  closeSync(fd);
  const module = new URL("../../src/daemon/passphrase.ts", import.meta.url);
  const script = `import { readPassphrase } from ${JSON.stringify(module.href)}; process.stdout.write(readPassphrase({ fd: 0 }));`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], { input: "through a pipe\n" });
  assert.equal(child.stdout.toString(), "through a pipe", child.stderr.toString());
});

test("a pipe at standard input whose writer is slow is waited for, also after Node has set it not to wait", {
  timeout: 60_000,
}, async (t) => {
  const module = new URL("../../src/daemon/passphrase.ts", import.meta.url);
  const script = `import process from "node:process";
    import { readPassphrase } from ${JSON.stringify(module.href)};
    process.stderr.write("looks");
    process.stdout.write(readPassphrase({ fd: 0 }));`;
  // A pipe of the shell: what Node itself makes for a child is a socket.
  const pipe = spawn("sh", ["-c", 'cat | "$0" --input-type=module -e "$1"', process.execPath, script]);
  t.after(() => pipe.kill("SIGKILL"));
  const [said] = await once(pipe.stderr.setEncoding("utf8"), "data");
  assert.equal(said, "looks");
  pipe.stdin.end("slow\n");
  const [read] = await once(pipe.stdout.setEncoding("utf8"), "data");
  assert.equal(read, "slow");
  assert.deepEqual(await once(pipe, "close"), [0, null]);
});

test("a named pipe without a writer: somebody is told what is waited for, and may still write", {
  timeout: 60_000,
}, async (t) => {
  const file = join(await temporaryDirectory(t), "pipe");
  assert.equal(spawnSync("mkfifo", [file]).status, 0);
  const module = new URL("../../src/daemon/passphrase.ts", import.meta.url);
  const script = `import { readPassphrase } from ${JSON.stringify(module.href)};
    process.stdout.write(readPassphrase({ file: process.argv[1] }));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, file]);
  t.after(() => child.kill("SIGKILL"));
  const [said] = await once(child.stderr.setEncoding("utf8"), "data");
  assert.equal(said, `still waiting for a writer of the pipe ${file}; Ctrl-C ends it\n`);
  const [[read]] = await Promise.all([once(child.stdout.setEncoding("utf8"), "data"), writeFile(file, "late\n")]);
  assert.equal(read, "late");
  assert.deepEqual(await once(child, "close"), [0, null]);
});

test("systemd's credential counts when nothing is given explicitly", async (t) => {
  const credentialsDirectory = join(await temporaryDirectory(t), "credentials");
  await mkdir(credentialsDirectory);
  assert.equal(readPassphrase({ credentialsDirectory }), undefined);
  await writeFile(join(credentialsDirectory, "passphrase"), "credential\n", { mode: 0o440 });
  assert.equal(text(readPassphrase({ credentialsDirectory })), "credential");
  const file = await passphraseFile(t, "explicit");
  assert.equal(text(readPassphrase({ credentialsDirectory, file })), "explicit");
});
