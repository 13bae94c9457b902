// Which pages go on from README.md, and which blocks of commands nobody types here, with the reason.

/** Their commands find the network, alice, bob and conversation c1 of README.md's first steps. In the order of typing. */
export const goOnFromFirstSteps: readonly string[] = [
  "docs/consumers.md",
  "docs/api.md",
  "docs/logs.md",
  "docs/bridges.md",
  "docs/configuration.md",
  // Last: alice and bob go on in a new conversation.
  "docs/bots.md",
];

/** A block that is shown and not typed. */
interface Untyped {
  readonly page: string;
  /** Its first line. */
  readonly begins: string;
  readonly why: string;
}

/** Every block of commands that no test runs. What it says of umbrad is held against the command table all the same. */
export const untyped: readonly Untyped[] = [
  {
    page: "CONTRIBUTING.md",
    begins: "npm ci",
    why: "it is what runs this test",
  },
  {
    page: "README.md",
    begins: "npm ci && npm run demo",
    why: "test/e2e/demo.test.ts runs it",
  },
  {
    page: "README.md",
    begins: "npm ci && npm test",
    why: "it is what runs this test",
  },
  {
    page: "docs/metrics.md",
    begins: "scrape_configs:",
    why: "no parser of YAML is a dependency; test/docs/metrics.test.ts runs Prometheus' own tool where it is installed",
  },
  {
    page: "docs/operating.md",
    begins: "cd /opt/umbrad && npm ci",
    why: "it needs root and systemd; test/service runs the units in user mode where systemd is there",
  },
  {
    page: "docs/operating.md",
    begins: "head -c 32 /dev/urandom | base64 > config/docker/passphrase",
    why: "it needs Docker; test/service/image.test.ts carries out the steps of the image",
  },
  {
    page: "docs/operating.md",
    begins:
      "docker compose -f config/docker/compose.yml exec umbrad umbrad token create prometheus --role read --method metrics",
    why: "it needs Docker",
  },
  {
    page: "docs/operating.md",
    begins: "systemctl disable --now umbrad.socket umbrad.service umbrad-backup.timer",
    why: "it needs root and systemd",
  },
  {
    page: "docs/simulation.md",
    begins: "npm run simulate                                   10,000 seeds at 0, 10, 30 and 60 % loss",
    why: "it takes minutes; test/simulation/simulation.test.ts runs it with fewer seeds",
  },
];
