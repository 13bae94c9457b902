#!/usr/bin/env node
// The bin: the Node version first, in words that an old Node can still run, then everything else by dynamic import.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `umbrad needs Node.js 24.15 or newer, and this is ${process.versions.node} (${process.execPath}).\n` +
      "Install a newer one (https://nodejs.org, or: nvm install 24) and run the command again.\n",
  );
  process.exitCode = 78;
} else {
  const args = process.argv.slice(2);
  // What scripts ask most, without loading the other commands: with them it takes twice as long.
  const isVersion = args[0] === "version" && (args.length === 1 || (args.length === 2 && args[1] === "--json"));
  if (isVersion) (await import("./cli/command/version.ts")).printVersion(args.length === 2);
  else await (await import("./cli/main.ts")).main(args);
}
