/**
 * Every command, its arguments and its flags. What a command does is imported when it runs, so that `umbrad version`
 * loads nothing of `umbrad run`.
 */
import { Command, Option } from "commander";
import { declareDiagnosis } from "./noun/diagnosis.ts";
import { declareIdentity } from "./noun/identity.ts";
import { declareOperator } from "./noun/operator.ts";
import { declareContacts, declareConversations, declareInvites } from "./noun/people.ts";
import { declareShell } from "./noun/shell.ts";
import { declareStore } from "./noun/store.ts";
import { declareTokens } from "./noun/tokens.ts";
import { declareWaiting } from "./noun/waiting.ts";
import { collect, countOption, durationOption, networkOption, session, withPassphrase } from "./options.ts";

/** `writeHelp` takes the help that belongs to a usage error. */
export function createProgram(writeHelp: (text: string) => void): Command {
  const program = new Command("umbrad")
    .description("A messaging node daemon for end-to-end encrypted conversations over Waku")
    .option("--state-dir <dir>", "where the daemon keeps its state ($UMBRAD_STATE_DIR)")
    .option("--config <file>", "configuration file ($UMBRAD_CONFIG; default: config.toml in the state directory)")
    .option("--socket <path>", "admin socket ($UMBRAD_SOCKET; default: admin.sock in the state directory)")
    .option("--json", "one JSON object, or NDJSON for streams")
    .addOption(durationOption("--timeout <duration>", "how long to wait, like 500ms, 30s or 5m"));
  program.addHelpText("after", firstSteps);
  configure(program, writeHelp);
  declareDaemon(program);
  declareDevnet(program);
  declareSetup(program);
  declareOperator(program);
  declareInvites(program);
  declareConversations(program);
  declareContacts(program);
  declareMessages(program);
  declareChat(program);
  declareMessage(program);
  declareWaiting(program);
  declareEvents(program);
  declareTokens(program);
  declareStore(program);
  declareDiagnosis(program);
  declareShell(program);
  declareIdentity(program);
  return program;
}

/** For whoever sees it for the first time. */
const firstSteps = `
First steps:
  umbrad devnet                               a network on this machine; it prints its address
  umbrad init --network devnet                who you are
  umbrad run --peer ADDRESS                   the daemon; the commands below talk to it
  umbrad invite create                        a link; who has it types: umbrad invite accept LINK
  umbrad send c1 hello, umbrad listen         talk
  umbrad help COMMAND, umbrad doctor          what a command takes; what is wrong`;

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
    .option("--identity-file <file>", "be who you were: what umbrad identity export made")
    .option("--identity-passphrase-file <file>", "its passphrase, when it is not that of the new state")
    .option("--recovery-words-file <file>", "be who you were: a file with the words of umbrad identity words")
    .addOption(countOption("--recovery-words-fd <n>", "the same from an open file descriptor; 0 is standard input"))
    .action(async (options, command) => (await import("./command/init.ts")).init(session(command), options));
  withPassphrase(program.command("run"))
    .description("run the daemon in the foreground")
    .option("--peer <multiaddr>", "a service node to use instead of the configured ones (repeatable)", collect)
    .addOption(networkOption())
    .addOption(
      new Option("--log-level <level>", "log from this level on").choices(["trace", "debug", "info", "warn", "error"]),
    )
    .addOption(new Option("--log-format <format>", "JSON lines, or text for people").choices(["json", "pretty"]))
    .action(async (options, command) => (await import("./command/run.ts")).run(session(command), options));
}

function declareDevnet(program: Command): void {
  const devnet = program
    .command("devnet")
    .description("run a local Waku service node, for tests and first steps")
    .addOption(countOption("--port <n>", "TCP port on 127.0.0.1 (default: any free one)"))
    .option("--peer <multiaddr>", "another devnet to be one network with (repeatable)", collect)
    .addOption(countOption("--seed <n>", "of the chance in faults"))
    .option("--lightpush-v2-only", "serve no LightPush v3, like older service nodes")
    .action(async (options, command) => (await import("./command/devnet/devnet.ts")).devnet(session(command), options));
  devnet
    .command("fault")
    .description("make a running devnet behave badly: drop=0.3 mute=store next=3, or list, reset, cut")
    .argument("[change...]", "NAME=VALUE, next=N (only so many times), or list, reset, cut (all connections, now)")
    .action(async (words, _options, command) =>
      (await import("./command/devnet/devnet-lab.ts")).fault(session(command), words, command.optsWithGlobals()),
    );
  devnet
    .command("status")
    .description("what a running devnet is doing")
    .action(async (_options, command) => (await import("./command/devnet/devnet-lab.ts")).status(session(command)));
}

function declareDaemon(program: Command): void {
  program
    .command("status")
    .description("what the daemon is doing")
    .action(async (_options, command) => (await import("./command/daemon.ts")).status(session(command)));
  program
    .command("health")
    .description("whether everything works: exits with 0 when ready, 75 when not, 69 without a daemon")
    .argument("[check]", "only this one: store, peers, subscriptions, canary, clock, history or outbox")
    .action(async (check, _options, command) => (await import("./command/health.ts")).health(session(command), check));
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

function declareMessages(program: Command): void {
  program
    .command("send")
    .description("send a text or a file; it is kept and repeated until it has arrived")
    .argument("<conversation>", "handle, name or id")
    .argument("[text]", "the text, or - to read it from stdin (one final line break is dropped)")
    .option("--file <file>", "send this file instead of a text")
    .option("--name <name>", "with --file: what the receiver sees (default: the file's own name)")
    .option("--mime <type>", "with --file: its media type, like image/png")
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

function declareChat(program: Command): void {
  program
    .command("chat")
    .description("talk line by line, at a terminal")
    .argument("<conversation>", "handle, name or id")
    .action(async (conversation, _options, command) =>
      (await import("./command/chat/chat.ts")).chat(session(command), conversation),
    );
}

function declareMessage(program: Command): void {
  const message = program.command("message").description("one message, by its id");
  message
    .command("show")
    .description("the message and its state")
    .argument("<id>", "message id")
    .action(async (id, _options, command) => (await import("./command/message.ts")).show(session(command), id));
  message
    .command("trace")
    .description("its whole life: queued, published, stored, delivered or failed, or why not yet")
    .argument("<id>", "message id")
    .action(async (id, _options, command) => (await import("./command/message.ts")).trace(session(command), id));
}

function declareEvents(program: Command): void {
  program
    .command("listen")
    .description("events as they happen, until interrupted")
    .argument("[conversation...]", "only of these: handles, names or ids")
    .addOption(countOption("--after <seq>", "begin after this event instead of now"))
    .addOption(countOption("--max <n>", "end after so many events"))
    .option("--type <type>", "only events of this type, like message.received (repeatable)", collect)
    .option("--consumer <name>", "go on after what this consumer has acknowledged; made on first use")
    .addOption(
      new Option(
        "--ack <how>",
        "auto: each event when it is written; manual: umbrad event ack (default: auto)",
      ).choices(["auto", "manual"]),
    )
    .option("--save-dir <dir>", "write each received file into this directory; nothing there is overwritten")
    .action(async (conversations, options, command) =>
      (await import("./command/event.ts")).listen(session(command), conversations, options),
    );
  const event = program.command("event").description("the numbered log of everything that happened");
  event
    .command("list")
    .description("what is in it")
    .addOption(countOption("--after <seq>", "only what came after this event"))
    .option("--type <type>", "only events of this type, like message.received (repeatable)", collect)
    .addOption(countOption("--limit <n>", "at most so many"))
    .action(async (options, command) => (await import("./command/event.ts")).list(session(command), options));
  event
    .command("ack")
    .description("a consumer is done with everything up to an event")
    .argument("<seq>", "the number of the event")
    .requiredOption("--consumer <name>", "whose acknowledgement it is")
    .action(async (seq, options, command) =>
      (await import("./command/consumer.ts")).ack(session(command), seq, options),
    );
  declareConsumers(event);
}

function declareConsumers(event: Command): void {
  const consumers = event.command("consumers").description("named readers of the log, each with its own place in it");
  consumers
    .command("list", { isDefault: true })
    .description("all of them, how far they are and who reads now")
    .action(async (_options, command) => (await import("./command/consumer.ts")).list(session(command)));
  consumers
    .command("drop")
    .description("forget a consumer and its place")
    .argument("<name>", "its name")
    .action(async (name, _options, command) => (await import("./command/consumer.ts")).drop(session(command), name));
}
