// Calls of AWS that a role may or may not make on what a stack has.

/** Of the operations, those that nobody may do on another deployment: all that name something of it. */
export const OTHERS = [
  "log get",
  "log put",
  "log delete",
  "log drop",
  "object get",
  "object put",
  "object put tmp",
  "object put programs",
  "object delete",
  "object list",
  "bucket delete",
  "secret read",
  "invoke http",
  "invoke tick",
  "invoke node",
  "logs",
  "connection write",
];

/**
 * @typedef {(aws: import("./aws.mjs").Aws) => Promise<unknown>} Operation
 */

/**
 * @param {import("./stack.mjs").DeployedStack} stack
 * @param {string} part whose logs are meant by `logs`
 * @param {import("./aws.mjs").Aws} admin makes what the operations need
 * @returns {Promise<Record<string, Operation>>}
 */
export async function operations(stack, part, admin) {
  await admin.request("s3", "PUT", `/${stack.bucket}/modules/one`, { body: "module" });
  const dynamodb = (action, input) => (aws) => aws.json("dynamodb", `DynamoDB_20120810.${action}`, { ...input });
  const TableName = stack.table;
  const item = { pk: { S: "entry" } };
  const update = { UpdateExpression: "SET body = :b", ExpressionAttributeValues: { ":b": { S: "b" } } };
  const s3 = (method, place, body = "") => (aws) => aws.request("s3", method, `/${stack.bucket}${place}`, { body });
  const secrets = (action, input = {}) => (aws) => aws.json("secretsmanager", `secretsmanager.${action}`, { SecretId: stack.secretArn, ...input });
  const lambda = (method, rest, body = "") => (aws) => aws.request("lambda", method, `/2015-03-31/functions/${rest}`, { body });
  const iam = (action, input) => (aws) => aws.query("iam", "2010-05-08", action, input);
  const logGroup = part.startsWith("relay") ? `/ecs/${stack.outputs.DeploymentName}-relay` : `/aws/lambda/${stack.functions[part]}`;
  const logs = (logGroupName) => (aws) =>
    aws.json("logs", "Logs_20140328.CreateLogStream", { logGroupName, logStreamName: `${Math.random()}` });
  const elsewhere = Object.keys(stack.functions).find((name) => name !== part);
  return {
    "log get": dynamodb("GetItem", { TableName, Key: item }),
    "log batch get": dynamodb("BatchGetItem", { RequestItems: { [TableName]: { Keys: [item] } } }),
    "log put": dynamodb("PutItem", { TableName, Item: item }),
    "log update": dynamodb("UpdateItem", { TableName, Key: item, ...update }),
    "log delete": dynamodb("DeleteItem", { TableName, Key: item }),
    "log batch write": dynamodb("BatchWriteItem", { RequestItems: { [TableName]: [{ DeleteRequest: { Key: item } }] } }),
    "log scan": dynamodb("Scan", { TableName }),
    "log describe": dynamodb("DescribeTable", { TableName }),
    "log expiry": dynamodb("UpdateTimeToLive", { TableName, TimeToLiveSpecification: { AttributeName: "pk", Enabled: true } }),
    "log drop": dynamodb("DeleteTable", { TableName }),
    "table make": dynamodb("CreateTable", {
      TableName: `${TableName}-more`,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    }),
    "object get": s3("GET", "/modules/one"),
    "object list": s3("GET", "?list-type=2"),
    "object put": s3("PUT", "/files/one", "file"),
    "object put tmp": s3("PUT", "/tmp/one", "answer"),
    "object put programs": s3("PUT", "/programs/one", "program"),
    "object abort": s3("DELETE", "/files/one?uploadId=none"),
    "object abort tmp": s3("DELETE", "/tmp/one?uploadId=none"),
    "object delete": s3("DELETE", "/files/one"),
    "bucket policy": s3("PUT", "?policy", "{}"),
    "bucket delete": s3("DELETE", ""),
    "bucket names": (aws) => aws.request("s3", "GET", "/"),
    "secret read": secrets("GetSecretValue"),
    "secret write": secrets("PutSecretValue", { SecretString: "0" }),
    "secret delete": secrets("DeleteSecret"),
    ...Object.fromEntries(Object.entries(stack.functions).map(([to, name]) => [`invoke ${to}`, lambda("POST", `${name}/invocations`, "{}")])),
    "function change": lambda("PUT", `${stack.functions.http}/configuration`, "{}"),
    "function delete": lambda("DELETE", stack.functions.http),
    logs: part === "scheduler" ? logs(`/aws/lambda/${stack.functions.tick}`) : logs(logGroup),
    "logs of another": logs(`/aws/lambda/${stack.functions[elsewhere]}`),
    "role change": iam("PutRolePolicy", { RoleName: stack.roles.http.split("/")[1], PolicyName: "more", PolicyDocument: "{}" }),
    "user make": iam("CreateUser", { UserName: "intruder" }),
    ...(stack.connections === undefined
      ? {}
      : {
          "connection write": (aws) => aws.request("execute-api", "POST", `${stack.connections}/none`, { body: "{}" }),
          "connection close": (aws) => aws.request("execute-api", "DELETE", `${stack.connections}/none`),
        }),
  };
}
