// The relay's network: public subnets, since a NAT costs more than all the rest, and gateway endpoints, which are free.

import { Fn, Stack } from "aws-cdk-lib";
import {
  CfnInternetGateway,
  CfnRoute,
  CfnRouteTable,
  CfnSecurityGroup,
  CfnSecurityGroupIngress,
  CfnSubnet,
  CfnSubnetRouteTableAssociation,
  CfnVPC,
  CfnVPCEndpoint,
  CfnVPCGatewayAttachment,
} from "aws-cdk-lib/aws-ec2";
import { Tags } from "aws-cdk-lib";
import { Construct } from "constructs";

import { RELAY_PORT } from "./parts.js";
import type { Settings } from "./props.js";

const EVERYWHERE = "0.0.0.0/0";
/** A load balancer needs two. */
const ZONES = 2;

export class Network extends Construct {
  readonly vpcId: string;
  readonly subnetIds: string[];
  /** Security group of the load balancer. */
  readonly front: string;
  /** Security group of the relays. */
  readonly relays: string;
  /** What has to be there before something inside reaches the internet. */
  readonly way: CfnRoute;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const { region } = Stack.of(this);
    const vpc = new CfnVPC(this, "Vpc", { cidrBlock: settings.cidr, enableDnsHostnames: true, enableDnsSupport: true });
    const gateway = new CfnInternetGateway(this, "Gateway");
    const attached = new CfnVPCGatewayAttachment(this, "Attachment", { vpcId: vpc.ref, internetGatewayId: gateway.ref });
    const routes = new CfnRouteTable(this, "Routes", { vpcId: vpc.ref });
    this.way = new CfnRoute(this, "Out", { routeTableId: routes.ref, destinationCidrBlock: EVERYWHERE, gatewayId: gateway.ref });
    this.way.addResourceDependency(attached);
    // Eight bits less than a /16 has, and never below what a subnet must have.
    const hostBits = 32 - Number(settings.cidr.split("/")[1]) - 2;
    const blocks = Fn.cidr(settings.cidr, 4, `${hostBits}`);
    this.subnetIds = Array.from({ length: ZONES }, (_, zone) => {
      const subnet = new CfnSubnet(this, `Subnet${zone}`, {
        vpcId: vpc.ref,
        cidrBlock: Fn.select(zone, blocks),
        availabilityZone: Fn.select(zone, Fn.getAzs(region)),
      });
      new CfnSubnetRouteTableAssociation(this, `SubnetRoutes${zone}`, { subnetId: subnet.ref, routeTableId: routes.ref });
      return subnet.ref;
    });
    for (const service of ["s3", "dynamodb"]) {
      new CfnVPCEndpoint(this, service, {
        vpcId: vpc.ref,
        vpcEndpointType: "Gateway",
        serviceName: `com.amazonaws.${region}.${service}`,
        routeTableIds: [routes.ref],
      });
    }
    const port = settings.relayOrigin === undefined ? 80 : 443;
    const from = settings.cloudFrontPrefixList === undefined ? { cidrIp: EVERYWHERE } : { sourcePrefixListId: settings.cloudFrontPrefixList };
    const front = new CfnSecurityGroup(this, "Front", {
      groupDescription: "Load balancer of the relays",
      vpcId: vpc.ref,
      securityGroupIngress: [{ ...from, ipProtocol: "tcp", fromPort: port, toPort: port, description: "CloudFront" }],
      securityGroupEgress: [{ cidrIp: settings.cidr, ipProtocol: "tcp", fromPort: RELAY_PORT, toPort: RELAY_PORT, description: "Relays" }],
    });
    const relays = new CfnSecurityGroup(this, "Relays", {
      groupDescription: "Relays",
      vpcId: vpc.ref,
      securityGroupIngress: [
        { sourceSecurityGroupId: front.attrGroupId, ipProtocol: "tcp", fromPort: RELAY_PORT, toPort: RELAY_PORT, description: "Load balancer" },
      ],
      securityGroupEgress: [{ cidrIp: EVERYWHERE, ipProtocol: "-1", description: "AWS, and what functions fetch" }],
    });
    // A group can't name itself where it is made.
    new CfnSecurityGroupIngress(this, "Between", {
      groupId: relays.attrGroupId,
      sourceSecurityGroupId: relays.attrGroupId,
      ipProtocol: "tcp",
      fromPort: RELAY_PORT,
      toPort: RELAY_PORT,
      description: "Other relays",
    });
    this.vpcId = vpc.ref;
    this.front = front.attrGroupId;
    this.relays = relays.attrGroupId;
    Tags.of(this).add("Name", `${settings.name}-relay`);
  }
}
