/** `umbrad devnet`: the local Waku service node in this process. */
import { resolveDevnetDir } from "../../../admin/location.ts";
import { openControl } from "../../../devnet/control.ts";
import { type Devnet, type DevnetOptions, startDevnet } from "../../../devnet/node.ts";
import { DevnetError } from "../../../devnet/state-dir.ts";
import { UmbradError } from "../../../engine/errors.ts";
import type { Session } from "../../session.ts";

/** The options as commander gives them. */
export interface DevnetFlags {
  readonly port?: number;
  readonly peer?: readonly string[];
  readonly seed?: number;
  readonly lightpushV2Only?: boolean;
}

/** Runs until SIGTERM or SIGINT. */
export async function devnet({ output, stateDirFlag, env }: Session, flags: DevnetFlags): Promise<void> {
  process.umask(0o077);
  const stateDir = resolveDevnetDir(stateDirFlag, env);
  const { promise: asked, resolve: stop } = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(1);
    stop();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  const node = await start(stateDir, flags);
  const control = await openControl(node, stateDir);
  const { multiaddr, websocketMultiaddr, peerId, clusterId, shards } = node;
  const faultSocket = control?.path ?? null;
  output.answer(
    { event: "devnet.ready", multiaddr, websocketMultiaddr, peerId, clusterId, shards, faultSocket },
    readyText(multiaddr, stateDir),
  );
  await asked;
  // The networking library may hang in its stop or leave timers behind; the node closes its archive before this.
  setTimeout(() => process.exit(0), stopMsMax).unref();
  await control?.close();
  await node.stop();
  process.exit(0);
}

const stopMsMax = 3_000;

async function start(stateDir: string, flags: DevnetFlags): Promise<Devnet> {
  const options: DevnetOptions = {
    stateDir,
    lightPushV2Only: flags.lightpushV2Only === true,
    peers: flags.peer ?? [],
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
  };
  try {
    return await startDevnet(options);
  } catch (error) {
    if (!(error instanceof DevnetError)) throw error;
    const hint = error.code === "devnet/bad-option" ? "umbrad help devnet" : "umbrad devnet --port 0 --state-dir DIR";
    throw new UmbradError(error.code, error.message, { hint, cause: error });
  }
}

function readyText(multiaddr: string, stateDir: string): string {
  return [
    "A local Waku service node is running; Ctrl-C stops it. Its messages are kept in",
    `  ${stateDir}`,
    "In another terminal:",
    "  umbrad init --insecure-plaintext-state",
    `  umbrad run --peer ${multiaddr}`,
    "",
    `multiaddr ${multiaddr}`,
  ].join("\n");
}
