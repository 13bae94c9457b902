// Goal: no caller is refused while the daemon restarts on an inherited socket, and a daemon that is still starting says
// so. Method: real daemons under a shell that holds the socket and starts them again, and a caller that never stops.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connectAdmin } from "../../src/admin/client.ts";
import type { StatusView } from "../../src/admin/views.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import { DEADLINE_MS, inTime, until } from "../e2e/stage/processes.ts";
import { startUmbrad, temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";
import { holdSocket } from "./supervision.ts";

function adminAt(socketPath: string) {
  return connectAdmin({ place: { socketPath }, timeoutMs: DEADLINE_MS, startHint: async () => "start it" });
}

test("restarts on an inherited socket: callers wait, nobody is refused, the socket stays", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "passphrase");
  writeFileSync(file, "correct horse\n", { mode: 0o600 });
  // Sealed: while its key is derived a daemon accepts callers and has no engine for them yet.
  const given = ["--state-dir", join(directory, "state"), "--passphrase-file", file];
  assert.equal((await umbrad(t, ["init", ...given])).code, 0);
  const unit = await holdSocket(t, directory, given);
  const admin = adminAt(unit.socketPath);
  // Before any daemon accepts: the answer needs the engine, and waits for it.
  assert.deepEqual(await admin.get("/v1/conversations"), { conversations: [] });

  let isCalling = true;
  t.after(() => {
    isCalling = false;
  });
  const seen = { answers: 0, draining: 0, slowestMs: 0 };
  const faults: string[] = [];
  const calling = (async () => {
    while (isCalling) {
      const beganMs = performance.now();
      try {
        await admin.get("/v1/conversations");
        seen.answers += 1;
      } catch (error) {
        const code = error instanceof UmbradError ? error.code : String(error);
        // Taken by the daemon that was already stopping: it says so, and may be asked again.
        if (code === "daemon/draining") seen.draining += 1;
        else faults.push(code);
      }
      seen.slowestMs = Math.max(seen.slowestMs, performance.now() - beganMs);
    }
  })();
  const pids = new Set<number>();
  for (let restarts = 0; restarts < 3; restarts += 1) {
    const { pid } = await admin.get<StatusView>("/v1/status");
    pids.add(pid);
    process.kill(pid, "SIGTERM");
    await until("the next daemon", async () => {
      const { pid: next, state } = await admin.get<StatusView>("/v1/status");
      return pids.has(next) || state === "starting" ? undefined : true;
    });
    assert.equal(existsSync(unit.socketPath), true);
  }
  isCalling = false;
  await inTime("the last answer", calling);
  assert.deepEqual(faults, []);
  assert.ok(seen.slowestMs > 100, "somebody waited for a start");
  assert.ok(seen.draining <= 3, "at most one for each stop");
  t.diagnostic(JSON.stringify({ ...seen, slowestMs: Math.round(seen.slowestMs) }));
  unit.startNoMore();
  const ended = once(unit.supervisor, "exit");
  await admin.post("/v1/stop");
  assert.deepEqual(await inTime("the end", ended), [0, null], unit.log());
  assert.equal(existsSync(unit.socketPath), true, "it is the manager's");
});

test("a daemon that derives its key answers already: starting, and what needs the engine is told to come back", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "passphrase");
  writeFileSync(file, "correct horse\n", { mode: 0o600 });
  const stateDir = join(directory, "state");
  const given = ["--state-dir", stateDir, "--passphrase-file", file];
  assert.equal((await umbrad(t, ["init", ...given])).code, 0);
  const admin = adminAt(join(stateDir, "admin.sock"));
  const early = async (): Promise<{ state: string; code: string }> => {
    const { state } = await admin.get<StatusView>("/v1/status");
    const code = await admin.get("/v1/conversations").then(
      () => "none",
      (error: UmbradError) => error.code,
    );
    return { state, code };
  };
  // Deriving takes some 0.15 s. Another try when the machine gave this process none of it.
  const wasEarly = await until("an answer while starting", async () => {
    const daemon = startUmbrad(t, ["run", ...given]);
    const first = await until("the first answer", () => early().catch(() => undefined));
    await daemon.line((line) => line.includes('"daemon.started"'));
    assert.equal((await admin.get<StatusView>("/v1/status")).state, "degraded");
    daemon.child.kill("SIGTERM");
    assert.equal((await daemon.ended).code, 0);
    return first.state === "starting" && first.code === "daemon/starting" ? true : undefined;
  });
  assert.equal(wasEarly, true);

  writeFileSync(file, "battery staple\n");
  const wrong = await umbrad(t, ["run", ...given]);
  assert.equal(wrong.code, 77, wrong.stderr);
  assert.equal(existsSync(join(stateDir, "admin.sock")), false, "no socket of a daemon that did not start");
  assert.equal(readFileSync(file, "utf8"), "battery staple\n");
});
