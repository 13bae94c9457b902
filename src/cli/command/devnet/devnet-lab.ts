/** `umbrad devnet fault` and `umbrad devnet status`: questions to a running devnet, over the socket in its state directory. */
import { join } from "node:path";
import type { AdminClient } from "../../../admin/client.ts";
import { resolveDevnetDir } from "../../../admin/location.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { fieldLines, table } from "../../output.ts";
import type { Session } from "../../session.ts";

interface FaultList {
  readonly seed: number;
  readonly faults: readonly {
    readonly name: string;
    readonly value: string;
    readonly next?: number;
    readonly after?: number;
    readonly struck: number;
  }[];
}

interface DevnetStatus {
  readonly multiaddr: string;
  readonly peers: number;
  readonly relayPeers: number;
  readonly subscribers: number;
  readonly subscriptions: number;
  readonly archived: number;
  readonly pushed: number;
  readonly faults: FaultList["faults"];
  readonly struck: Readonly<Record<string, number>>;
}

/** Sets, lists or resets the fault knobs. */
export async function fault(session: Session, words: readonly string[], options: { seed?: number }): Promise<void> {
  const change = { ...changeOf(words), ...(options.seed === undefined ? {} : { seed: options.seed }) };
  const answer = await ask<FaultList>(session, (client) =>
    Object.keys(change).length === 0 ? client.get("/v1/faults") : client.post("/v1/faults", change),
  );
  session.output.answer(answer, faultText(answer));
}

/** What the devnet is doing. */
export async function status(session: Session): Promise<void> {
  const answer = await ask<DevnetStatus>(session, (client) => client.get("/v1/status"));
  const { multiaddr, peers, relayPeers, subscribers, subscriptions, archived, pushed, faults, struck } = answer;
  const strikes = Object.entries(struck).map(([name, times]) => `${name} ${times} times`);
  const fields: [string, string][] = [
    ["multiaddr", multiaddr],
    ["peers", `${peers}, ${relayPeers} of them relay`],
    ["subscribers", `${subscribers}, to ${subscriptions} content topics`],
    ["archived", `${archived} since the start`],
    ["pushed", `${pushed} since the start`],
    ["struck", strikes.length === 0 ? "nothing" : strikes.join(", ")],
    ["faults", faults.length === 0 ? "none" : faults.map(({ name, value }) => `${name}=${value}`).join(" ")],
  ];
  session.output.answer(answer, fieldLines(fields));
}

/** The body of the request. */
function changeOf(words: readonly string[]): object {
  const set: { name: string; value: string }[] = [];
  const change: { reset?: true; cut?: true; next?: number; after?: number; set?: typeof set } = {};
  for (const word of words) {
    const [, name = "", value = ""] = /^([a-z-]+)=(.+)$/.exec(word) ?? [];
    if (word === "reset") change.reset = true;
    else if (word === "cut") change.cut = true;
    else if ((name === "next" || name === "after") && /^[1-9]\d{0,8}$/.test(value)) change[name] = Number(value);
    else if (!["", "next", "after"].includes(name)) set.push({ name, value });
    else if (word !== "list" || words.length > 1) throw notAChange(word);
  }
  for (const word of ["next", "after"] as const) {
    if (change[word] !== undefined && set.length === 0) throw notAChange(`${word}=${change[word]}`);
  }
  return set.length === 0 ? change : { ...change, set };
}

function notAChange(word: string): UmbradError {
  return new UmbradError("cli/usage", `${JSON.stringify(word)} is no change of the faults`, {
    hint: "umbrad devnet fault drop=0.3 mute=store next=3 after=1, or list, reset, cut",
  });
}

async function ask<Answer>(session: Session, question: (client: AdminClient) => Promise<Answer>): Promise<Answer> {
  const stateDir = resolveDevnetDir(session.stateDirFlag, session.env);
  const { connectAdmin } = await import("../../../admin/client.ts");
  const client = connectAdmin({
    place: { socketPath: join(stateDir, "faults.sock") },
    timeoutMs: session.timeoutMs ?? 30_000,
    startHint: () => Promise.resolve(`umbrad devnet --state-dir ${stateDir}`),
  });
  try {
    return await question(client);
  } catch (error) {
    if (!(error instanceof UmbradError)) throw error;
    if (error.code === "daemon/unreachable") {
      const hint = `umbrad devnet --state-dir ${stateDir}`;
      throw new UmbradError("daemon/unreachable", `no devnet is running in ${stateDir}`, { hint, cause: error });
    }
    if (error.code === "request/invalid") throw new UmbradError("cli/usage", error.message, { cause: error });
    throw error;
  }
}

function faultText({ seed, faults }: FaultList): string {
  if (faults.length === 0) return `no faults, seed ${seed}`;
  const rows = faults.map(({ name, value, next, after, struck }) => {
    const times = next?.toString() ?? "all";
    return [name, value, after === undefined ? times : `${times} after ${after}`, `${struck}`];
  });
  return `${table(["FAULT", "VALUE", "NEXT", "STRUCK"], rows)}\n\nseed ${seed}`;
}
