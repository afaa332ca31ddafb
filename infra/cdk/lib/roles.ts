// One role a part, with what it needs: actions by name, resources by ARN.

import { ArnFormat, Stack } from "aws-cdk-lib";
import { Effect, Policy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

import type { Data } from "./data.js";
import { calls, SOCKET_STAGE, type FunctionPart, type Part } from "./parts.js";
import type { Settings } from "./props.js";

const READ_LOG = ["dynamodb:GetItem", "dynamodb:BatchGetItem"];
const WRITE_LOG = [...READ_LOG, "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"];
const TRIM_LOG = [...WRITE_LOG, "dynamodb:BatchWriteItem"];
const READ_OBJECTS = ["s3:GetObject"];
/** A multipart upload is part of `PutObject`, but for giving it up. */
const WRITE_OBJECTS = ["s3:PutObject", "s3:AbortMultipartUpload"];
const CHANGE_OBJECTS = [...READ_OBJECTS, ...WRITE_OBJECTS, "s3:DeleteObject"];
/** What `run` may write: results too large for an answer, and programs that it had to make. */
const RUN_WRITES = ["tmp/*", "programs/*"];

export class Roles {
  readonly #scope: Construct;
  readonly #settings: Settings;
  readonly #data: Data;
  /** Id of the WebSocket API. */
  readonly #socketApi: string | undefined;

  constructor(scope: Construct, settings: Settings, data: Data, socketApi: string | undefined) {
    this.#scope = scope;
    this.#settings = settings;
    this.#data = data;
    this.#socketApi = socketApi;
  }

  /** The role that a function runs with. */
  ofFunction(part: FunctionPart, log: LogGroup): Role {
    const role = this.#role(part, "lambda.amazonaws.com");
    this.#policy(part, role, [writeLogs(log), ...this.#statements(part)]);
    return role;
  }

  /** The role that the relay's program runs with. */
  ofRelay(): Role {
    const role = this.#role("relay", "ecs-tasks.amazonaws.com");
    this.#policy("relay", role, this.#statements("relay"));
    return role;
  }

  /** The role of the scheduler: it calls two functions. */
  ofScheduler(): Role {
    const role = this.#role("scheduler", "scheduler.amazonaws.com");
    this.#policy("scheduler", role, [this.#invoke("tick", "upkeep")]);
    return role;
  }

  /** A role without permissions; the service may take it for this account only. */
  #role(part: string, service: string): Role {
    const { account, region } = Stack.of(this.#scope);
    return new Role(this.#scope, `${capital(part)}Role`, {
      roleName: `${this.#settings.name}-${part}-${region}`,
      description: `Lakewire ${this.#settings.name}: ${part}`,
      // Lambda sends no account when it takes a role, others do.
      assumedBy: new ServicePrincipal(
        service,
        service.startsWith("lambda.") ? {} : { conditions: { StringEquals: { "aws:SourceAccount": account } } },
      ),
    });
  }

  #policy(part: string, role: Role, statements: PolicyStatement[]) {
    // Inside of the role, so that who depends on the role waits for its policy too.
    new Policy(role, "Policy", { policyName: part, roles: [role], statements });
  }

  #statements(part: Part): PolicyStatement[] {
    const { bucket } = this.#data;
    switch (part) {
      case "http":
      case "tick":
      case "relay":
        return this.#anyFunctionOfTheApp(part);
      case "socket":
        return [...this.#anyFunctionOfTheApp(part), this.#connections()];
      case "run":
        return [
          this.#log(READ_LOG),
          ...this.#objects(READ_OBJECTS),
          allow(WRITE_OBJECTS, RUN_WRITES.map((keys) => bucket.arnForObjects(keys))),
          this.#secret(),
          this.#invoke(...calls(part, this.#settings)),
        ];
      case "upkeep":
        return [this.#log(TRIM_LOG), ...this.#objects(CHANGE_OBJECTS)];
      case "node":
        return [];
    }
  }

  /**
   * For who runs queries, mutations and actions and commits by itself. A URL that is signed may do what its signer may: those for
   * the function `node`, and for downloads, are of objects that these roles may read or write.
   */
  #anyFunctionOfTheApp(part: Part): PolicyStatement[] {
    return [this.#log(WRITE_LOG), ...this.#objects(CHANGE_OBJECTS), this.#secret(), this.#invoke(...calls(part, this.#settings))];
  }

  #log(actions: string[]): PolicyStatement {
    return allow(actions, [this.#data.table.tableArn]);
  }

  /** To list is also what tells a missing object from a forbidden one. */
  #objects(actions: string[]): PolicyStatement[] {
    const { bucket } = this.#data;
    return [allow(actions, [bucket.arnForObjects("*")]), allow(["s3:ListBucket"], [bucket.bucketArn])];
  }

  #secret(): PolicyStatement {
    return allow(["secretsmanager:GetSecretValue"], [this.#data.secret.secretArn]);
  }

  /** By name, since functions need their roles first. */
  #invoke(...parts: FunctionPart[]): PolicyStatement {
    const arn = (part: string) =>
      Stack.of(this.#scope).formatArn({ service: "lambda", resource: `function:${this.#settings.name}-${part}` });
    return allow(["lambda:InvokeFunction"], parts.map(arn));
  }

  #connections(): PolicyStatement {
    const arn = (method: string) =>
      Stack.of(this.#scope).formatArn({
        service: "execute-api",
        resource: `${this.#socketApi}/${SOCKET_STAGE}/${method}/@connections/*`,
      });
    return allow(["execute-api:ManageConnections"], [arn("POST"), arn("DELETE")]);
  }
}

/** For a role that writes to its own logs. Which of the two forms of the ARN is asked for depends on the action. */
export function writeLogs(log: LogGroup): PolicyStatement {
  const group = Stack.of(log).formatArn({ service: "logs", resource: "log-group", resourceName: log.logGroupName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  return allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group, `${group}:*`]);
}

export function allow(actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions, resources });
}

/** As ids of constructs begin. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
