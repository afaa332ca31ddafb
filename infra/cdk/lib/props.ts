// What a stack can be told, what holds where it is not, and what is refused.

import { existsSync } from "node:fs";
import path from "node:path";

/** Where live subscriptions are served. */
export type RelayMode = "none" | "socket-api" | "fargate";

/** Instruction set of the functions and the relay. */
export type Architecture = "arm64" | "x86_64";

/** A host name of yours and the certificate for it. */
export interface Domain {
  /** For example `api.example.com`. A CNAME record of it has to point to what the stack puts out. */
  readonly name: string;
  /** ARN of the certificate in ACM: in us-east-1 where CloudFront serves it, in the stack's region elsewhere. */
  readonly certificateArn: string;
}

export interface LakewireProps {
  /** Name of the deployment and prefix of all names: 2 to 24 of a-z, 0-9 and `-`. @default "lakewire" */
  readonly name?: string;
  /** The zip of the worker that `lakewire package` makes. @default "lakewire-lambda-ARCHITECTURE.zip" */
  readonly package?: string;
  /** The zip of the Node function that `lakewire package` makes. @default "lakewire-node.zip" */
  readonly nodePackage?: string;
  /** What the packages were made for. @default "arm64" */
  readonly architecture?: Architecture;
  /**
   * Where live subscriptions are served: `none` has none, `socket-api` costs nothing while nobody is connected,
   * `fargate` is a service that always runs, with the lowest latency. @default "socket-api"
   */
  readonly relay?: RelayMode;
  /** Image of the relay, for example in ECR. Needed with `fargate`, of no use without. */
  readonly relayImage?: string;
  /** CPU units of a relay; 1024 are one CPU. @default 512 */
  readonly relayCpu?: number;
  /** Memory of a relay, in MiB. @default 1024 */
  readonly relayMemory?: number;
  /** Relays that always run. @default 1 */
  readonly relayMin?: number;
  /** Relays at most. @default 4 */
  readonly relayMax?: number;
  /** Connections per relay above which another is started. @default 4000 */
  readonly relayConnections?: number;
  /**
   * A host name for the relay's load balancer, so that CloudFront speaks TLS to it.
   * @default none: HTTP inside the network of AWS, with a secret header
   */
  readonly relayOrigin?: Domain;
  /** Id of the managed prefix list of CloudFront in this region; only from there the load balancer is reached then. @default all addresses */
  readonly cloudFrontPrefixList?: string;
  /** Addresses of the relay's network. @default "10.42.0.0/16" */
  readonly cidr?: string;
  /** Memory of the worker functions, in MB; 1769 is one CPU. @default 1769 */
  readonly memory?: number;
  /** Requests a second that each HTTP API takes in the long run. @default 1000 */
  readonly rateLimit?: number;
  /** Requests that each HTTP API takes at once. @default 2000 */
  readonly burstLimit?: number;
  /** A host name for the API. @default the one that AWS gives */
  readonly domain?: Domain;
  /** A host name for HTTP actions. @default the one that AWS gives */
  readonly siteDomain?: Domain;
  /** Whether bucket, table and secret are protected, and stay when the stack goes. @default true */
  readonly retainData?: boolean;
  /** Days that logs are kept. @default 30 */
  readonly logRetentionDays?: number;
  /** What the parts log, as in `RUST_LOG`. @default "info" */
  readonly logLevel?: string;
  /** ARN of an SNS topic that alarms tell. @default alarms are only seen in CloudWatch */
  readonly alarmTopicArn?: string;
}

type Optional = "relayImage" | "relayOrigin" | "cloudFrontPrefixList" | "domain" | "siteDomain" | "alarmTopicArn";

/** All that is decided. */
export type Settings = Required<Omit<LakewireProps, Optional>> & Pick<LakewireProps, Optional>;

const RETENTION_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/**
 * Fills in defaults.
 *
 * @throws Error that lists everything that is wrong
 */
export function settings(props: LakewireProps): Settings {
  const architecture = props.architecture ?? "arm64";
  const all: Settings = {
    ...props,
    name: props.name ?? "lakewire",
    package: props.package ?? `lakewire-lambda-${architecture}.zip`,
    nodePackage: props.nodePackage ?? "lakewire-node.zip",
    architecture,
    relay: props.relay ?? "socket-api",
    relayCpu: props.relayCpu ?? 512,
    relayMemory: props.relayMemory ?? 1024,
    relayMin: props.relayMin ?? 1,
    relayMax: props.relayMax ?? 4,
    relayConnections: props.relayConnections ?? 4000,
    cidr: props.cidr ?? "10.42.0.0/16",
    memory: props.memory ?? 1769,
    rateLimit: props.rateLimit ?? 1000,
    burstLimit: props.burstLimit ?? 2000,
    retainData: props.retainData ?? true,
    logRetentionDays: props.logRetentionDays ?? 30,
    logLevel: props.logLevel ?? "info",
  };
  const wrong = [...problems(all)];
  if (wrong.length > 0) throw new Error(`Lakewire can't be made:\n${wrong.map((line) => `- ${line}`).join("\n")}`);
  return all;
}

function* problems(all: Settings): Generator<string> {
  if (!/^[a-z][a-z0-9-]{0,22}[a-z0-9]$/.test(all.name)) yield `name \`${all.name}\`: 2 to 24 of a-z, 0-9 and \`-\`, first a letter, last no \`-\``;
  for (const [option, file] of Object.entries({ package: all.package, nodePackage: all.nodePackage })) {
    if (!existsSync(file)) yield `${option}: no file \`${path.resolve(file)}\`; \`lakewire package\` makes it`;
  }
  if (!["arm64", "x86_64"].includes(all.architecture)) yield `architecture \`${all.architecture}\`: arm64 or x86_64`;
  if (!["none", "socket-api", "fargate"].includes(all.relay)) yield `relay \`${all.relay}\`: none, socket-api or fargate`;
  if ((all.relay === "fargate") !== (all.relayImage !== undefined)) yield "relayImage: needed with relay `fargate`, and only then";
  if (all.relay !== "fargate" && all.relayOrigin !== undefined) yield "relayOrigin: only with relay `fargate`";
  if (![256, 512, 1024, 2048, 4096, 8192].includes(all.relayCpu)) yield `relayCpu ${all.relayCpu}: 256, 512, 1024, 2048, 4096 or 8192`;
  if (all.relayMemory < 2 * all.relayCpu || all.relayMemory > 8 * all.relayCpu || all.relayMemory % 512 !== 0) {
    yield `relayMemory ${all.relayMemory}: 2 to 8 times relayCpu, in steps of 512`;
  }
  yield* whole("relayMin", all.relayMin, 1, 1000);
  yield* whole("relayMax", all.relayMax, all.relayMin, 1000);
  yield* whole("relayConnections", all.relayConnections, 1, 100_000);
  if (!/^\d{1,3}(\.\d{1,3}){3}\/(1[6-9]|2[0-4])$/.test(all.cidr)) yield `cidr \`${all.cidr}\`: addresses of a network, /16 to /24`;
  yield* whole("memory", all.memory, 512, 10_240);
  yield* whole("rateLimit", all.rateLimit, 1, 100_000);
  yield* whole("burstLimit", all.burstLimit, 1, 100_000);
  if (!RETENTION_DAYS.includes(all.logRetentionDays)) yield `logRetentionDays ${all.logRetentionDays}: one of ${RETENTION_DAYS.join(", ")}`;
  for (const [option, domain] of Object.entries({ domain: all.domain, siteDomain: all.siteDomain, relayOrigin: all.relayOrigin })) {
    if (domain !== undefined && !/^arn:[^:]+:acm:[^:]+:\d+:certificate\/.+$/.test(domain.certificateArn)) {
      yield `${option}: \`${domain.certificateArn}\` is no ARN of a certificate`;
    }
  }
  if (all.relay !== "none" && all.domain !== undefined && !all.domain.certificateArn.includes(":acm:us-east-1:")) {
    yield "domain: CloudFront takes certificates of us-east-1 only";
  }
}

function* whole(option: string, value: number, least: number, most: number): Generator<string> {
  if (!Number.isInteger(value) || value < least || value > most) yield `${option} ${value}: a whole number from ${least} to ${most}`;
}
