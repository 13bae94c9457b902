// Goal: a node is the same node after a restart, never two at once, and gone without a trace when stopped.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readArchive } from "../../src/devnet/archive.ts";
import { startDevnet } from "../../src/devnet/node.ts";
import { scratchDevnet, scratchDir } from "./support/scratch-devnet.ts";

test("the address is the same after a restart, with the same port, a given one, or another", async (t) => {
  const stateDir = join(scratchDir(t), "made", "by", "the", "node");
  const first = await scratchDevnet(t, { stateDir });
  assert.match(first.multiaddr, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3Koo\w+$/);
  assert.match(first.websocketMultiaddr, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/ws\/p2p\/12D3Koo\w+$/);
  assert.ok(first.multiaddr.endsWith(`/p2p/${first.peerId}`));
  assert.deepEqual([first.clusterId, first.shards], [66, 8]);
  assert.equal(statSync(join(stateDir, "peer.key")).mode & 0o777, 0o600);
  assert.equal(statSync(stateDir).mode & 0o777, 0o700);
  await first.stop();
  await first.stop();
  const second = await scratchDevnet(t, { stateDir });
  assert.deepEqual([second.multiaddr, second.websocketMultiaddr], [first.multiaddr, first.websocketMultiaddr]);
  await second.stop();
  const port = Number(first.multiaddr.split("/")[4]);
  const third = await scratchDevnet(t, { stateDir, port });
  assert.equal(third.multiaddr, first.multiaddr);
  await third.stop();
  const squatter = createServer().listen(port, "127.0.0.1");
  await once(squatter, "listening");
  t.after(() => squatter.close());
  await assert.rejects(startDevnet({ stateDir, port }), { code: "devnet/port-in-use" });
  const fourth = await scratchDevnet(t, { stateDir });
  assert.equal(fourth.peerId, first.peerId);
  assert.notEqual(fourth.multiaddr, first.multiaddr);
});

test("one directory, one node; a refused start leaves the running one alone", async (t) => {
  const stateDir = scratchDir(t);
  const running = await scratchDevnet(t, { stateDir });
  await assert.rejects(startDevnet({ stateDir }), { code: "devnet/state-dir-in-use" });
  await running.stop();
  await (await startDevnet({ stateDir })).stop();
});

test("bad options and a damaged key are refused by name; damaged ports cost nothing", async (t) => {
  const stateDir = scratchDir(t);
  for (const bad of [
    { shards: 0 },
    { shards: 1.5 },
    { clusterId: -1 },
    { clusterId: 65_536 },
    { port: 65_536 },
    { port: 9, websocketPort: 9 },
  ]) {
    await assert.rejects(startDevnet({ stateDir, ...bad }), { code: "devnet/bad-option" });
  }
  const key = readFileSync(join(stateDir, "peer.key"));
  writeFileSync(join(stateDir, "peer.key"), key.subarray(0, 10));
  await assert.rejects(startDevnet({ stateDir }), { code: "devnet/bad-peer-key" });
  writeFileSync(join(stateDir, "peer.key"), key);
  writeFileSync(join(stateDir, "ports.json"), "{");
  await scratchDevnet(t, { stateDir });
});

test("a process whose node has stopped ends by itself; one killed leaves a directory that works", async (t) => {
  // Between two starts the port is free, and another test on this machine may take it.
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await stopsAndDies(t, scratchDir(t));
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === 5) throw error;
    }
  }
});

class PortTaken extends Error {}

async function stopsAndDies(t: TestContext, stateDir: string): Promise<void> {
  const module = new URL("../../src/devnet/node.ts", import.meta.url).href;
  const script = `
    const { startDevnet } = await import(${JSON.stringify(module)});
    const devnet = await startDevnet({ stateDir: ${JSON.stringify(stateDir)} });
    console.log(devnet.multiaddr);
    process.stdin.once("data", async () => { await devnet.stop(); process.stdin.unref(); });
  `;
  const start = (): ReturnType<typeof spawn> =>
    spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "pipe"] });
  const multiaddrOf = async (child: ReturnType<typeof start>): Promise<string> => {
    assert.ok(child.stdout && child.stderr);
    let complaint = "";
    child.stderr.on("data", (chunk) => {
      complaint += String(chunk);
    });
    const gone = once(child, "close").then(() => {
      throw /port-in-use|EADDRINUSE|could not listen/i.test(complaint) ? new PortTaken() : new Error(complaint);
    });
    const [line] = await Promise.race([once(child.stdout, "data"), gone]);
    gone.catch(() => undefined);
    return String(line).trim();
  };
  const polite = start();
  const first = await multiaddrOf(polite);
  polite.stdin?.write("stop\n");
  assert.deepEqual(await once(polite, "exit", { signal: AbortSignal.timeout(100_000) }), [0, null]);
  const killed = start();
  assert.equal(await multiaddrOf(killed), first);
  killed.kill("SIGKILL");
  await once(killed, "exit");
  assert.deepEqual([...readArchive(stateDir)], [], "readable though nobody closed it");
  const survivor = await scratchDevnet(t, { stateDir });
  assert.equal(survivor.multiaddr, first);
}
