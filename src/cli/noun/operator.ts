/** Commands for whoever runs the daemon: configuration and log. */
import { type Command, Option } from "commander";
import { countOption, durationOption, session } from "../options.ts";

export function declareOperator(program: Command): void {
  program
    .command("reload")
    .description("let the daemon read its configuration again; a wrong one changes nothing")
    .action(async (_options, command) => (await import("../command/operator/reload.ts")).reload(session(command)));
  declareConfig(program);
  declareLog(program);
  declareService(program);
}

function declareService(program: Command): void {
  const service = program.command("service").description("files for systemd, with the paths of this installation");
  const user = ["--user", "for your own service manager instead of the system's"] as const;
  service
    .command("print")
    .description("write them to stdout")
    .option(...user)
    .action(async (options, command) =>
      (await import("../command/service/service.ts")).print(session(command), options),
    );
  service
    .command("install")
    .description("write them where systemd looks for them; starts nothing, and says what comes next")
    .option(...user)
    .option("--root <dir>", "write below this directory instead of /, for whoever makes a package")
    .action(async (options, command) =>
      (await import("../command/service/service.ts")).install(session(command), options),
    );
}

function declareConfig(program: Command): void {
  const config = program
    .command("config")
    .description("settings from environment, files and defaults; needs no daemon");
  config
    .command("show")
    .description("every setting and its value")
    .option("--origin", "also the origin of each value")
    .action(async (options, command) =>
      (await import("../command/operator/config.ts")).show(session(command), options),
    );
  config
    .command("check")
    .description("every problem at once, with file, line and key")
    .action(async (_options, command) => (await import("../command/operator/config.ts")).check(session(command)));
  config
    .command("schema")
    .description("JSON Schema of a configuration file")
    .action(async (_options, command) => (await import("../command/operator/config.ts")).schema(session(command)));
}

function declareLog(program: Command): void {
  const log = program.command("log").description("the log of the running daemon");
  log
    .command("level")
    .description("show the levels, or change them while the daemon runs: debug, waku=debug, or reset")
    .argument("[change...]", "LEVEL or COMPONENT=LEVEL, or reset: back to the configured ones")
    .addOption(durationOption("--for <duration>", "take the change back after this time, like 10m"))
    .action(async (changes, options, command) =>
      (await import("../command/operator/log.ts")).level(session(command), changes, options),
    );
  log
    .command("tail")
    .description("the newest lines, also those below the level that is written")
    .addOption(
      new Option("--level <level>", "from this level on (default: info)").choices([
        "trace",
        "debug",
        "info",
        "warn",
        "error",
      ]),
    )
    .option("--component <name>", "only this part of the daemon")
    .addOption(countOption("--lines <n>", "how many of the past (default: 100)"))
    .option("--follow", "go on until interrupted")
    .action(async (options, command) => (await import("../command/operator/log.ts")).tail(session(command), options));
}
