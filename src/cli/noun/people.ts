/** The commands about others: invites, conversations, contacts. */
import type { Command } from "commander";
import { countOption, durationOption, session } from "../options.ts";

export function declareInvites(program: Command): void {
  const invite = program.command("invite").description("links that let others talk to you");
  declareInviteList(invite);
  invite
    .command("create")
    .description("make an invite link; whoever has it can open a conversation with you")
    .addOption(countOption("--uses <n>", "how many may use it (default: 1)"))
    .addOption(durationOption("--expires <duration>", "how long it works, like 12h or 7d (default: 7d)"))
    .option("--qr", "show the link as a QR code too")
    .action(async (options, command) => (await import("../command/invite.ts")).create(session(command), options));
  invite
    .command("public")
    .description("print a link for everybody: who uses it waits until you accept him")
    .action(async (_options, command) => (await import("../command/invite.ts")).publicLink(session(command)));
  invite
    .command("accept")
    .description("open the conversation that a link offers")
    .argument("<link>", "the link, or - to read it from stdin")
    .option("--message <text>", "what to say first")
    .action(async (link, options, command) =>
      (await import("../command/invite.ts")).accept(session(command), link, options),
    );
}

function declareInviteList(invite: Command): void {
  const load = () => import("../command/invite.ts");
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

export function declareConversations(program: Command): void {
  const conversation = program.command("conversation").description("the conversations of this node");
  conversation
    .command("list")
    .description("all of them, with their handles")
    .action(async (_options, command) => (await import("../command/conversation.ts")).list(session(command)));
  conversation
    .command("show")
    .description("what is known of one")
    .argument("<conversation>", "handle, name or id")
    .action(async (words, _options, command) =>
      (await import("../command/conversation.ts")).show(session(command), words),
    );
  conversation
    .command("rename")
    .description("call it something; told to nobody")
    .argument("<conversation>", "handle, name or id")
    .argument("<name>", "1 to 64 characters")
    .action(async (words, name, _options, command) =>
      (await import("../command/conversation.ts")).rename(session(command), words, name),
    );
  conversation
    .command("expire")
    .description("delete the content of its messages after a time, on this side only; without a time: say which it is")
    .argument("<conversation>", "handle, name or id")
    .argument("[age]", "1h, 7d, … or off")
    .action(async (words, age, _options, command) =>
      (await import("../command/conversation.ts")).expire(session(command), words, age),
    );
  conversation
    .command("leave")
    .description("close it for good; the other side is not told")
    .argument("<conversation>", "handle, name or id")
    .action(async (words, _options, command) =>
      (await import("../command/conversation.ts")).leave(session(command), words),
    );
}

export function declareContacts(program: Command): void {
  const contact = program.command("contact").description("the people behind the conversations");
  const load = () => import("../command/contact.ts");
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
    .command("verify")
    .description("the safety number to compare with the other side; the address is the key, so it never changes")
    .argument("<contact>", "name, address, or a conversation with it")
    .option("--compare <number>", "the number that the other side reads out: when it is the same, keep that")
    .option("--qr", "show the number as a QR code too")
    .option("--undo", "forget that it was compared")
    .action(async (words, options, command) =>
      (await import("../command/verify/verify.ts")).verify(session(command), words, options),
    );
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
