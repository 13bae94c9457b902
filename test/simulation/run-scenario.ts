/** One run of one scenario: how long it takes until all is delivered, and what it costs. */

import { dayMs, outageOf, type Scenario, scenarios } from "./scenarios.ts";
import { checkAgreement } from "./world/agreement.ts";
import { Chance } from "./world/chance.ts";
import { crashPoints } from "./world/node.ts";
import { meet, say, type Talk } from "./world/talk.ts";
import { publicQuota, World } from "./world/world.ts";

export interface ScenarioSettings {
  readonly scenario: string;
  readonly seed: number;
}

export interface ScenarioReport extends ScenarioSettings {
  readonly failures: readonly string[];
  readonly messages: number;
  readonly published: number;
  /** From the end of the outage, or of the talk, to the last delivery; undefined: hung. */
  readonly catchUpMs: number | undefined;
  /** And to the last acknowledgement. */
  readonly acknowledgedMs: number | undefined;
}

/** A run that is not quiet so long after the outage hangs. */
const hungAfterMs = 15 * dayMs;

export async function runScenario({ scenario: name, seed }: ScenarioSettings): Promise<ScenarioReport> {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new RangeError(`no scenario is called ${name}`);
  const world = new World(seed);
  const chance = new Chance(seed, name);
  const unhandled = (reason: unknown) => world.fail("6", `an unhandled rejection: ${String(reason)}`);
  process.on("unhandledRejection", unhandled);
  try {
    // The outages that matter are those of public networks, and these count.
    world.engine = { ...world.engine, quota: publicQuota };
    const host = await world.addNode();
    const guest = await world.addNode();
    const talk: Talk = { host, guest, id: undefined, accepted: [] };
    Object.assign(world.network.faults, { delayMs: [5, 500], archiveMs: dayMs / 2 });
    if (scenario.isNew !== true) {
      world.act(() => meet(world, talk, "hello"));
      await world.runUntilQuiet(dayMs);
    }
    const startMs = world.clock.now();
    const before = { published: world.published, accepted: talk.accepted.length };
    const overMs = startMs + (await suffer(world, scenario, talk, chance));
    const isQuiet = world.failures.length === 0 && (await world.runUntilQuiet(hungAfterMs));
    if (isQuiet) checkAgreement(world, [talk], scenario.talkMs < dayMs);
    return {
      scenario: name,
      seed,
      failures: [...world.failures],
      messages: talk.accepted.length - before.accepted,
      published: world.published - before.published,
      catchUpMs: isQuiet ? Math.max(0, lastMs(world, "message.received") - overMs) : undefined,
      acknowledgedMs: isQuiet ? Math.max(0, lastMs(world, "message.delivered") - overMs) : undefined,
    };
  } finally {
    process.off("unhandledRejection", unhandled);
    await world.dispose();
  }
}

/** People write through the outage. Returns after how long both were over. */
async function suffer(world: World, scenario: Scenario, talk: Talk, chance: Chance): Promise<number> {
  const { host, guest } = talk;
  const { talkMs, guestAwayMs = 0, loss = 0 } = scenario;
  const outage = outageOf(scenario, chance);
  const silence = (isDead: boolean) => {
    for (const [node, dead] of [
      [guest, "to-host"],
      [host, "to-guest"],
    ] as const) {
      if (node.life !== undefined && (outage.dead === "both" || outage.dead === dead))
        node.life.transport.swallowed = isDead;
    }
  };
  Object.assign(world.network.faults, {
    losePush: loss / 100,
    loseArchive: scenario.loseArchive ?? loss / 100,
    duplicatePush: scenario.duplicates ?? 0,
    delayMs: scenario.delayMs ?? [5, 500],
    answerMs: [5, 500],
  });
  if (outage.ms > 0) {
    silence(true);
    world.clock.after(outage.ms, () => {
      silence(false);
      // What is left of the bad weather.
      world.network.faults.losePush = chance.number() * 0.1;
    });
  }
  if (guestAwayMs > 0) {
    await guest.stop();
    world.clock.after(guestAwayMs, () => void guest.start());
  }
  if (scenario.kills === true) for (const node of [host, guest]) world.act(() => kill(world, node, talkMs, chance));
  const count = chance.between(...scenario.messages);
  const startMs = world.clock.now();
  const atMs = Array.from({ length: count }, () => startMs + chance.below(talkMs)).sort((a, b) => a - b);
  world.act(() => write(world, scenario, talk, { atMs, chance }));
  const worstMs = Math.max((atMs.at(-1) ?? startMs) - startMs, outage.ms, guestAwayMs);
  await world.clock.runUntil(world.clock.now() + worstMs, () => world.failures.length > 0);
  return worstMs;
}

interface Writing {
  /** When each message is written. */
  readonly atMs: readonly number[];
  readonly chance: Chance;
}

async function write(world: World, scenario: Scenario, talk: Talk, { atMs, chance }: Writing): Promise<void> {
  const { talkMs, isNew, oneWay } = scenario;
  const shareOfHost = oneWay === true ? 1 : chance.pick([0, 0.1, 0.5, 0.5, 0.9, 1]);
  if (isNew === true) {
    await world.pause(chance.below(talkMs / 4));
    await meet(world, talk, "hello");
  }
  for (const [number, at] of atMs.entries()) {
    await world.pause(at - world.clock.now());
    const from = chance.happens(shareOfHost) ? talk.host : talk.guest;
    world.act(() => say(world, talk, from, `message ${number}`));
  }
}

async function kill(world: World, node: Talk["host"], forMs: number, chance: Chance): Promise<void> {
  const untilMs = world.clock.now() + forMs;
  world.downMs = () => chance.between(100, 300_000);
  while (world.clock.now() < untilMs) {
    await world.pause(chance.between(1_000, 40 * 60_000));
    if (chance.happens(0.5)) node.kill();
    else node.crashAt(chance.pick(crashPoints), chance.below(3));
  }
  node.spare();
}

function lastMs(world: World, wanted: string): number {
  const times = world.nodes.flatMap(({ life }) =>
    (life?.store.events({ after: 0, limit: 100_000 }) ?? [])
      .filter(({ type }) => type === wanted)
      .map(({ atMs }) => atMs),
  );
  return Math.max(0, ...times);
}
