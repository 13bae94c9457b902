import assert from "node:assert/strict";
import { test } from "node:test";
import { startAdminFixture } from "../support/admin/admin-fixture.ts";
import { umbrad } from "../support/cli/umbrad-command.ts";

test("how long a conversation keeps its messages is said, set and taken back", async (t) => {
  const { engine, stateDir } = await startAdminFixture(t);
  const env = { UMBRAD_STATE_DIR: stateDir };
  engine.open(null);
  const expire = async (...args: string[]) => {
    const { code, stdout, stderr } = await umbrad(t, ["conversation", "expire", "c1", ...args, "--json"], { env });
    return { code, answer: code === 0 ? JSON.parse(stdout) : stderr };
  };
  assert.deepEqual(await expire(), { code: 0, answer: { conversation: "c1", afterMs: null } });
  assert.deepEqual(await expire("7d"), { code: 0, answer: { conversation: "c1", afterMs: 604_800_000 } });
  assert.deepEqual(await expire(), { code: 0, answer: { conversation: "c1", afterMs: 604_800_000 } });
  assert.equal((await expire("5s")).code, 64, "shorter than a minute");
  assert.equal((await expire("soon")).code, 64);
  assert.deepEqual(await expire("off"), { code: 0, answer: { conversation: "c1", afterMs: null } });
});
