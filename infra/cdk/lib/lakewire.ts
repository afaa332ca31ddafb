// The whole of it: how the parts know of each other.

import { CfnOutput, Stack } from "aws-cdk-lib";
import { Construct } from "constructs";

import { Alarms } from "./alarms.js";
import { Balancer } from "./balancer.js";
import { Data } from "./data.js";
import { Edge } from "./edge.js";
import { callees, commonEnvironment, Functions, type Surroundings } from "./functions.js";
import { HttpApi } from "./http-api.js";
import { Network } from "./network.js";
import { settings, type LakewireProps, type Settings } from "./props.js";
import { Relay } from "./relay.js";
import { Roles } from "./roles.js";
import { Schedules } from "./schedules.js";
import { SocketApi } from "./socket-api.js";

/** A deployment of Lakewire in a stack. */
export class Lakewire extends Construct {
  /** URL of the deployment, for clients and the CLI. */
  readonly url: string;
  /** URL of its HTTP actions. */
  readonly siteUrl: string;
  /** How to make an admin key. */
  readonly adminKeyCommand: string;
  readonly data: Data;
  readonly functions: Functions;

  /** @throws Error if a prop is wrong, with all that is */
  constructor(scope: Construct, id: string, props: LakewireProps = {}) {
    super(scope, id);
    const all = settings(props);
    this.data = new Data(this, "Data", all);

    // The APIs, and what is in front of them, come before the functions: these know the URLs, and are plugged in last.
    const edged = all.relay !== "none";
    const api = new HttpApi(this, "Api", all, "api", edged ? undefined : all.domain);
    const site = new HttpApi(this, "Site", all, "site", all.siteDomain);
    const socket = all.relay === "socket-api" ? new SocketApi(this, "Socket", all) : undefined;
    const network = all.relay === "fargate" ? new Network(this, "Network", all) : undefined;
    const balancer = network === undefined ? undefined : new Balancer(this, "Balancer", all, network);
    const relay = socket ?? balancer;
    const edge = relay === undefined ? undefined : new Edge(this, "Edge", all, api.host, relay);

    const around: Surroundings = {
      cloudOrigin: edge?.url ?? api.url,
      siteOrigin: site.url,
      siteApi: site.apiId,
      ...(socket === undefined ? {} : { socketEndpoint: socket.endpoint }),
      ...(balancer === undefined ? {} : { relayUrl: balancer.nudgeUrl ?? edge!.url }),
    };
    const roles = new Roles(this, all, this.data, socket?.apiId);
    this.functions = new Functions(this, "Functions", all, this.data, roles, around);
    api.serve(this.functions.get("http"));
    site.serve(this.functions.get("http"));
    socket?.serve(this.functions.get("socket"));
    if (network !== undefined && balancer !== undefined) {
      new Relay(this, "Relay", all, network, balancer, roles, {
        ...commonEnvironment(all, this.data, around),
        ...callees(all, "relay"),
      });
    }
    new Schedules(this, "Schedules", all, this.functions, roles.ofScheduler());
    new Alarms(this, "Alarms", all, this.functions, this.data, balancer);

    this.url = around.cloudOrigin;
    this.siteUrl = around.siteOrigin;
    this.adminKeyCommand = this.#adminKeyCommand(all);
    this.#outputs(all, edge?.host ?? api.domainTarget, site.domainTarget, balancer?.dnsName);
  }

  #adminKeyCommand(all: Settings): string {
    const { region } = Stack.of(this);
    const secret = `aws secretsmanager get-secret-value --region ${region} --secret-id ${this.data.secret.secretArn} --query SecretString --output text`;
    return `INSTANCE_NAME=${all.name} INSTANCE_SECRET=$(${secret}) lakewire keys create`;
  }

  #outputs(all: Settings, apiTarget: string | undefined, siteTarget: string | undefined, balancer: string | undefined) {
    const output = (id: string, description: string, value: string) => {
      new CfnOutput(this, id, { description, value }).overrideLogicalId(id);
    };
    output("DeploymentName", "Name of the deployment", all.name);
    output("ApiUrl", "URL of the deployment, for clients and the CLI", this.url);
    output("SiteUrl", "URL of its HTTP actions", this.siteUrl);
    output("AdminKeyCommand", "Run this to make an admin key", this.adminKeyCommand);
    output("SecretArn", "The secret that admin keys are made from", this.data.secret.secretArn);
    output("BucketName", "The bucket of the deployment", this.data.bucket.bucketName);
    output("TableName", "The table of its log", this.data.table.tableName);
    if (all.domain !== undefined) output("DomainTarget", `Point a CNAME record of ${all.domain.name} to this`, apiTarget!);
    if (all.siteDomain !== undefined) output("SiteDomainTarget", `Point a CNAME record of ${all.siteDomain.name} to this`, siteTarget!);
    if (all.relayOrigin !== undefined) output("RelayOriginTarget", `Point a CNAME record of ${all.relayOrigin.name} to this`, balancer!);
  }
}
