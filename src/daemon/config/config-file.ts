/** Configuration files as text: what `init` writes, and the schema for editors. */
import { z } from "zod";
import type { Config } from "./config.ts";
import { fileSchema } from "./settings.ts";

/** What `init` writes, for people to edit. */
export function renderConfigFile({ name, network, peers }: Pick<Config, "name" | "network" | "peers">): string {
  const { quota } = network;
  const rule =
    quota === undefined ? [] : [`quota = ${quota.publications}`, `quota_window = "${quota.windowMs / 1_000}s"`];
  const numbers = [`cluster_id = ${network.clusterId}`, `shards = ${network.shards}`];
  const custom = network.name === "custom" ? [...numbers, ...rule] : [];
  return `${[
    "# Settings of umbrad. Flags and the environment go before this file.",
    ...(name === null ? [] : [`name = ${JSON.stringify(name)}`]),
    "[network]",
    `name = ${JSON.stringify(network.name)}`,
    ...custom,
    "# Service nodes, as multiaddrs; `umbrad devnet` prints its own. Without /p2p/ and an id at its end, whoever answers",
    "# at the address is taken.",
    `peers = [${peers.map((peer) => JSON.stringify(peer)).join(", ")}]`,
    "",
    "[contacts]",
    '# unknown_senders = "ask"   # or reject: who invites you without a link of yours',
    "",
    "[log]",
    '# level = "info"   # trace, debug, info, warn, error',
    '# format = "json"  # or pretty',
  ].join("\n")}\n`;
}

/** JSON Schema (2020-12) of a configuration file. */
export function configJsonSchema(): object {
  return { title: "Configuration file of umbrad", ...z.toJSONSchema(fileSchema, { io: "input" }) };
}
