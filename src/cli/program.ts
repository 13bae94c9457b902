/**
 * Every command, its arguments and its flags. What a command does is imported when it runs, so that `umbrad version`
 * loads nothing of `umbrad run`.
 */
import { Command, Option } from "commander";
import { parseCount, parseDuration } from "./duration.ts";
import { type GlobalOptions, openSession, type Session } from "./session.ts";

/** `writeHelp` takes the help that belongs to a usage error. */
export function createProgram(writeHelp: (text: string) => void): Command {
  const program = new Command("umbrad")
    .description("A messaging node daemon for end-to-end encrypted conversations over Waku")
    .option("--state-dir <dir>", "where the daemon keeps its state ($UMBRAD_STATE_DIR)")
    .option("--config <file>", "configuration file ($UMBRAD_CONFIG; default: config.toml in the state directory)")
    .option("--socket <path>", "admin socket ($UMBRAD_SOCKET; default: admin.sock in the state directory)")
    .option("--json", "one JSON object, or NDJSON for streams")
    .addOption(durationOption("--timeout <duration>", "how long to wait, like 500ms, 30s or 5m"));
  configure(program, writeHelp);
  declareDaemon(program);
  declareDevnet(program);
  declareSetup(program);
  declareInvites(program);
  declareConversations(program);
  declareContacts(program);
  declareMessages(program);
  declareEvents(program);
  return program;
}

/** Errors come to `main` as values, with our words and exit codes. */
function configure(program: Command, writeHelp: (text: string) => void): void {
  program
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: writeHelp })
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError(true)
    .helpCommand("help [command]", "what a command takes");
}

function declareSetup(program: Command): void {
  withPassphrase(program.command("init"))
    .description("create an identity and its state")
    .option("--name <name>", "what you call this node; told to nobody")
    .option("--insecure-plaintext-state", "keep keys and messages readable for whoever reads the disk")
    .addOption(networkOption())
    .option("--peer <multiaddr>", "a service node to use (repeatable)", collect)
    .addOption(countOption("--cluster-id <n>", "with --network custom"))
    .addOption(countOption("--shards <n>", "with --network custom"))
    .action(async (options, command) => (await import("./command/init.ts")).init(session(command), options));
  withPassphrase(program.command("run"))
    .description("run the daemon in the foreground")
    .option("--peer <multiaddr>", "a service node to use instead of the configured ones (repeatable)", collect)
    .addOption(networkOption())
    .addOption(new Option("--log-level <level>").choices(["trace", "debug", "info", "warn", "error"]))
    .addOption(new Option("--log-format <format>").choices(["json", "pretty"]))
    .action(async (options, command) => (await import("./command/run.ts")).run(session(command), options));
}

function declareDevnet(program: Command): void {
  program
    .command("devnet")
    .description("run a local Waku service node, for tests and first steps")
    .addOption(countOption("--port <n>", "TCP port on 127.0.0.1 (default: any free one)"))
    .action(async (options, command) => (await import("./command/devnet.ts")).devnet(session(command), options));
}

function declareDaemon(program: Command): void {
  program
    .command("status")
    .description("what the daemon is doing")
    .action(async (_options, command) => (await import("./command/daemon.ts")).status(session(command)));
  program
    .command("wait")
    .description("wait until the daemon is so far")
    .argument("<condition>", "ready, synced or outbox-empty")
    .action(async (condition, _options, command) =>
      (await import("./command/daemon.ts")).wait(session(command), condition),
    );
  program
    .command("stop")
    .description("stop the daemon in good order and wait for it")
    .action(async (_options, command) => (await import("./command/daemon.ts")).stop(session(command)));
  program
    .command("version")
    .description("the version of umbrad and of Node.js")
    .action(async (_options, command) => (await import("./command/version.ts")).version(session(command)));
}

function declareInvites(program: Command): void {
  const invite = program.command("invite").description("links that let others talk to you");
  declareInviteList(invite);
  invite
    .command("create")
    .description("make an invite link; whoever has it can open a conversation with you")
    .addOption(countOption("--uses <n>", "how many may use it (default: 1)"))
    .addOption(durationOption("--expires <duration>", "how long it works, like 12h or 7d (default: 7d)"))
    .action(async (options, command) => (await import("./command/invite.ts")).create(session(command), options));
  invite
    .command("accept")
    .description("open the conversation that a link offers")
    .argument("<link>", "the link, or - to read it from stdin")
    .option("--message <text>", "what to say first")
    .action(async (link, options, command) =>
      (await import("./command/invite.ts")).accept(session(command), link, options),
    );
}

function declareInviteList(invite: Command): void {
  const load = () => import("./command/invite.ts");
  invite
    .command("list")
    .description("the links that you gave out")
    .action(async (_options, command) => (await load()).list(session(command)));
  invite
    .command("show")
    .description("who used a link, and the link while it works")
    .argument("<id>", "as invite list shows it")
    .action(async (id, _options, command) => (await load()).show(session(command), id));
  invite
    .command("revoke")
    .description("make a link useless")
    .argument("<id>", "as invite list shows it")
    .action(async (id, _options, command) => (await load()).revoke(session(command), id));
}

function declareConversations(program: Command): void {
  const conversation = program.command("conversation").description("the conversations of this node");
  conversation
    .command("list")
    .description("all of them, with their handles")
    .action(async (_options, command) => (await import("./command/conversation.ts")).list(session(command)));
  conversation
    .command("show")
    .description("what is known of one")
    .argument("<conversation>", "handle, name or id")
    .action(async (words, _options, command) =>
      (await import("./command/conversation.ts")).show(session(command), words),
    );
  conversation
    .command("rename")
    .description("call it something; told to nobody")
    .argument("<conversation>", "handle, name or id")
    .argument("<name>", "1 to 64 characters")
    .action(async (words, name, _options, command) =>
      (await import("./command/conversation.ts")).rename(session(command), words, name),
    );
  conversation
    .command("leave")
    .description("close it for good; the other side is not told")
    .argument("<conversation>", "handle, name or id")
    .action(async (words, _options, command) =>
      (await import("./command/conversation.ts")).leave(session(command), words),
    );
}

function declareContacts(program: Command): void {
  const contact = program.command("contact").description("the people behind the conversations");
  const load = () => import("./command/contact.ts");
  contact
    .command("list")
    .description("all of them")
    .action(async (_options, command) => (await load()).list(session(command)));
  contact
    .command("show")
    .description("what is known of one")
    .argument("<contact>", "name, address, or a conversation with it")
    .action(async (words, _options, command) => (await load()).show(session(command), words));
  contact
    .command("rename")
    .description("call somebody something; told to nobody")
    .argument("<contact>", "name, address, or a conversation with it")
    .argument("<name>", "1 to 64 characters")
    .action(async (words, name, _options, command) => (await load()).rename(session(command), words, name));
  for (const [verb, description] of [
    ["block", "neither read nor answer somebody, who learns nothing of it"],
    ["unblock", "read and answer again"],
  ] as const) {
    contact
      .command(verb)
      .description(description)
      .argument("<contact>", "name, address, or a conversation with it")
      .action(async (words, _options, command) => (await load()).block(session(command), words, verb));
  }
  contact
    .command("requests")
    .description("who wants to talk to you and waits for your decision")
    .action(async (_options, command) => (await load()).requests(session(command)));
  for (const [verb, description] of [
    ["accept", "let somebody talk to you"],
    ["reject", "delete a request; the other side is not told"],
  ] as const) {
    contact
      .command(verb)
      .description(description)
      .argument("<request>", "handle, or the address of who asks")
      .action(async (words, _options, command) => (await load()).decide(session(command), words, verb));
  }
}

function declareMessages(program: Command): void {
  program
    .command("send")
    .description("send a text; it is kept and repeated until the network has it")
    .argument("<conversation>", "handle, name or id")
    .argument("<text>", "the text, or - to read it from stdin (one final line break is dropped)")
    .option("--key <key>", "sent once, however often the command is repeated with this key")
    .addOption(
      new Option("--wait <state>", "until the message is so far").choices([
        "queued",
        "published",
        "stored",
        "delivered",
      ]),
    )
    .action(async (conversation, text, options, command) =>
      (await import("./command/message.ts")).send(session(command), conversation, text, options),
    );
  program
    .command("history")
    .description("the newest messages of a conversation, oldest first")
    .argument("<conversation>", "handle, name or id")
    .addOption(countOption("--limit <n>", "how many (default: 50)"))
    .option("--before <message>", "only what is older than this message id")
    .action(async (conversation, options, command) =>
      (await import("./command/message.ts")).history(session(command), conversation, options),
    );
}

function declareEvents(program: Command): void {
  program
    .command("listen")
    .description("events as they happen, until interrupted")
    .argument("[conversation...]", "only of these: handles, names or ids")
    .addOption(countOption("--after <seq>", "begin after this event instead of now"))
    .addOption(countOption("--max <n>", "end after so many events"))
    .action(async (conversations, options, command) =>
      (await import("./command/event.ts")).listen(session(command), conversations, options),
    );
  program
    .command("event")
    .description("the numbered log of everything that happened")
    .command("list")
    .description("what is in it")
    .addOption(countOption("--after <seq>", "only what came after this event"))
    .addOption(countOption("--limit <n>", "at most so many"))
    .action(async (options, command) => (await import("./command/event.ts")).list(session(command), options));
}

function withPassphrase(command: Command): Command {
  return command
    .option("--passphrase-file <file>", "a file that only you can read, with the passphrase")
    .addOption(countOption("--passphrase-fd <n>", "an open file descriptor that gives the passphrase"));
}

function networkOption(): Option {
  return new Option("--network <name>", "which Waku network").choices(["devnet", "logos.test", "logos.dev", "custom"]);
}

function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseDuration);
}

function countOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseCount);
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function session(command: Command): Session {
  return openSession(command.optsWithGlobals<GlobalOptions>(), process.env);
}
