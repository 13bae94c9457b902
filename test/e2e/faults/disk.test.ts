// Goal: a disk that is full, or fails, costs no message and no restart: the daemon says so once, takes and sends nothing,
// refuses commands with a code that may be repeated, and goes on by itself when the disk takes writes again. Method: real
// processes; a limit on the size of files that is set and lifted while the daemon runs (write errors), and a small file
// system of its own where the system lets us mount one (no space). Times are printed.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect, Party, ServiceNode } from "../stage/party.ts";
import { inTime, Stage, until } from "../stage/processes.ts";

interface Disk {
  /** What the daemon calls its fault. */
  readonly codes: RegExp;
  /** Before the state is made. */
  prepare(stage: Stage, name: string): void;
  fail(daemon: Party): void;
  mend(daemon: Party): void;
}

/** Ten times what is promised: a few seconds. */
const recoveryMs = 40_000;

describe("a disk that takes no writes for a while", () => {
  test("because writing fails", (t) => outlast(t, limitedFiles()));

  const small = smallFileSystem();
  // Mounting is for root: elsewhere the other test says the same of another fault.
  if (small !== undefined) test("because it is full", (t) => outlast(t, small));
});

async function outlast(t: TestContext, disk: Disk): Promise<void> {
  const stage = new Stage(t);
  disk.prepare(stage, "bob");
  const node = new ServiceNode(stage);
  await node.start();
  const [alice, bob] = ["alice", "bob"].map((name) => new Party(stage, name, ["--peer", node.multiaddr])) as [
    Party,
    Party,
  ];
  await Promise.all([alice.init(), bob.init()]);
  await Promise.all([alice.start(), bob.start()]);
  await Promise.all([alice.wait("ready"), bob.wait("ready")]);
  await connect(alice, bob, "first");
  await alice.text("send", "c1", "before");
  await bob.receive(1);
  await Promise.all([alice.wait("outbox-empty"), bob.wait("outbox-empty")]);

  disk.fail(bob);
  const reasons = await until("bob is degraded", async () => {
    const { state, reasons: why } = await bob.status();
    return state === "degraded" && why.some((reason) => reason.includes("cannot be written")) ? why : undefined;
  });
  assert.match(reasons[0] ?? "", disk.codes);
  const sent = ["before"];
  const { accepted } = await countsOf(bob);
  for (let number = 1; number <= 5; number += 1) {
    sent.push(`meanwhile ${number}`);
    await alice.text("send", "c1", `meanwhile ${number}`);
  }
  await until("they came to bob", async () => ((await countsOf(bob)).disk >= 5 ? true : undefined));
  assert.equal((await countsOf(bob)).accepted, accepted, "nothing is taken that cannot be kept");
  const refused = await bob.command(["send", "c1", "not now", "--json"]);
  assert.ok(refused.code === 74 || refused.code === 75, refused.stderr);
  assert.match(refused.stderr, disk.codes);
  assert.match(refused.stderr, /"retryable":true/);

  const mended = performance.now();
  const next = bob.running.output.nextLine((line) => line.includes('"event":"store.recovered"'));
  disk.mend(bob);
  await inTime("bob goes on", next, recoveryMs);
  t.diagnostic(`went on ${Math.round(performance.now() - mended)} ms after the disk took writes again`);
  assert.deepEqual((await bob.receive(sent.length)).sort(), [...sent].sort());
  t.diagnostic(`had everything after ${Math.round(performance.now() - mended)} ms`);
  await bob.wait("ready");
  await bob.text("send", "c1", "afterwards");
  assert.deepEqual(await alice.receive(2), ["first", "afterwards"]);
  await Promise.all([alice.wait("outbox-empty"), bob.wait("outbox-empty")]);

  const texts = await bob.receivedTexts();
  assert.deepEqual(texts.sort(), [...sent].sort(), "each once");
  assert.ok((await bob.events()).some(({ type }) => type === "store.recovered"));
  const errors = bob.running.output.log().filter(({ level }) => level === "error");
  assert.deepEqual(
    errors.map(({ event }) => event),
    ["store.failing"],
    "said once",
  );
  await Promise.all([alice.stop(), bob.stop()]);
}

/** Envelopes that conversations took, and that were dropped because of the disk. */
async function countsOf({ stateDir }: Party): Promise<{ accepted: number; disk: number }> {
  const text = await new Promise<string>((resolve, reject) => {
    const socketPath = join(stateDir, "admin.sock");
    get({ socketPath, path: "/metrics", headers: { host: "umbrad" } }, (response) => {
      response
        .setEncoding("utf8")
        .toArray()
        .then((parts) => resolve(parts.join("")), reject);
    }).on("error", reject);
  });
  const count = (start: string): number => {
    const line = text.split("\n").find((one) => one.startsWith(start));
    assert.ok(line, text);
    return Number(line.split(" ").at(-1));
  };
  return {
    accepted: count("umbrad_envelopes_accepted_total"),
    disk: count('umbrad_envelopes_dropped_total{reason="disk"}'),
  };
}

/** Writes past the first byte of a file fail with EFBIG, as they do with EIO on a broken disk. */
function limitedFiles(): Disk {
  const limit = (daemon: Party, bytes: string): void => {
    execFileSync("prlimit", ["--pid", String(daemon.running.pid), `--fsize=${bytes}:`]);
  };
  return {
    codes: /store\/io/,
    prepare: () => {},
    fail: (daemon) => limit(daemon, "1"),
    mend: (daemon) => limit(daemon, "unlimited"),
  };
}

/** undefined: we may not mount. */
function smallFileSystem(): Disk | undefined {
  const place = mkdtempSync(join(tmpdir(), "umbrad-small-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m,mode=0700", "umbrad-test", place]);
  const end = (): void => {
    spawnSync("/bin/umount", ["--lazy", place]);
    rmSync(place, { recursive: true, force: true });
  };
  if (mounted.status !== 0) {
    rmSync(place, { recursive: true, force: true });
    return undefined;
  }
  process.once("exit", end);
  const filler = join(place, "filler");
  return {
    codes: /store\/(full|io)/,
    prepare: (stage, name) => symlinkSync(place, join(stage.directory, name)),
    fail: () => {
      const { bavail, bsize } = statfsSync(place);
      writeFileSync(filler, new Uint8Array(bavail * bsize));
    },
    mend: () => rmSync(filler),
  };
}
