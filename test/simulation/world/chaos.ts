/** What happens to nodes and network while people talk; drawn from the seed. */
import { Chance } from "./chance.ts";
import { command, forge } from "./intruder.ts";
import { crashPoints, type SimNode } from "./node.ts";
import type { World } from "./world.ts";

/** In percent. */
export interface Weather {
  readonly loss: number;
}

export interface ChaosTally {
  crashes: number;
  refusals: number;
}

/** From now on the network loses, repeats, delays and forgets. */
export function worsen({ network }: World, { loss }: Weather, chance: Chance): void {
  const probability = loss / 100;
  Object.assign(network.faults, {
    losePush: probability,
    loseArchive: probability,
    loseAnswer: probability / 3,
    losePublish: probability / 3,
    duplicatePush: 0.15,
    answerMs: [5, chance.pick([50, 500, 500, 20_000])],
    // Up to 40 s: whatever is sent in between overtakes.
    delayMs: [5, chance.pick([50, 500, 3_000, 40_000])],
  });
}

export function heal(world: World): void {
  Object.assign(world.network.faults, {
    losePush: 0,
    loseArchive: 0,
    loseAnswer: 0,
    losePublish: 0,
    duplicatePush: 0,
    delayMs: [5, 50],
    answerMs: undefined,
  });
  world.network.setOnline(true);
  for (const node of world.nodes) {
    node.spare();
    if (node.life === undefined) continue;
    Object.assign(node.life.transport, { muted: false, storeIsSilent: false, refusal: undefined });
  }
}

/** One thing after the other until then. */
export async function rage(world: World, untilMs: number, tally: ChaosTally): Promise<void> {
  const chance = new Chance(world.seed, "chaos");
  while (world.clock.now() < untilMs) {
    await world.pause(chance.between(1_000, 120_000));
    strike(world, chance, tally);
  }
}

function strike(world: World, chance: Chance, tally: ChaosTally): void {
  const node = chance.pick(world.nodes);
  const kind = chance.below(10);
  if (kind < 4) {
    tally.refusals += 1;
    if (kind === 3) command(world, node, chance, undefined);
    else forge(world, node, chance);
  } else if (kind < 7) {
    tally.crashes += 1;
    node.crashAt(chance.pick(crashPoints), chance.below(4));
  } else if (kind === 7) {
    tally.crashes += 1;
    node.kill();
  } else if (kind === 8) {
    world.act(() => restart(world, node, chance));
  } else trouble(world, node, chance);
}

/** An orderly stop, as by an operator. */
async function restart(world: World, node: SimNode, chance: Chance): Promise<void> {
  const { life } = node;
  if (life === undefined) return;
  await node.stop();
  if (node.life !== undefined) return;
  await world.pause(chance.between(100, 30_000));
  if (node.life === undefined) await node.start();
}

/** Its network fails in one way, for up to three minutes. */
function trouble(world: World, node: SimNode, chance: Chance): void {
  const { life } = node;
  if (life === undefined) return;
  const { transport } = life;
  const forMs = chance.between(1_000, chance.pick([20_000, 180_000]));
  const isOver = (end: () => void) => world.clock.after(forMs, end);
  switch (chance.below(4)) {
    case 0:
      transport.setOnline(false);
      return void isOver(() => transport.setOnline(true));
    case 1:
      transport.muted = true;
      return void isOver(() => {
        transport.muted = false;
      });
    case 2:
      transport.storeIsSilent = true;
      return void isOver(() => {
        transport.storeIsSilent = false;
      });
    default:
      transport.refusal = { kind: "refused", status: 429, reason: "too many", retryable: true };
      return void isOver(() => {
        transport.refusal = undefined;
      });
  }
}
