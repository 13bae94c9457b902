/**
 * Goal: a word that one conversation tells another (ADR 0030) is heard once, whenever the process dies: before or after the
 * commit of the turn that tells, or of those that hear. Method: every such instant is tried, and a second one in the life
 * after it; each life runs on the SQLite file of the last. The caller repeats what was not answered, with its key.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRig, type Rig } from "../probe/rig.ts";

interface Death {
  readonly point: "before" | "after";
  /** Of this life, counted from 0. */
  readonly commit: number;
}

const deaths: readonly Death[] = [0, 1, 2, 3].flatMap((commit) =>
  (["before", "after"] as const).map((point) => ({ point, commit })),
);
const secondDeaths: readonly (Death | undefined)[] = [undefined, ...deaths.slice(0, 4)];

/** From the death on no call reaches the store. */
function dieAt({ faults }: Rig, death: Death | undefined): void {
  let commits = 0;
  let isDead = false;
  const gone = (): never => {
    isDead = true;
    throw new Error("the process is gone");
  };
  const isTime = (point: Death["point"], method: string) =>
    method === "commitAll" && death?.point === point && commits === death.commit;
  faults.before = ({ method }) => {
    if (isDead || isTime("before", method)) gone();
  };
  faults.after = ({ method }) => {
    if (isTime("after", method)) gone();
    if (method === "commitAll") commits += 1;
  };
}

const told = (rig: Rig, number: number) => rig.state(number).log.filter((line) => line.startsWith("told"));

/** p0 tells p1, p2 and p3, which the same turn opens; until it is answered. */
async function tell(rig: Rig): Promise<boolean> {
  const script = { op: "tell", to: ["p1", "p2"], text: "word", opens: "p3" };
  const request = { conversation: "c0", text: `!${JSON.stringify(script)}`, key: "once" };
  const answered = rig.engine.send(request).then(
    () => true,
    () => false,
  );
  await rig.clock.advance(1);
  return answered;
}

async function liveTwice(first: Death, second: Death | undefined): Promise<void> {
  let rig = await createRig(["p0", "p1", "p2"]);
  try {
    dieAt(rig, first);
    let isAnswered = await tell(rig);
    for (const death of [second, undefined]) {
      rig = await rig.restart();
      dieAt(rig, death);
      if (!isAnswered) isAnswered = await tell(rig);
      await rig.clock.advance(60_000);
    }
    assert.ok(isAnswered);
    const heard = [1, 2, 3].map((number) => told(rig, number));
    assert.deepEqual(heard, [["told word 0"], ["told word 1"], ["told word 2"]]);
    assert.deepEqual(rig.state(0).log, ["tells word"]);
    assert.equal(rig.store.timersNextDueMs("any"), undefined, "no word is left");
  } finally {
    await rig.dispose();
  }
}

describe("a word of one conversation to another", () => {
  for (const first of deaths) {
    it(`is heard once when the process dies ${first.point} commit ${first.commit}, and again after that`, async () => {
      for (const second of secondDeaths) await liveTwice(first, second);
    });
  }

  it("whose hearer is closed is lost without a trace, and one that nobody is there for", async () => {
    const rig = await createRig(["p0", "p1"]);
    try {
      await Promise.all([rig.engine.send({ conversation: "c1", text: '!{"op":"close"}' }), rig.clock.advance(1)]);
      const script = { op: "tell", to: ["p1", "nobody"], text: "word" };
      await Promise.all([
        rig.engine.send({ conversation: "c0", text: `!${JSON.stringify(script)}` }),
        rig.clock.advance(60_000),
      ]);
      assert.deepEqual(rig.state(0).log, ["tells word"]);
      assert.equal(rig.store.timersNextDueMs("any"), undefined);
      assert.deepEqual(
        rig.lines.filter(({ level }) => level === "error"),
        [],
      );
    } finally {
      await rig.dispose();
    }
  });
});
