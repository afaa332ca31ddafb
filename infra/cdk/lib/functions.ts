// The functions, their logs, and what their environment says.

import { Duration, RemovalPolicy, Size } from "aws-cdk-lib";
import { Architecture, CfnEventInvokeConfig, Code, Function, Runtime } from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

import type { Data } from "./data.js";
import { ASYNC_CALLS, calls, functionParts, size, type FunctionPart, type Part } from "./parts.js";
import type { Settings } from "./props.js";
import { capital, type Roles } from "./roles.js";

/** What the parts know of the world around them. */
export interface Surroundings {
  readonly cloudOrigin: string;
  readonly siteOrigin: string;
  /** Id of the API whose requests are HTTP actions. */
  readonly siteApi: string;
  /** Where connections are written to, with relay `socket-api`. */
  readonly socketEndpoint?: string;
  /** Where relays are told of commits, with relay `fargate`. */
  readonly relayUrl?: string;
}

/** The environment that every part but `node` has; `upkeep` has no secret. */
export function commonEnvironment(settings: Settings, data: Data, around: Surroundings): Record<string, string> {
  return {
    LAKEWIRE_LOG: "dynamodb",
    LAKEWIRE_TABLE: data.table.tableName,
    LAKEWIRE_STORE: `s3://${data.bucket.bucketName}`,
    INSTANCE_NAME: settings.name,
    LAKEWIRE_SECRET_ARN: data.secret.secretArn,
    CONVEX_CLOUD_ORIGIN: around.cloudOrigin,
    CONVEX_SITE_ORIGIN: around.siteOrigin,
    RUST_LOG: settings.logLevel,
  };
}

/** Where a part finds the functions that it calls. */
export function callees(settings: Settings, part: Part): Record<string, string> {
  return Object.fromEntries(calls(part, settings).map((to) => [`LAKEWIRE_${to.toUpperCase()}_FUNCTION`, `${settings.name}-${to}`]));
}

function environment(part: FunctionPart, settings: Settings, data: Data, around: Surroundings): Record<string, string> {
  const common = commonEnvironment(settings, data, around);
  switch (part) {
    case "node":
      return {};
    case "upkeep": {
      const { LAKEWIRE_SECRET_ARN: _, ...rest } = common;
      return rest;
    }
    case "run":
      return { ...common, ...callees(settings, part) };
    case "http":
    case "tick":
    case "socket":
      return {
        ...common,
        ...callees(settings, part),
        ...(part === "http" ? { LAKEWIRE_SITE_API: around.siteApi } : {}),
        ...(part === "socket" ? { LAKEWIRE_SOCKET_ENDPOINT: around.socketEndpoint! } : {}),
        ...(around.relayUrl === undefined ? {} : { LAKEWIRE_RELAY_URL: around.relayUrl }),
      };
  }
}

export class Functions extends Construct {
  readonly #made = new Map<FunctionPart, Function>();

  constructor(scope: Construct, id: string, settings: Settings, data: Data, roles: Roles, around: Surroundings) {
    super(scope, id);
    const worker = Code.fromAsset(settings.package);
    const node = Code.fromAsset(settings.nodePackage);
    for (const part of functionParts(settings)) {
      const functionName = `${settings.name}-${part}`;
      const { memory, timeout, storage } = size(part, settings);
      const logGroup = new LogGroup(this, `${capital(part)}Log`, {
        logGroupName: `/aws/lambda/${functionName}`,
        retention: settings.logRetentionDays,
        removalPolicy: RemovalPolicy.DESTROY,
      });
      const made = new Function(this, capital(part), {
        functionName,
        description: `Lakewire ${settings.name}: ${part}`,
        runtime: part === "node" ? Runtime.NODEJS_22_X : Runtime.PROVIDED_AL2023,
        handler: part === "node" ? "index.handler" : part,
        code: part === "node" ? node : worker,
        architecture: settings.architecture === "arm64" ? Architecture.ARM_64 : Architecture.X86_64,
        memorySize: memory,
        timeout: Duration.seconds(timeout),
        ephemeralStorageSize: Size.mebibytes(storage),
        environment: environment(part, settings, data, around),
        role: roles.ofFunction(part, logGroup),
        logGroup,
      });
      this.#made.set(part, made);
    }
    for (const [part, { retries, maximumAge }] of Object.entries(ASYNC_CALLS)) {
      if (!this.has(part as FunctionPart)) continue;
      new CfnEventInvokeConfig(this, `${capital(part)}Async`, {
        functionName: this.get(part as FunctionPart).functionName,
        qualifier: "$LATEST",
        maximumRetryAttempts: retries,
        maximumEventAgeInSeconds: maximumAge,
      });
    }
  }

  has(part: FunctionPart): boolean {
    return this.#made.has(part);
  }

  get(part: FunctionPart): Function {
    const made = this.#made.get(part);
    if (made === undefined) throw new Error(`this stack has no function \`${part}\``);
    return made;
  }

  get all(): [FunctionPart, Function][] {
    return [...this.#made];
  }
}
