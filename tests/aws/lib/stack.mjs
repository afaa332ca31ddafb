// Deploys the stack of `infra/cdk` to emulated AWS: what tests of the whole start with.
//
//   const ministack = await startMinistack();
//   const stack = await deployStack({ ministack, package: "lakewire-lambda-x86_64.zip", nodePackage: "lakewire-node.zip" });
//   await fetch(`${stack.apiUrl}/version`);
//   await stack.destroy();

import path from "node:path";

import { ACCOUNT, deploy, destroy, synth } from "./cdk.mjs";
import { element } from "./aws.mjs";
import { Edge } from "./edge.mjs";

const REGION = "us-east-1";
/** An image that is never fetched: the emulator starts no containers. */
const NO_IMAGE = `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/lakewire:none`;

/**
 * @typedef {object} DeployedStack
 * @property {string} apiUrl URL of the deployment, what CloudFront would serve
 * @property {string} siteUrl URL of its HTTP actions
 * @property {Record<string, string>} outputs of the stack, as they would be on AWS
 * @property {Record<string, string>} functions names by part (`http`, `run`, ...)
 * @property {Record<string, string>} roles ARNs by part, `relay` and `scheduler` included
 * @property {string} table
 * @property {string} bucket
 * @property {string} secretArn
 * @property {string} [connections] with relay `socket-api`: path of its connections at the emulator
 * @property {object} template of CloudFormation, as it would be sent to AWS
 * @property {(...urls: string[]) => void} setRelays with relay `fargate`: where the relays listen that the test started
 * @property {() => Promise<void>} destroy empties the bucket and removes everything
 */

/**
 * @param {object} options
 * @param {import("./ministack.mjs").Ministack} options.ministack where to
 * @param {string} options.package zip of the worker
 * @param {string} options.nodePackage zip of the function for Node.js
 * @param {"none" | "socket-api" | "fargate"} [options.relay]
 * @param {"x86_64" | "arm64"} [options.architecture] what the zip is for; of this machine if absent
 * @param {string} [options.name] of the deployment
 * @param {Record<string, string | undefined>} [options.environment] variables of the worker functions, besides or instead
 * @param {Record<string, string | number | boolean>} [options.context] further settings of the example app
 * @returns {Promise<DeployedStack>}
 */
export async function deployStack({ ministack, relay = "socket-api", name = "lakewire", environment = {}, context = {}, ...options }) {
  const assembly = await synth({
    name,
    package: path.resolve(options.package),
    nodePackage: path.resolve(options.nodePackage),
    architecture: options.architecture ?? (process.arch === "arm64" ? "arm64" : "x86_64"),
    relay,
    ...(relay === "fargate" ? { relayImage: NO_IMAGE } : {}),
    retainData: false,
    ...context,
  });
  // Before the functions, which are told the URLs.
  const [edge, site, balancer] = await Promise.all([Edge.start(), Edge.start(), Edge.start()]);
  const stop = () => [edge, site, balancer].forEach((one) => one.stop());
  const socketApi = logicalId(assembly.template, (resource) => resource.Properties?.ProtocolType === "WEBSOCKET");
  const emulatedApi = (id, stage) => `${ministack.endpoint}/_aws/execute-api/${id}/${stage}`;
  const remove = async () => {
    stop();
    await empty(ministack.aws, bucketOf(name));
    await destroy(assembly, ministack);
  };
  try {
    const origins = { CONVEX_CLOUD_ORIGIN: edge.url, CONVEX_SITE_ORIGIN: site.url };
    const LAKEWIRE_RELAY_URL = (told) => told && balancer.url;
    await deploy(assembly, ministack, { ...origins, LAKEWIRE_RELAY_URL, ...environment });
  } catch (error) {
    stop();
    throw error;
  }
  if (socketApi !== undefined) await tellSocketEndpoint(ministack, name, (id) => emulatedApi(id, "live"));
  const outputs = await stackOutputs(ministack.aws, name);
  const ids = await physicalIds(ministack.aws, name);
  const api = (path) => ids[logicalId(assembly.template, (resource) => resource.Type === "AWS::ApiGatewayV2::Api" && resource.Properties.Name === `${name}-${path}`)];
  const http = { url: emulatedApi(api("api"), "$default") };
  site.routes = [["*", [{ url: emulatedApi(api("site"), "$default") }]]];
  edge.routes = [["*", [http]]];
  const behaviours = distribution(assembly.template)?.CacheBehaviors ?? [];
  const relayed = (targets) => [...behaviours.map(({ PathPattern }) => [PathPattern, targets]), ["*", [http]]];
  if (socketApi !== undefined) {
    const code = Object.values(assembly.template.Resources).find((resource) => resource.Type === "AWS::CloudFront::Function");
    edge.routes = relayed([{ url: emulatedApi(ids[socketApi], "live"), code: code.Properties.FunctionCode }]);
  }
  const parts = (type, key) =>
    Object.values(assembly.template.Resources)
      .filter((resource) => resource.Type === type)
      .map((resource) => resource.Properties[key]);
  const functions = Object.fromEntries(parts("AWS::Lambda::Function", "FunctionName").map((full) => [full.slice(name.length + 1), full]));
  const roleParts = [...Object.keys(functions), "scheduler", ...(relay === "fargate" ? ["relay", "relay-start"] : [])];
  return {
    apiUrl: edge.url,
    siteUrl: site.url,
    outputs,
    functions,
    roles: Object.fromEntries(roleParts.map((part) => [part, `arn:aws:iam::${ACCOUNT}:role/${name}-${part}-${REGION}`])),
    table: outputs.TableName,
    bucket: outputs.BucketName,
    secretArn: outputs.SecretArn,
    ...(socketApi === undefined ? {} : { connections: `/_aws/execute-api/${ids[socketApi]}/live/@connections` }),
    template: assembly.template,
    setRelays(...urls) {
      edge.routes = relayed(urls.map((url) => ({ url })));
      balancer.routes = [["/api/lakewire/nudge", urls.map((url) => ({ url }))]];
    },
    destroy: remove,
  };
}

/**
 * A client with the rights of a role of a stack. The role trusts a service of AWS only, so the test lets itself in first.
 *
 * @param {import("./ministack.mjs").Ministack} ministack
 * @param {string} roleArn
 */
export async function takeRole({ aws }, roleArn) {
  const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` } };
  await aws.query("iam", "2010-05-08", "UpdateAssumeRolePolicy", {
    RoleName: roleArn.split("/").at(-1),
    PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
  });
  return await aws.assume(roleArn);
}

function bucketOf(name) {
  return `${name}-${ACCOUNT}-${REGION}`;
}

/** Name within a template of the first resource that is wanted. */
function logicalId(template, wanted) {
  return Object.entries(template.Resources).find(([, resource]) => wanted(resource))?.[0];
}

function distribution(template) {
  return Object.values(template.Resources).find((resource) => resource.Type === "AWS::CloudFront::Distribution")?.Properties.DistributionConfig;
}

async function cloudFormation(aws, action, stack) {
  return await aws.query("cloudformation", "2010-05-15", action, { StackName: stack });
}

async function stackOutputs(aws, stack) {
  const xml = await cloudFormation(aws, "DescribeStacks", stack);
  const members = [.../<Outputs>(.*?)<\/Outputs>/s.exec(xml)[1].matchAll(/<member>(.*?)<\/member>/gs)];
  return Object.fromEntries(members.map(([, member]) => [element(member, "OutputKey"), unescape(element(member, "OutputValue"))]));
}

async function physicalIds(aws, stack) {
  const xml = await cloudFormation(aws, "DescribeStackResources", stack);
  const members = [...xml.matchAll(/<member>(.*?)<\/member>/gs)];
  return Object.fromEntries(members.map(([, member]) => [element(member, "LogicalResourceId"), element(member, "PhysicalResourceId")]));
}

function unescape(xml) {
  return xml.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

/** The function `socket` learns where the emulator has its connections: the id of the API is known only now. */
async function tellSocketEndpoint({ aws }, name, endpoint) {
  const place = `/2015-03-31/functions/${name}-socket/configuration`;
  const { Environment } = await (await aws.request("lambda", "GET", place)).json();
  const told = new URL(Environment.Variables.LAKEWIRE_SOCKET_ENDPOINT);
  Environment.Variables.LAKEWIRE_SOCKET_ENDPOINT = endpoint(told.host.split(".")[0]);
  await aws.request("lambda", "PUT", place, { body: JSON.stringify({ Environment }), headers: { "content-type": "application/json" } });
}

async function empty(aws, bucket) {
  for (;;) {
    const listing = await (await aws.request("s3", "GET", `/${bucket}?list-type=2`)).text();
    const keys = [...listing.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => unescape(key));
    if (keys.length === 0) return;
    for (const key of keys) await aws.request("s3", "DELETE", `/${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`);
  }
}
