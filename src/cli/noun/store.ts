/** Declarations of `umbrad store …`. */
import type { Command } from "commander";
import { countOption, session, withPassphrase } from "../options.ts";

const load = () => import("../command/store/store.ts");

export function declareStore(program: Command): void {
  const store = program.command("store").description("the database: look at it, back it up, put a copy back");
  store
    .command("info")
    .description("size, schema and counts")
    .action(async (_options, command) => (await load()).info(session(command)));
  store
    .command("check")
    .description("whether every page reads and every index agrees; also while the daemon runs")
    .action(async (_options, command) => (await load()).check(session(command)));
  store
    .command("backup")
    .description("a verified copy, made by the running daemon")
    .argument("<dir>", "where to; the file is named after the time")
    .action(async (directory, _options, command) => (await load()).backup(session(command), directory));
  withPassphrase(store.command("verify"))
    .description("restore a copy into a temporary directory beside it and check it; with a passphrase, open its seal")
    .argument("<file>", "a backup")
    .action(async (file, options, command) => (await load()).verify(session(command), file, options));
  withPassphrase(store.command("restore"))
    .description("put a copy in the place of the database while no daemon runs; the old one is kept")
    .argument("<file>", "a backup")
    .action(async (file, options, command) => (await load()).restore(session(command), file, options));
  withPassphrase(store.command("rekey"))
    .description("seal the state with another passphrase, also while the daemon runs")
    .option("--new-passphrase-file <file>", "a file that only you can read, with the new passphrase")
    .addOption(countOption("--new-passphrase-fd <n>", "an open file descriptor that gives the new passphrase"))
    .action(async (options, command) => (await load()).rekey(session(command), options));
}
