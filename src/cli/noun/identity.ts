/** Declarations of `umbrad identity …`. */
import type { Command } from "commander";
import { session, withPassphrase } from "../options.ts";

const load = () => import("../command/identity/identity.ts");

export function declareIdentity(program: Command): void {
  const identity = program.command("identity").description("who you are, on paper or in a file");
  withPassphrase(identity.command("words"))
    .description("18 words that restore your address")
    .action(async (options, command) => (await load()).words(session(command), options));
  withPassphrase(identity.command("export"))
    .description("the keys of your identity in a sealed file")
    .argument("<file>", "a name that is free")
    .option("--identity-passphrase-file <file>", "seal it with another passphrase than that of the state")
    .action(async (file, options, command) => (await load()).exportTo(session(command), file, options));
}
