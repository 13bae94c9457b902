// Goal: a message is not sent twice because its first answer got lost: without a key the command does not say "try again".
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

/** A daemon that dies between its commit and its answer. */
async function dyingDaemon(t: TestContext): Promise<string> {
  const socketPath = join(await temporaryDirectory(t), "admin.sock");
  const server = createServer((socket) => void socket.once("data", () => socket.destroy()));
  server.listen(socketPath);
  await once(server, "listening");
  t.after(() => server.close());
  return socketPath;
}

test("send without an answer", async (t) => {
  const socketPath = await dyingDaemon(t);
  const send = async (...args: string[]) => {
    const { code, stderr } = await umbrad(t, ["send", "c1", "hello", "--json", "--socket", socketPath, ...args], {});
    return {
      exit: code,
      ...(JSON.parse(stderr) as { error: { code: string; retryable: boolean; hint: string } }).error,
    };
  };
  const bare = await send();
  assert.deepEqual([bare.exit, bare.code, bare.retryable], [75, "message/not-answered", false]);
  assert.match(bare.hint, /umbrad history c1; with --key KEY it is sent once/);
  const keyed = await send("--key", "k");
  assert.deepEqual([keyed.exit, keyed.code, keyed.retryable], [75, "admin/busy", true]);
});
