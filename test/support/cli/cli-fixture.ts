/** The real command as a process against the real admin server, with an engine in memory: every byte of output is known. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type AdminFixture, startAdminFixture } from "../admin/admin-fixture.ts";
import { type CommandResult, umbrad } from "./umbrad-command.ts";

/** The clock of the engine in memory stands still. */
export const fixtureTime = "2026-11-22T10:00:00.000Z";
export const fixturePeer = "cd".repeat(32);

export interface CliFixture extends AdminFixture {
  run(...args: string[]): Promise<CommandResult>;
}

export async function startCliFixture(t: TestContext): Promise<CliFixture> {
  const admin = await startAdminFixture(t);
  const env = { UMBRAD_STATE_DIR: admin.stateDir };
  return { ...admin, run: (...args) => umbrad(t, args, { env }) };
}

export function succeeded(result: CommandResult, stdout: string): void {
  assert.equal(result.stdout, stdout, result.stderr);
  assert.equal(result.code, 0, result.stderr);
}

export function failed(result: CommandResult, code: number, stderr: string): void {
  assert.equal(result.stderr, stderr);
  assert.equal(result.code, code);
  assert.equal(result.stdout, "");
}
