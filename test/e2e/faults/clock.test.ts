// Goal: a wall clock that is wrong by 30 s, the service node's or a daemon's, is noticed, said, and costs no message, not
// even one for somebody who is away and has to read it from Store. Method: real processes; the devnet's clock is a knob,
// the daemon's is shifted before its first line runs. Times are printed.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { HealthView } from "../../../src/admin/views.ts";
import { inTime, until } from "../stage/processes.ts";
import { Laboratory, type Side } from "./laboratory.ts";

const messages = 5;
const offMs = 30_000;

describe("a clock that is wrong by 30 s is made up for when it is", { concurrency: true }, () => {
  test("the service node's", (t) => wrong(t, "node"));
  test("a daemon's, behind", (t) => wrong(t, -offMs));
  test("a daemon's, ahead", (t) => wrong(t, offMs));
});

async function wrong(t: TestContext, what: "node" | number): Promise<void> {
  const laboratory = await Laboratory.open(t);
  const { node, alice, bob } = laboratory;
  if (what === "node") await node.set({ "clock-skew": `${offMs}ms` });
  await alice.stop();
  if (typeof what === "number") {
    const preload = import.meta.resolve("./shifted-clock.ts");
    alice.place = { nodeFlags: ["--import", preload], env: { SHIFT_MS: String(what) } };
  }
  await bob.stop();
  await alice.start();
  alice.listen();
  const began = performance.now();
  const elapsed = (): number => Math.round(performance.now() - began);
  // Sent before anybody knows; nobody is there to be pushed it, and nothing of it is archived at first.
  for (let number = 1; number <= messages; number += 1) await alice.say(`nobody there ${number}`);

  const said = await inTime("the warning", alice.running.output.event("clock.skewed"));
  t.diagnostic(`noticed after ${elapsed()} ms, as ${said["seconds"]} s`);
  const expected = what === "node" ? offMs : -what;
  assert.ok(Math.abs(Number(said["seconds"]) * 1_000 - expected) <= 20_000, JSON.stringify(said));
  await until("the event", () => alice.given().find(({ type }) => type === "clock.skewed"));
  assert.match(
    await clockText(alice),
    /^clock\.skewed: our clock is some \d+ s (behind|ahead of) that of the service nodes/,
  );
  const last = await alice.say("since it is known");
  await until("stored", () =>
    alice.given().find(({ type, data }) => type === "message.stored" && data["messageId"] === last),
  );

  await bob.start();
  bob.listen();
  await laboratory.talk("both there", messages);
  await laboratory.settled("everything delivered");
  t.diagnostic(`everything had arrived after ${elapsed()} ms`);
  laboratory.requireExactlyOnce();
  await laboratory.close();
}

async function clockText(side: Side): Promise<string> {
  const { checks } = await side.admin.get<HealthView>("/v1/health");
  return checks.find(({ name }) => name === "clock")?.text ?? "";
}
