// The relay as a service on Fargate: as many as connections and processors ask for, each replaceable at any time.

import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { CfnScalableTarget, CfnScalingPolicy } from "aws-cdk-lib/aws-applicationautoscaling";
import { CfnCluster, CfnService, CfnTaskDefinition } from "aws-cdk-lib/aws-ecs";
import { Policy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

import type { Balancer } from "./balancer.js";
import type { Network } from "./network.js";
import { RELAY_PORT, RELAY_STOP_TIMEOUT } from "./parts.js";
import type { Settings } from "./props.js";
import { allow, writeLogs, type Roles } from "./roles.js";

/** Share of the processors, in percent, above which another relay is started. */
const CPU_TARGET = 60;
/** Seconds for which a relay that just started may be unhealthy, and between two steps of scaling. */
const [GRACE, SCALE_OUT, SCALE_IN] = [60, 60, 300];

export class Relay extends Construct {
  constructor(
    scope: Construct,
    id: string,
    settings: Settings,
    network: Network,
    balancer: Balancer,
    roles: Roles,
    environment: Record<string, string>,
  ) {
    super(scope, id);
    const { region } = Stack.of(this);
    const name = `${settings.name}-relay`;
    const log = new LogGroup(this, "Log", {
      logGroupName: `/ecs/${name}`,
      retention: settings.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const cluster = new CfnCluster(this, "Cluster", { clusterName: settings.name });
    const task = new CfnTaskDefinition(this, "Task", {
      family: name,
      requiresCompatibilities: ["FARGATE"],
      networkMode: "awsvpc",
      cpu: `${settings.relayCpu}`,
      memory: `${settings.relayMemory}`,
      runtimePlatform: {
        operatingSystemFamily: "LINUX",
        cpuArchitecture: settings.architecture === "arm64" ? "ARM64" : "X86_64",
      },
      taskRoleArn: roles.ofRelay().roleArn,
      executionRoleArn: this.#executionRole(settings, log).roleArn,
      containerDefinitions: [
        {
          name: "relay",
          image: settings.relayImage!,
          command: ["relay", "--host", "0.0.0.0"],
          essential: true,
          portMappings: [{ containerPort: RELAY_PORT, protocol: "tcp" }],
          environment: Object.entries(environment).map(([variable, value]) => ({ name: variable, value })),
          stopTimeout: RELAY_STOP_TIMEOUT,
          // Every socket is a file.
          ulimits: [{ name: "nofile", softLimit: 65_536, hardLimit: 65_536 }],
          logConfiguration: {
            logDriver: "awslogs",
            options: { "awslogs-group": log.logGroupName, "awslogs-region": region, "awslogs-stream-prefix": "relay" },
          },
        },
      ],
    });
    const service = new CfnService(this, "Service", {
      serviceName: name,
      cluster: cluster.ref,
      taskDefinition: task.ref,
      launchType: "FARGATE",
      desiredCount: settings.relayMin,
      healthCheckGracePeriodSeconds: GRACE,
      deploymentConfiguration: {
        minimumHealthyPercent: 100,
        maximumPercent: 200,
        deploymentCircuitBreaker: { enable: true, rollback: true },
      },
      networkConfiguration: {
        // Without a NAT, a public address is the way out; nothing but the load balancer and other relays gets in.
        awsvpcConfiguration: { subnets: network.subnetIds, securityGroups: [network.relays], assignPublicIp: "ENABLED" },
      },
      loadBalancers: [{ containerName: "relay", containerPort: RELAY_PORT, targetGroupArn: balancer.targetGroupArn }],
    });
    service.addResourceDependency(balancer.rule);
    service.addResourceDependency(network.way);
    this.#scale(settings, balancer, `service/${cluster.ref}/${service.attrName}`);
  }

  /** The role that starts the task: it fetches the image and writes logs. */
  #executionRole(settings: Settings, log: LogGroup): Role {
    const { account, region, partition } = Stack.of(this);
    const role = new Role(this, "ExecutionRole", {
      roleName: `${settings.name}-relay-start-${region}`,
      description: `Lakewire ${settings.name}: starts relays`,
      assumedBy: new ServicePrincipal("ecs-tasks.amazonaws.com", { conditions: { StringEquals: { "aws:SourceAccount": account } } }),
    });
    const statements = [writeLogs(log)];
    const private_ = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com[^/]*\/([^:@]+)/.exec(settings.relayImage!);
    if (private_ !== null) {
      const [, owner, where, repository] = private_;
      // The token is for a whole registry: the action has no resource.
      statements.push(allow(["ecr:GetAuthorizationToken"], ["*"]));
      statements.push(
        allow(
          ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
          [`arn:${partition}:ecr:${where}:${owner}:repository/${repository}`],
        ),
      );
    }
    new Policy(role, "Policy", { policyName: "relay-start", roles: [role], statements });
    return role;
  }

  #scale(settings: Settings, balancer: Balancer, resourceId: string) {
    const target = new CfnScalableTarget(this, "Scaling", {
      serviceNamespace: "ecs",
      scalableDimension: "ecs:service:DesiredCount",
      resourceId,
      minCapacity: settings.relayMin,
      maxCapacity: settings.relayMax,
    });
    const policy = (id: string, tracking: CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty) =>
      new CfnScalingPolicy(this, id, {
        policyName: `${settings.name}-relay-${id.toLowerCase()}`,
        policyType: "TargetTrackingScaling",
        scalingTargetId: target.ref,
        targetTrackingScalingPolicyConfiguration: { scaleOutCooldown: SCALE_OUT, scaleInCooldown: SCALE_IN, ...tracking },
      });
    policy("Cpu", {
      targetValue: CPU_TARGET,
      predefinedMetricSpecification: { predefinedMetricType: "ECSServiceAverageCPUUtilization" },
    });
    const metric = (id: string, metricName: string, stat: string, dimensions: Record<string, string>) => ({
      id,
      returnData: false,
      metricStat: {
        stat,
        metric: {
          namespace: "AWS/ApplicationELB",
          metricName,
          dimensions: Object.entries(dimensions).map(([name, value]) => ({ name, value })),
        },
      },
    });
    policy("Connections", {
      targetValue: settings.relayConnections,
      customizedMetricSpecification: {
        metrics: [
          metric("connections", "ActiveConnectionCount", "Sum", { LoadBalancer: balancer.metricName }),
          metric("relays", "HealthyHostCount", "Average", {
            LoadBalancer: balancer.metricName,
            TargetGroup: balancer.targetGroupMetricName,
          }),
          // Counted twice: from CloudFront, and on to the relay.
          { id: "each", expression: "connections / 2 / relays", returnData: true },
        ],
      },
    });
  }
}
