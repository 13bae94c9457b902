/** Commands that find out what is wrong. */
import type { Command } from "commander";
import { session } from "../options.ts";

export function declareDiagnosis(program: Command): void {
  const debug = program.command("debug").description("for whoever looks inside");
  debug
    .command("decode")
    .description("what everybody can read of an envelope; needs no daemon and no key")
    .argument("<file>", "the payload of a Waku message as bytes, hex or base64; - for stdin")
    .action(async (file, _options, command) =>
      (await import("../command/debug/decode.ts")).decode(session(command), file),
    );
}
