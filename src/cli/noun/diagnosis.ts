/** Commands that find out what is wrong. */
import type { Command } from "commander";
import { session, withPassphrase } from "../options.ts";

export function declareDiagnosis(program: Command): void {
  withPassphrase(program.command("doctor"))
    .description("look for everything that is known to go wrong, with a fix for each; also without a daemon")
    .action(async (options, command) =>
      (await import("../command/doctor/doctor.ts")).doctor(session(command), options),
    );
  const debug = program.command("debug").description("for whoever looks inside");
  debug
    .command("decode")
    .description("what everybody can read of an envelope; needs no daemon and no key")
    .argument("<file>", "the payload of a Waku message as bytes, hex or base64; - for stdin")
    .action(async (file, _options, command) =>
      (await import("../command/debug/decode.ts")).decode(session(command), file),
    );
}
