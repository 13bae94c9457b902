/** The commands `umbrad token …`, their arguments and flags. */
import { type Command, Option } from "commander";
import { collect, countOption, durationOption, session } from "../options.ts";

export function declareTokens(program: Command): void {
  const token = program.command("token").description("tokens for programs that come over TCP ([admin] listen)");
  token
    .command("create")
    .description("make a token; it is printed once and kept nowhere")
    .argument("<name>", "what it is for: 1 to 32 of a-z, 0-9 and -")
    .addOption(
      new Option("--role <role>", "read, send or admin (repeatable)")
        .choices(["read", "send", "admin"])
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .option("--conversation <conversation>", "only this one: handle, name or id (repeatable)", collect)
    .option("--consumer <name>", "may read and acknowledge as this consumer (repeatable)", collect)
    .option("--method <id>", "only this operationId of docs/openapi.json (repeatable)", collect)
    .addOption(durationOption("--expires <duration>", "how long it works, like 12h or 90d (default: until revoked)"))
    .addOption(countOption("--rate <n>", "how many calls a minute"))
    .action(async (name, options, command) =>
      (await import("../command/token/token.ts")).create(session(command), name, options),
    );
  token
    .command("list")
    .description("all of them and what they are for, without their secrets")
    .action(async (_options, command) => (await import("../command/token/token.ts")).list(session(command)));
  token
    .command("revoke")
    .description("take a token back, at once")
    .argument("<name>", "its name or id")
    .action(async (name, _options, command) =>
      (await import("../command/token/token.ts")).revoke(session(command), name),
    );
}
