// Goal: a service manager hears of readiness, state, life and the stop, and hears nothing of life when there is none.
// Method: the real daemon process with a systemd-notify that writes down what it is told; with the real one where it is.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inTime, until } from "../e2e/stage/processes.ts";
import { type RunningCommand, startUmbrad, temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";
import { type Notes, writeDownNotes } from "./supervision.ts";

const periodMs = 1_000;

async function place(t: TestContext): Promise<{ directory: string; stateDir: string }> {
  const directory = await temporaryDirectory(t);
  const stateDir = join(directory, "state");
  const { code, stderr } = await umbrad(t, ["init", "--insecure-plaintext-state", "--state-dir", stateDir]);
  assert.equal(code, 0, stderr);
  return { directory, stateDir };
}

function start(t: TestContext, stateDir: string, env: Readonly<Record<string, string>>): RunningCommand {
  return startUmbrad(t, ["run", "--state-dir", stateDir], { env });
}

const signs = (notes: Notes, more: number): Promise<true> => {
  const wanted = notes.count("WATCHDOG=1") + more;
  return until(`${more} signs of life`, () => (notes.count("WATCHDOG=1") >= wanted ? true : undefined));
};

const withheld = (reason: RegExp) => (line: string) =>
  line.includes('"service.watchdog-withheld"') && reason.test(JSON.parse(line).reason);

test("ready once, a line of state, signs of life, and the stop; nothing while the process stands still", async (t) => {
  const { directory, stateDir } = await place(t);
  const notes = writeDownNotes(directory);
  const daemon = start(t, stateDir, { ...notes.env, WATCHDOG_USEC: String(periodMs * 1_000) });
  await until("READY", () => (notes.count("READY=1") > 0 ? true : undefined));
  // One turn of the event loop reads what the daemon wrote before it told.
  await new Promise((resolve) => setImmediate(resolve));
  assert.match(daemon.stdout(), /"daemon\.started"/, "not before it is");
  assert.deepEqual(notes.told()[0], ["READY=1"]);
  await signs(notes, 4);
  const lines = notes
    .told()
    .flat()
    .filter((one) => one.startsWith("STATUS="));
  assert.deepEqual(lines, [
    "STATUS=degraded: no service node is configured: give one with --peer or in the configuration (0 of 0 peers, outbox 0)",
  ]);

  daemon.child.kill("SIGSTOP");
  // What was on its way may still arrive.
  await sleep(1_000);
  const before = notes.count("WATCHDOG=1");
  await sleep(3 * periodMs);
  assert.equal(notes.count("WATCHDOG=1"), before);
  daemon.child.kill("SIGCONT");
  await inTime("the withheld sign", daemon.line(withheld(/^the event loop stood still$/)));
  await signs(notes, 2);

  daemon.child.kill("SIGTERM");
  assert.equal((await inTime("the end", daemon.ended)).code, 0);
  await until("STOPPING", () => (notes.count("STOPPING=1") === 1 ? true : undefined));
  assert.deepEqual(notes.told().at(-1), ["STOPPING=1", "STATUS=stopping"]);
  assert.equal(notes.count("READY=1"), 1);
});

test("a state that cannot be written is no life, however often the timer fires", async (t) => {
  const { directory, stateDir } = await place(t);
  const notes = writeDownNotes(directory);
  const daemon = start(t, stateDir, { ...notes.env, WATCHDOG_USEC: String(periodMs * 1_000) });
  await signs(notes, 2);
  // The fence: somebody else has opened the state, so no write of this daemon goes through any more.
  const database = new DatabaseSync(join(stateDir, "umbrad.db"));
  database.exec("UPDATE meta SET value = x'00' WHERE key = 'opened-by'");
  database.close();
  await inTime("the withheld sign", daemon.line(withheld(/^no commit reaches the disk \(store\/locked\)$/)));
  const before = notes.count("WATCHDOG=1");
  await sleep(2 * periodMs);
  assert.equal(notes.count("WATCHDOG=1"), before);
});

test("without a watchdog only state is told; without the program the daemon runs and says so once", async (t) => {
  const { directory, stateDir } = await place(t);
  const notes = writeDownNotes(directory);
  // For another process: a child of a service inherits the variables.
  const daemon = start(t, stateDir, { ...notes.env, WATCHDOG_USEC: "1000000", WATCHDOG_PID: "1" });
  await until("the line", () => (notes.told().length >= 2 ? true : undefined));
  daemon.child.kill("SIGTERM");
  await inTime("the end", daemon.ended);
  assert.equal(notes.count("WATCHDOG=1"), 0);
  mkdirSync(join(directory, "empty"));
  const alone = start(t, stateDir, { ...notes.env, PATH: join(directory, "empty"), WATCHDOG_USEC: "1000000" });
  await inTime(
    "the warning",
    alone.line((line) => line.includes('"service.not-told"')),
  );
  assert.equal((await umbrad(t, ["status", "--state-dir", stateDir])).code, 0);
  assert.equal((await umbrad(t, ["stop", "--state-dir", stateDir])).code, 0);
  const { code, stdout } = await inTime("the end", alone.ended);
  assert.equal(code, 0);
  assert.equal(stdout.split('"service.not-told"').length, 2);
});

/** A service manager's end of NOTIFY_SOCKET: prints each datagram, and closes the descriptors by which a teller waits. */
const receiver = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    text, extra, _, _ = s.recvmsg(65536, 4096)
    print(text.decode().replace("\\n", " "), flush=True)
    for _, _, data in extra:
        for fd in array.array("i", data): os.close(fd)
`;

test("the real systemd-notify tells a real socket, where there is one", async (t) => {
  const tools = [spawnSync("systemd-notify", ["--version"]), spawnSync("python3", ["--version"])];
  if (tools.some(({ status }) => status !== 0)) return t.diagnostic("no systemd-notify or no python3 on this machine");
  const { directory, stateDir } = await place(t);
  const socket = join(directory, "notify");
  const manager = spawn("python3", ["-c", receiver, socket], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => manager.kill("SIGKILL"));
  let told = "";
  manager.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    told += chunk;
  });
  const has = (text: string) => until(text, () => (told.includes(`\n${text}`) ? true : undefined));
  await until("the socket", () => (told === "bound\n" ? true : undefined));
  const daemon = start(t, stateDir, { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "1000000" });
  await has("READY=1");
  await has("WATCHDOG=1");
  daemon.child.kill("SIGTERM");
  await inTime("the end", daemon.ended);
  await has("STOPPING=1 STATUS=stopping\n");
});
