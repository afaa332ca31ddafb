// The load balancer of the relays. It takes requests with a secret header only, which CloudFront adds; and news of commits, which
// are signed.

import { RemovalPolicy } from "aws-cdk-lib";
import { CfnListener, CfnListenerRule, CfnLoadBalancer, CfnTargetGroup } from "aws-cdk-lib/aws-elasticloadbalancingv2";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";

import type { Network } from "./network.js";
import { IDLE_TIMEOUT, RELAY_PORT } from "./parts.js";
import type { Settings } from "./props.js";

/** The header with the secret. */
export const ORIGIN_HEADER = "x-lakewire-origin";
/** Where relays are told of commits. */
const NUDGE_PATH = "/api/lakewire/nudge";

export class Balancer extends Construct {
  /** What CloudFront connects to: host, and whether by TLS. */
  readonly host: string;
  readonly tls: boolean;
  /** Host that AWS gave: the target of a CNAME record if there is a domain. */
  readonly dnsName: string;
  /** Where functions reach it to tell of commits: past CloudFront, unless only that may come in. */
  readonly nudgeUrl: string | undefined;
  /** Value of [`ORIGIN_HEADER`]. */
  readonly originSecret: string;
  readonly targetGroupArn: string;
  /** Names as metrics have them. */
  readonly metricName: string;
  readonly targetGroupMetricName: string;
  /** What has to be there before a service may register. */
  readonly rule: CfnListenerRule;

  constructor(scope: Construct, id: string, settings: Settings, network: Network) {
    super(scope, id);
    const secret = new Secret(this, "OriginSecret", {
      description: "CloudFront says this to the load balancer of the relays",
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const balancer = new CfnLoadBalancer(this, "Balancer", {
      name: `${settings.name}-relay`,
      type: "application",
      scheme: "internet-facing",
      subnets: network.subnetIds,
      securityGroups: [network.front],
      loadBalancerAttributes: [
        { key: "idle_timeout.timeout_seconds", value: `${IDLE_TIMEOUT}` },
        { key: "routing.http.drop_invalid_header_fields.enabled", value: "true" },
        { key: "deletion_protection.enabled", value: "false" },
      ],
    });
    balancer.addResourceDependency(network.way);
    const targets = new CfnTargetGroup(this, "Targets", {
      name: `${settings.name}-relay`,
      vpcId: network.vpcId,
      targetType: "ip",
      protocol: "HTTP",
      port: RELAY_PORT,
      healthCheckPath: "/version",
      healthCheckIntervalSeconds: 10,
      healthCheckTimeoutSeconds: 5,
      healthyThresholdCount: 2,
      unhealthyThresholdCount: 3,
      targetGroupAttributes: [
        // WebSockets stay open until the relay is told to end, so waiting before that is of no use.
        { key: "deregistration_delay.timeout_seconds", value: "5" },
        { key: "load_balancing.algorithm.type", value: "least_outstanding_requests" },
      ],
    });
    const domain = settings.relayOrigin;
    const listener = new CfnListener(this, "Listener", {
      loadBalancerArn: balancer.ref,
      ...(domain === undefined
        ? { port: 80, protocol: "HTTP" }
        : {
            port: 443,
            protocol: "HTTPS",
            certificates: [{ certificateArn: domain.certificateArn }],
            sslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
          }),
      defaultActions: [
        { type: "fixed-response", fixedResponseConfig: { statusCode: "403", contentType: "text/plain", messageBody: "Use the URL of the deployment." } },
      ],
    });
    this.originSecret = secret.secretValue.unsafeUnwrap();
    this.rule = new CfnListenerRule(this, "Rule", {
      listenerArn: listener.ref,
      priority: 1,
      conditions: [{ field: "http-header", httpHeaderConfig: { httpHeaderName: ORIGIN_HEADER, values: [this.originSecret] } }],
      actions: [{ type: "forward", targetGroupArn: targets.ref }],
    });
    new CfnListenerRule(this, "NudgeRule", {
      listenerArn: listener.ref,
      priority: 2,
      conditions: [
        { field: "path-pattern", pathPatternConfig: { values: [NUDGE_PATH] } },
        { field: "http-request-method", httpRequestMethodConfig: { values: ["POST"] } },
      ],
      actions: [{ type: "forward", targetGroupArn: targets.ref }],
    });
    this.dnsName = balancer.attrDnsName;
    this.host = domain?.name ?? balancer.attrDnsName;
    this.tls = domain !== undefined;
    this.nudgeUrl = settings.cloudFrontPrefixList === undefined ? `${this.tls ? "https" : "http"}://${this.host}` : undefined;
    this.targetGroupArn = targets.ref;
    this.metricName = balancer.attrLoadBalancerFullName;
    this.targetGroupMetricName = targets.attrTargetGroupFullName;
  }
}
