/** `umbrad devnet`: the local Waku service node in this process. */
import { resolveDevnetDir } from "../../admin/location.ts";
import { type Devnet, startDevnet } from "../../devnet/node.ts";
import { DevnetError } from "../../devnet/state-dir.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { Session } from "../session.ts";

export async function devnet({ output, stateDirFlag, env }: Session, options: { port?: number }): Promise<void> {
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
  const node = await start(stateDir, options.port);
  const { multiaddr, websocketMultiaddr, peerId, clusterId, shards } = node;
  output.answer(
    { event: "devnet.ready", multiaddr, websocketMultiaddr, peerId, clusterId, shards },
    readyText(multiaddr, stateDir),
  );
  await asked;
  // The networking library may hang in its stop or leave timers behind; the archive is closed by then.
  setTimeout(() => process.exit(0), stopMsMax).unref();
  await node.stop();
  process.exit(0);
}

const stopMsMax = 3_000;

async function start(stateDir: string, port: number | undefined): Promise<Devnet> {
  try {
    return await startDevnet(port === undefined ? { stateDir } : { stateDir, port });
  } catch (error) {
    if (!(error instanceof DevnetError)) throw error;
    throw new UmbradError(error.code, error.message, { hint: "umbrad devnet --port 0 --state-dir DIR", cause: error });
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
