/** The commands about what waits: `umbrad outbox` and `umbrad parked`. */
import { type Command, Option } from "commander";
import { parseCount } from "../duration.ts";
import { session } from "../options.ts";

export function declareWaiting(program: Command): void {
  const limit = () => new Option("--limit <n>", "at most so many (default: 100)").argParser(parseCount);
  const outbox = program.command("outbox").description("what has not left yet");
  outbox
    .command("list")
    .description("what waits, oldest first, and why")
    .addOption(limit())
    .action(async (options, command) => (await import("../command/waiting/outbox.ts")).list(session(command), options));
  outbox
    .command("retry")
    .description("try a message now; one that has failed is sent again, and never delivered twice")
    .argument("<id>", "message id")
    .action(async (id, _options, command) =>
      (await import("../command/waiting/outbox.ts")).retry(session(command), id),
    );
  outbox
    .command("cancel")
    .description("do not send a message that is still queued")
    .argument("<id>", "message id")
    .action(async (id, _options, command) =>
      (await import("../command/waiting/outbox.ts")).cancel(session(command), id),
    );

  const parked = program.command("parked").description("received envelopes that a fault of this node keeps unread");
  parked
    .command("list")
    .description("all of them, with what went wrong")
    .addOption(limit())
    .action(async (options, command) => (await import("../command/waiting/parked.ts")).list(session(command), options));
  parked
    .command("retry")
    .description("try one again now, or all of them")
    .argument("[id]", "its number", parseCount)
    .action(async (id, _options, command) =>
      (await import("../command/waiting/parked.ts")).retry(session(command), id),
    );
  parked
    .command("drop")
    .description("forget one for ever; only its sender can send it again")
    .argument("<id>", "its number", parseCount)
    .action(async (id, _options, command) => (await import("../command/waiting/parked.ts")).drop(session(command), id));
}
