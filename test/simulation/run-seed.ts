/**
 * One seed: a few people make conversations and talk while messages are lost, doubled and overtaken and their nodes die;
 * then it becomes quiet, and all must agree. The same seed and settings give the same run to the byte.
 */
import { checkAgreement } from "./world/agreement.ts";
import { Chance } from "./world/chance.ts";
import { type ChaosTally, heal, rage, worsen } from "./world/chaos.ts";
import { meet, say, sendFile, type Talk } from "./world/talk.ts";
import { publicQuota, World } from "./world/world.ts";

export interface SeedSettings {
  readonly seed: number;
  /** Percent of pushes that are lost, and of messages that no archive keeps. */
  readonly loss: number;
}

export interface SeedReport extends SeedSettings {
  readonly failures: readonly string[];
  readonly nodes: number;
  readonly talks: number;
  /** Messages said in all talks, and envelopes published for them. */
  readonly delivered: number;
  readonly failed: number;
  readonly published: number;
  readonly deaths: number;
  readonly refusals: number;
  /** Simulated time. */
  readonly virtualMs: number;
  readonly trace: string;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** Longer than any message is resent; on a healthy network a few rounds of resending are enough. */
const quietWithinMs = { lossy: 40 * dayMs, healed: 3 * dayMs };

export async function runSeed({ seed, loss }: SeedSettings): Promise<SeedReport> {
  const world = new World(seed);
  const chance = new Chance(seed, "story");
  const tally: ChaosTally = { crashes: 0, refusals: 0 };
  const unhandled = (reason: unknown) => world.fail("6", `an unhandled rejection: ${String(reason)}`);
  process.on("unhandledRejection", unhandled);
  const startMs = world.clock.now();
  try {
    if (chance.happens(0.4)) world.engine = { ...world.engine, quota: publicQuota };
    const talks = await cast(world, chance);
    worsen(world, { loss }, chance);
    world.downMs = () => chance.between(100, chance.pick([2_000, 300_000]));
    const ragesUntilMs = startMs + chance.between(1, 6) * minuteMs;
    world.act(() => rage(world, ragesUntilMs, tally));
    for (const talk of talks) world.act(() => converse(world, talk, chance));
    await world.clock.runUntil(ragesUntilMs, () => world.failures.length > 0);
    // One in four never gets a better network.
    const end = chance.happens(0.25) ? "lossy" : "healed";
    if (end === "healed") heal(world);
    else for (const node of world.nodes) node.spare();
    const isQuiet = world.failures.length === 0 && (await world.runUntilQuiet(quietWithinMs[end]));
    if (!isQuiet && world.failures.length === 0) world.fail("5", "it never became quiet");
    const agreed = world.failures.length > 0 ? { delivered: 0, failed: 0 } : checkAgreement(world, talks);
    return {
      seed,
      loss,
      failures: [...world.failures],
      nodes: world.nodes.length,
      talks: talks.length,
      ...agreed,
      published: world.published,
      deaths: world.deaths,
      refusals: tally.refusals,
      virtualMs: world.clock.now() - startMs,
      trace: world.trace(),
    };
  } finally {
    process.off("unhandledRejection", unhandled);
    await world.dispose();
  }
}

/** Two to five nodes; everybody talks with somebody, some twice: both have invited at once. */
async function cast(world: World, chance: Chance): Promise<Talk[]> {
  const count = chance.pick([2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 5]);
  for (let index = 0; index < count; index += 1) await world.addNode(chance.between(-3_000, 3_000));
  const talks: Talk[] = [];
  for (let index = 1; index < count; index += 1) {
    const one = world.nodes[index];
    const other = world.nodes[chance.below(index)];
    if (one === undefined || other === undefined) continue;
    const [host, guest] = chance.happens(0.5) ? [one, other] : [other, one];
    talks.push({ host, guest, id: undefined, accepted: [] });
    if (chance.happens(0.15)) talks.push({ host: guest, guest: host, id: undefined, accepted: [] });
  }
  return talks;
}

/** They meet, and then both write when they like. */
async function converse(world: World, talk: Talk, chance: Chance): Promise<void> {
  const { host, guest } = talk;
  await world.pause(chance.below(20_000));
  const name = `${guest.index}-${host.index}`;
  await meet(world, talk, chance.happens(0.7) ? `${name} hello` : undefined);
  const count = chance.pick([0, 1, 1, 1, 2, 2, 4]);
  for (let number = 0; number < count; number += 1) {
    await world.pause(chance.pick([0, 0, 20, 3_000, 40_000, 200_000]));
    const from = chance.happens(0.5) ? host : guest;
    // Not awaited: the next may be asked for before this one is answered.
    if (chance.happens(0.02)) {
      const data = chance.bytes(chance.between(1, 40_000));
      world.act(() => sendFile(world, talk, from, `${name} ${number}.bin`, data));
    } else world.act(() => say(world, talk, from, `${name} ${number}`));
  }
}
