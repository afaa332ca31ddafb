import assert from "node:assert/strict";
import { test } from "node:test";

import { IMAGE, synthesize } from "./synthesize.js";

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}

/** The statements of every role, by the part that it is for. */
function policies(relay: "none" | "socket-api" | "fargate"): Record<string, Statement[]> {
  const template = synthesize({ relay, ...(relay === "fargate" ? { relayImage: IMAGE } : {}) });
  const found = Object.values(template.findResources("AWS::IAM::Policy")).map((policy) => policy["Properties"]);
  return Object.fromEntries(found.map(({ PolicyName, PolicyDocument }) => [PolicyName, PolicyDocument.Statement]));
}

const actions = (statements: Statement[]) => statements.flatMap(({ Action }) => Action);

for (const relay of ["none", "socket-api", "fargate"] as const) {
  test(`every role names actions and resources, with relay ${relay}`, () => {
    for (const [part, statements] of Object.entries(policies(relay))) {
      for (const { Effect, Action, Resource } of statements) {
        assert.equal(Effect, "Allow", part);
        for (const action of [Action].flat()) assert.match(action, /^[a-z0-9-]+:[A-Za-z]+$/, `${part}: ${action}`);
        if (Action === "ecr:GetAuthorizationToken") continue;
        for (const resource of [Resource].flat()) assert.notEqual(resource, "*", `${part}: ${Action}`);
      }
    }
  });
}

test("roles have only the policies of the stack", () => {
  for (const role of Object.values(synthesize().findResources("AWS::IAM::Role"))) {
    assert.equal(role["Properties"].ManagedPolicyArns, undefined);
    assert.equal(role["Properties"].Policies, undefined);
  }
});

test("run deletes nothing, upkeep knows no secret, node does nothing", () => {
  const { run, upkeep, node } = policies("fargate");
  assert.deepEqual(actions(run!).filter((action) => /Delete|BatchWrite|dynamodb:Put|dynamodb:Update/.test(action)), []);
  assert.deepEqual(actions(upkeep!).filter((action) => /^(secretsmanager|lambda):/.test(action)), []);
  assert.deepEqual(actions(node!), ["logs:CreateLogStream", "logs:PutLogEvents"]);
});

test("roles that are not for Lambda are for this account only", () => {
  const template = synthesize({ relay: "fargate", relayImage: IMAGE });
  for (const role of Object.values(template.findResources("AWS::IAM::Role"))) {
    const [{ Principal, Condition }] = role["Properties"].AssumeRolePolicyDocument.Statement;
    if (Principal.Service === "lambda.amazonaws.com") continue;
    assert.deepEqual(Condition, { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } });
  }
});
