/** What the doctor sees of the configuration, and of the way to the service nodes that it names. */
import { connect } from "node:net";
import { loadConfig, resolveConfigFile } from "../../../daemon/config/config.ts";
import { ConfigError, problemText } from "../../../daemon/config/problem.ts";
import type { Session } from "../../session.ts";
import { type Examination, fine, found } from "./finding.ts";

/** A node that takes longer to accept is of no use to a person who waits, nor to the daemon. */
const connectMs = 3_000;

export async function examineNetwork(session: Session): Promise<Examination[]> {
  const { env, configFlag, stateDir, commandFlags } = session;
  try {
    const { config, files } = loadConfig({ flags: {}, env, file: resolveConfigFile(configFlag, stateDir, env) });
    const text = files.length === 0 ? "no file: environment and defaults" : files.join(", ");
    return [fine("config", text), ...(await examinePeers(config.peers, commandFlags))];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const fix = `${error.hint ?? "correct it"}, then umbrad config check${commandFlags}`;
    return error.problems.map((problem) => found("doctor/config", problemText(problem), fix));
  }
}

async function examinePeers(peers: readonly string[], flags: string): Promise<Examination[]> {
  if (peers.length === 0) {
    // Not a finding: `umbrad run --peer` names them, and a daemon without any says so itself.
    return [fine("service-node", "no service node is configured: umbrad run --peer MULTIADDR names one")];
  }
  const results = await Promise.all(peers.map(async (peer) => ({ peer, fault: await connectFault(peer) })));
  return results.map(({ peer, fault }) => {
    if (fault === undefined) return fine("service-node", `${peer} accepts connections`);
    const fix = `ask its operator, or name another one under [network] peers; then umbrad reload${flags}`;
    return found("doctor/service-node", `${peer} cannot be reached: ${fault}`, fix);
  });
}

/** undefined: it accepted a connection. Whether it also serves is what the daemon's own checks say. */
async function connectFault(peer: string): Promise<string | undefined> {
  const place = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/|$)/.exec(peer);
  if (place === null) return undefined;
  const [, host = "", port = ""] = place;
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: connectMs });
    const end = (fault: string | undefined): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.on("connect", () => end(undefined));
    socket.on("timeout", () => end(`no answer within ${connectMs / 1000} s`));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
