// Facts of a CloudFormation template. References become what the made-up provider for Terraform gives (`values.py`).

import { container, list, named, permissions, trust } from "./facts.mjs";

const [ACCOUNT, REGION] = ["123456789012", "us-east-1"];
const PSEUDO = {
  "AWS::AccountId": ACCOUNT,
  "AWS::Partition": "aws",
  "AWS::Region": REGION,
  "AWS::URLSuffix": "amazonaws.com",
};
const arn = (service, resource, region = REGION) => `arn:aws:${service}:${region}:${ACCOUNT}:${resource}`;

/** What a reference or an attribute of a resource is, by type. */
const REFERENCES = {
  "AWS::S3::Bucket": ({ BucketName }) => ({ Ref: BucketName, Arn: `arn:aws:s3:::${BucketName}` }),
  "AWS::DynamoDB::Table": ({ TableName }) => ({ Ref: TableName, Arn: arn("dynamodb", `table/${TableName}`) }),
  "AWS::SecretsManager::Secret": ({ Name }) => ({ Ref: arn("secretsmanager", `secret:${Name ?? "origin"}-AbCdEf`) }),
  "AWS::Lambda::Function": ({ FunctionName }) => ({ Ref: FunctionName, Arn: arn("lambda", `function:${FunctionName}`) }),
  "AWS::Logs::LogGroup": ({ LogGroupName }) => ({ Ref: LogGroupName, Arn: `${arn("logs", `log-group:${LogGroupName}`)}:*` }),
  "AWS::IAM::Role": ({ RoleName }) => ({ Ref: RoleName, Arn: arn("iam", `role/${RoleName}`, "") }),
  "AWS::ApiGatewayV2::Api": ({ Name }) => ({ Ref: Name }),
  "AWS::CloudFront::Distribution": () => ({ Ref: "edge", DomainName: "edge.cloudfront.net" }),
  "AWS::ElasticLoadBalancingV2::LoadBalancer": ({ Name }) => ({ DNSName: `${Name}.elb`, LoadBalancerFullName: `app/${Name}` }),
  "AWS::ElasticLoadBalancingV2::TargetGroup": ({ Name }) => ({ TargetGroupFullName: `targetgroup/${Name}` }),
  "AWS::ECS::Cluster": ({ ClusterName }) => ({ Ref: ClusterName }),
  "AWS::ECS::Service": ({ ServiceName }) => ({ Name: ServiceName }),
};

/** A template with all references resolved. */
class Template {
  #resources;

  constructor(template) {
    this.#resources = template.Resources;
  }

  /** Properties of all resources of a type. */
  of(type) {
    return Object.values(this.#resources)
      .filter((resource) => resource.Type === type)
      .map((resource) => this.#resolve(resource.Properties));
  }

  #reference(id, attribute) {
    if (id in PSEUDO) return PSEUDO[id];
    const { Type, Properties } = this.#resources[id];
    return REFERENCES[Type]?.(this.#resolve(Properties))[attribute] ?? `(${attribute} of ${id})`;
  }

  #resolve(value) {
    if (Array.isArray(value)) return value.map((inner) => this.#resolve(inner));
    if (value === null || typeof value !== "object") return value;
    const [[operation, operand] = []] = Object.entries(value);
    if (Object.keys(value).length === 1) {
      if (operation === "Ref") return this.#reference(operand, "Ref");
      if (operation === "Fn::GetAtt") return this.#reference(operand[0], operand[1]);
      if (operation === "Fn::Join") return operand[1].map((part) => this.#resolve(part)).join(operand[0]);
      if (operation === "Fn::Sub") return operand.replaceAll(/\$\{([^}]+)\}/g, (_, id) => this.#reference(id, "Ref"));
      if (operation === "Fn::GetAZs") return ["a", "b", "c"].map((zone) => `${REGION}${zone}`);
      // Of the few networks that tests have, a quarter each.
      if (operation === "Fn::Cidr") return [0, 64].map((part) => operand[0].replace(/\.0\.0\/16$/, `.${part}.0/18`));
      if (operation === "Fn::Select") return this.#resolve(operand[1])[operand[0]];
      if (operation.startsWith("Fn::")) throw new Error(`the comparison does not know ${operation}`);
    }
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#resolve(inner)]));
  }
}

/** @param {object} template of CloudFormation, as `cdk synth` makes it */
export function cdkFacts(template, syncCode) {
  const stack = new Template(template);
  const [bucket] = stack.of("AWS::S3::Bucket");
  const [table] = stack.of("AWS::DynamoDB::Table");
  const policies = Object.fromEntries(stack.of("AWS::IAM::Policy").map((policy) => [policy.Roles[0], permissions(policy.PolicyDocument)]));
  return {
    bucket: {
      name: bucket.BucketName,
      encryption: bucket.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm,
      closed: Object.values(bucket.PublicAccessBlockConfiguration),
      ownership: bucket.OwnershipControls.Rules[0].ObjectOwnership,
      lifecycle: bucket.LifecycleConfiguration.Rules.map((rule) => ({
        prefix: rule.Prefix ?? "",
        expires: rule.ExpirationInDays ?? null,
        abortsUploads: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation ?? null,
      })),
      cors: bucket.CorsConfiguration.CorsRules.map((rule) => [rule.AllowedMethods, rule.AllowedOrigins, rule.AllowedHeaders, rule.MaxAge]),
      policy: stack.of("AWS::S3::BucketPolicy").flatMap(({ PolicyDocument }) => PolicyDocument.Statement),
    },
    table: {
      name: table.TableName,
      billing: table.BillingMode,
      key: table.KeySchema.map(({ AttributeName }) => AttributeName),
      expiry: table.TimeToLiveSpecification,
      restorable: table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled,
      protected: table.DeletionProtectionEnabled,
    },
    secrets: stack.of("AWS::SecretsManager::Secret").map(({ Name }) => Name).filter((name) => name !== undefined),
    roles: named(stack.of("AWS::IAM::Role"), (role) => [
      role.RoleName,
      { description: role.Description, trust: trust(role.AssumeRolePolicyDocument), may: policies[role.RoleName] },
    ]),
    functions: named(stack.of("AWS::Lambda::Function"), (made) => [
      made.FunctionName,
      {
        description: made.Description,
        runtime: made.Runtime,
        handler: made.Handler,
        architecture: made.Architectures,
        memory: made.MemorySize,
        timeout: made.Timeout,
        storage: made.EphemeralStorage.Size,
        role: made.Role,
        log: made.LoggingConfig.LogGroup,
        environment: made.Environment?.Variables ?? {},
      },
    ]),
    asyncCalls: named(stack.of("AWS::Lambda::EventInvokeConfig"), (config) => [
      config.FunctionName,
      [config.MaximumRetryAttempts, config.MaximumEventAgeInSeconds],
    ]),
    callers: stack.of("AWS::Lambda::Permission").map(({ FunctionName, Principal, SourceArn }) => [FunctionName, Principal, SourceArn]).sort(),
    logs: named(stack.of("AWS::Logs::LogGroup"), (group) => [group.LogGroupName, group.RetentionInDays]),
    schedules: named(stack.of("AWS::Scheduler::Schedule"), ({ Name, ScheduleExpression, Target }) => [
      Name,
      {
        expression: ScheduleExpression,
        target: Target.Arn,
        role: Target.RoleArn,
        input: Target.Input,
        retries: [Target.RetryPolicy.MaximumRetryAttempts, Target.RetryPolicy.MaximumEventAgeInSeconds],
      },
    ]),
    apis: named(stack.of("AWS::ApiGatewayV2::Api"), (api) => [
      api.Name,
      {
        protocol: api.ProtocolType,
        routes: stack.of("AWS::ApiGatewayV2::Route").filter((route) => route.ApiId === api.Name).map((route) => route.RouteKey).sort(),
        stages: stack
          .of("AWS::ApiGatewayV2::Stage")
          .filter((stage) => stage.ApiId === api.Name)
          .map(({ StageName, AutoDeploy, DefaultRouteSettings: limits }) => [StageName, AutoDeploy, limits.ThrottlingRateLimit, limits.ThrottlingBurstLimit]),
        calls: stack
          .of("AWS::ApiGatewayV2::Integration")
          .filter((integration) => integration.ApiId === api.Name)
          .map(({ IntegrationType, IntegrationUri, PayloadFormatVersion }) => [IntegrationType, IntegrationUri, PayloadFormatVersion ?? null]),
      },
    ]),
    alarms: named(stack.of("AWS::CloudWatch::Alarm"), (alarm) => [
      alarm.AlarmName,
      {
        description: alarm.AlarmDescription,
        metric: [alarm.Namespace, alarm.MetricName, alarm.Statistic, alarm.Period],
        of: Object.fromEntries((alarm.Dimensions ?? []).map(({ Name, Value }) => [Name, Value])),
        when: [alarm.ComparisonOperator, alarm.Threshold, alarm.EvaluationPeriods, alarm.TreatMissingData],
      },
    ]),
    edge: stack.of("AWS::CloudFront::Distribution").map(({ DistributionConfig: config }) => edge(config)),
    syncCode: stack.of("AWS::CloudFront::Function").map(({ FunctionCode, FunctionConfig }) => [FunctionCode === syncCode, FunctionConfig.Runtime]),
    relay: relay(stack),
  };
}

function edge(config) {
  return {
    comment: config.Comment,
    versions: config.HttpVersion,
    prices: config.PriceClass,
    origins: named(config.Origins, ({ Id, DomainName, OriginPath, CustomOriginConfig, OriginCustomHeaders }) => [
      Id,
      {
        host: DomainName,
        path: OriginPath ?? "",
        protocol: CustomOriginConfig.OriginProtocolPolicy,
        timeout: CustomOriginConfig.OriginReadTimeout,
        headers: (OriginCustomHeaders ?? []).map(({ HeaderName }) => HeaderName),
      },
    ]),
    behaviours: [config.DefaultCacheBehavior, ...(config.CacheBehaviors ?? [])].map((behaviour) => ({
      paths: behaviour.PathPattern ?? "*",
      origin: behaviour.TargetOriginId,
      methods: [...behaviour.AllowedMethods].sort(),
      viewers: behaviour.ViewerProtocolPolicy,
      policies: [behaviour.CachePolicyId, behaviour.OriginRequestPolicyId],
      functions: (behaviour.FunctionAssociations ?? []).map(({ EventType }) => EventType),
    })),
  };
}

function relay(stack) {
  const [task] = stack.of("AWS::ECS::TaskDefinition");
  if (task === undefined) return null;
  const [service] = stack.of("AWS::ECS::Service");
  const [balancer] = stack.of("AWS::ElasticLoadBalancingV2::LoadBalancer");
  const [targets] = stack.of("AWS::ElasticLoadBalancingV2::TargetGroup");
  const [listener] = stack.of("AWS::ElasticLoadBalancingV2::Listener");
  const [scaling] = stack.of("AWS::ApplicationAutoScaling::ScalableTarget");
  const between = stack.of("AWS::EC2::SecurityGroupIngress");
  for (const { GroupId, SourceSecurityGroupId } of between) {
    if (GroupId !== SourceSecurityGroupId) throw new Error("the comparison knows only a group that lets itself in");
  }
  const attribute = (attributes, name) => attributes.find(({ Key }) => Key === name).Value;
  return {
    task: {
      size: [Number(task.Cpu), Number(task.Memory)],
      roles: [task.TaskRoleArn, task.ExecutionRoleArn],
      processor: task.RuntimePlatform.CpuArchitecture,
      containers: task.ContainerDefinitions.map((one) => container(lowerKeys(one))),
    },
    service: {
      name: service.ServiceName,
      count: service.DesiredCount,
      grace: service.HealthCheckGracePeriodSeconds,
      percent: [service.DeploymentConfiguration.MinimumHealthyPercent, service.DeploymentConfiguration.MaximumPercent],
      breaker: Object.values(service.DeploymentConfiguration.DeploymentCircuitBreaker),
      public: service.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp === "ENABLED",
    },
    balancer: { name: balancer.Name, idle: Number(attribute(balancer.LoadBalancerAttributes, "idle_timeout.timeout_seconds")) },
    targets: {
      port: [targets.Port, targets.Protocol, targets.TargetType],
      health: [targets.HealthCheckPath, targets.HealthCheckIntervalSeconds, targets.HealthCheckTimeoutSeconds],
      thresholds: [targets.HealthyThresholdCount, targets.UnhealthyThresholdCount],
      delay: Number(attribute(targets.TargetGroupAttributes, "deregistration_delay.timeout_seconds")),
      algorithm: attribute(targets.TargetGroupAttributes, "load_balancing.algorithm.type"),
    },
    listener: [listener.Port, listener.Protocol, listener.DefaultActions[0].Type, listener.DefaultActions[0].FixedResponseConfig.StatusCode],
    rules: stack
      .of("AWS::ElasticLoadBalancingV2::ListenerRule")
      .map(({ Priority, Conditions, Actions }) => [
        Priority,
        Conditions.flatMap((one) => one.HttpHeaderConfig?.HttpHeaderName ?? one.PathPatternConfig?.Values ?? one.HttpRequestMethodConfig.Values).sort(),
        Actions.map(({ Type }) => Type),
      ])
      .sort(),
    scaling: [scaling.ResourceId, scaling.MinCapacity, scaling.MaxCapacity],
    policies: named(stack.of("AWS::ApplicationAutoScaling::ScalingPolicy"), ({ PolicyName, TargetTrackingScalingPolicyConfiguration: tracking }) => [
      PolicyName,
      [tracking.TargetValue, tracking.ScaleOutCooldown, tracking.ScaleInCooldown],
    ]),
    network: {
      block: stack.of("AWS::EC2::VPC").map(({ CidrBlock }) => CidrBlock),
      subnets: stack.of("AWS::EC2::Subnet").map(({ CidrBlock, AvailabilityZone }) => [CidrBlock, AvailabilityZone]),
      endpoints: stack.of("AWS::EC2::VPCEndpoint").map(({ ServiceName, VpcEndpointType }) => [ServiceName, VpcEndpointType]).sort(),
      rules: named(stack.of("AWS::EC2::SecurityGroup"), ({ GroupDescription, SecurityGroupIngress, SecurityGroupEgress }) => [
        GroupDescription,
        [[...SecurityGroupIngress, ...(GroupDescription === "Relays" ? between : [])], SecurityGroupEgress].map((rules) =>
          list(rules).map((one) => [one.Description, one.IpProtocol, one.FromPort ?? 0, one.ToPort ?? 0, one.CidrIp ?? "(group)"]).sort(),
        ),
      ]),
    },
  };
}

/** Keys of CloudFormation as those of ECS itself: options of loggers and variables stay what they are. */
function lowerKeys(value) {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key[0].toLowerCase() + key.slice(1), lowerKeys(inner)]));
}
