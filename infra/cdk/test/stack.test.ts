import assert from "node:assert/strict";
import { test } from "node:test";

import { Match } from "aws-cdk-lib/assertions";

import { IMAGE, synthesize } from "./synthesize.js";

test("data are encrypted, closed, restorable, and stay", () => {
  const template = synthesize();
  template.hasResource("AWS::S3::Bucket", {
    DeletionPolicy: "Retain",
    UpdateReplacePolicy: "Retain",
    Properties: {
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: {
        Rules: [
          { Id: "temporary", Prefix: "tmp/", ExpirationInDays: 1, Status: "Enabled" },
          { Id: "unfinished-uploads", AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: "Enabled" },
        ],
      },
      CorsConfiguration: { CorsRules: [Match.objectLike({ AllowedMethods: ["GET", "HEAD"], AllowedOrigins: ["*"] })] },
      VersioningConfiguration: Match.absent(),
    },
  });
  template.hasResource("AWS::DynamoDB::Table", {
    DeletionPolicy: "Retain",
    Properties: {
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      TimeToLiveSpecification: { AttributeName: "expires", Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    },
  });
  template.hasResource("AWS::SecretsManager::Secret", { DeletionPolicy: "Retain", Properties: { Name: "lakewire/instance-secret" } });
});

test("a trial can be taken away", () => {
  const template = synthesize({ retainData: false });
  for (const type of ["AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"]) {
    template.hasResource(type, { DeletionPolicy: "Delete" });
  }
  template.hasResourceProperties("AWS::DynamoDB::Table", { DeletionProtectionEnabled: false });
});

test("the secret is 64 hexadecimal digits", () => {
  const [secret] = Object.values(synthesize().findResources("AWS::SecretsManager::Secret"));
  const { PasswordLength, ExcludeCharacters, ExcludeUppercase, ExcludePunctuation } = secret!["Properties"].GenerateSecretString;
  assert.equal(PasswordLength, 64);
  assert.ok(ExcludeUppercase && ExcludePunctuation);
  const left = [..."0123456789abcdefghijklmnopqrstuvwxyz"].filter((character) => !ExcludeCharacters.includes(character));
  assert.equal(left.join(""), "0123456789abcdef");
});

test("the functions are those of the contract", () => {
  const template = synthesize();
  const function_ = (part: string, MemorySize: number, Timeout: number) =>
    template.hasResourceProperties("AWS::Lambda::Function", {
      FunctionName: `lakewire-${part}`,
      Handler: part,
      Runtime: "provided.al2023",
      Architectures: ["arm64"],
      MemorySize,
      Timeout,
    });
  function_("http", 1769, 30);
  function_("run", 1769, 60);
  function_("tick", 1769, 900);
  function_("upkeep", 1769, 900);
  function_("socket", 1769, 900);
  template.hasResourceProperties("AWS::Lambda::Function", {
    FunctionName: "lakewire-node",
    Handler: "index.handler",
    Runtime: "nodejs22.x",
    MemorySize: 1024,
    Timeout: 630,
    EphemeralStorage: { Size: 1024 },
    Environment: Match.absent(),
  });
  template.resourceCountIs("AWS::Lambda::Function", 6);
  synthesize({ relay: "none" }).resourceCountIs("AWS::Lambda::Function", 5);
});

test("the clock calls tick every minute and upkeep every quarter of an hour", () => {
  const template = synthesize();
  for (const [part, expression] of Object.entries({ tick: "rate(1 minute)", upkeep: "rate(15 minutes)" })) {
    template.hasResourceProperties("AWS::Scheduler::Schedule", { Name: `lakewire-${part}`, ScheduleExpression: expression });
  }
});

test("logs are kept as long as was said", () => {
  for (const relay of ["none", "fargate"] as const) {
    const template = synthesize({ relay, logRetentionDays: 7, ...(relay === "fargate" ? { relayImage: IMAGE } : {}) });
    template.allResourcesProperties("AWS::Logs::LogGroup", { RetentionInDays: 7 });
  }
});

test("only a relay on Fargate has what is paid by the hour", () => {
  for (const relay of ["none", "socket-api"] as const) {
    const template = synthesize({ relay });
    for (const type of ["AWS::EC2::VPC", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ECS::Service"]) {
      template.resourceCountIs(type, 0);
    }
  }
  const fargate = synthesize({ relay: "fargate", relayImage: IMAGE });
  fargate.resourceCountIs("AWS::EC2::NatGateway", 0);
  fargate.resourceCountIs("AWS::EC2::VPCEndpoint", 2);
  fargate.allResourcesProperties("AWS::EC2::VPCEndpoint", { VpcEndpointType: "Gateway" });
  fargate.hasResourceProperties("AWS::ElasticLoadBalancingV2::LoadBalancer", {
    LoadBalancerAttributes: Match.arrayWith([{ Key: "idle_timeout.timeout_seconds", Value: "4000" }]),
  });
  fargate.hasResourceProperties("AWS::ECS::TaskDefinition", {
    RuntimePlatform: { CpuArchitecture: "ARM64", OperatingSystemFamily: "LINUX" },
    ContainerDefinitions: [Match.objectLike({ Command: ["relay", "--host", "0.0.0.0"], StopTimeout: 60, PortMappings: [{ ContainerPort: 3210, Protocol: "tcp" }] })],
  });
});

test("nobody but the load balancer and other relays reaches a relay, and nobody but CloudFront the load balancer", () => {
  const template = synthesize({ relay: "fargate", relayImage: IMAGE, cloudFrontPrefixList: "pl-3b927c52" });
  template.hasResourceProperties("AWS::EC2::SecurityGroup", {
    GroupDescription: "Relays",
    SecurityGroupIngress: [Match.objectLike({ SourceSecurityGroupId: Match.anyValue(), CidrIp: Match.absent(), FromPort: 3210, ToPort: 3210 })],
  });
  template.hasResourceProperties("AWS::EC2::SecurityGroup", {
    GroupDescription: "Load balancer of the relays",
    SecurityGroupIngress: [Match.objectLike({ SourcePrefixListId: "pl-3b927c52", CidrIp: Match.absent() })],
  });
  const [between, ...others] = Object.values(template.findResources("AWS::EC2::SecurityGroupIngress"));
  const { GroupId, SourceSecurityGroupId, FromPort, ToPort } = between!["Properties"];
  assert.deepEqual([GroupId, FromPort, ToPort, others], [SourceSecurityGroupId, 3210, 3210, []]);
  template.hasResourceProperties("AWS::ElasticLoadBalancingV2::Listener", { DefaultActions: [Match.objectLike({ Type: "fixed-response" })] });
  // Past CloudFront come news of commits, which are signed, and nothing else.
  template.resourceCountIs("AWS::ElasticLoadBalancingV2::ListenerRule", 2);
  template.hasResourceProperties("AWS::ElasticLoadBalancingV2::ListenerRule", {
    Conditions: [
      { Field: "path-pattern", PathPatternConfig: { Values: ["/api/lakewire/nudge"] } },
      { Field: "http-request-method", HttpRequestMethodConfig: { Values: ["POST"] } },
    ],
  });
});

test("functions tell relays of commits, and the relays run what is due", () => {
  const environment = (template: ReturnType<typeof synthesize>, part: string) => {
    const found = template.findResources("AWS::Lambda::Function", { Properties: { FunctionName: `lakewire-${part}` } });
    return Object.values(found)[0]!["Properties"].Environment.Variables;
  };
  const [open, closed] = [undefined, "pl-3b927c52"].map((cloudFrontPrefixList) =>
    synthesize({ relay: "fargate", relayImage: IMAGE, ...(cloudFrontPrefixList === undefined ? {} : { cloudFrontPrefixList }) }),
  );
  const host = JSON.stringify(environment(open!, "http").LAKEWIRE_RELAY_URL);
  assert.match(host, /http:\/\/.*DNSName/);
  assert.deepEqual(environment(open!, "tick").LAKEWIRE_RELAY_URL, environment(open!, "http").LAKEWIRE_RELAY_URL);
  // Only CloudFront gets in here.
  assert.deepEqual(environment(closed!, "http").LAKEWIRE_RELAY_URL, environment(closed!, "http").CONVEX_CLOUD_ORIGIN);
  assert.equal(environment(open!, "http").LAKEWIRE_TICK_FUNCTION, undefined);
  for (const relay of ["none", "socket-api"] as const) {
    const { LAKEWIRE_RELAY_URL, LAKEWIRE_TICK_FUNCTION } = environment(synthesize({ relay }), "http");
    assert.deepEqual([LAKEWIRE_RELAY_URL, LAKEWIRE_TICK_FUNCTION], [undefined, "lakewire-tick"]);
  }
});

test("what clients send over the WebSocket API has no answer but what the function posts, and nothing is done twice", () => {
  const template = synthesize();
  const routes = Object.values(template.findResources("AWS::ApiGatewayV2::Route")).map((route) => route["Properties"]);
  assert.deepEqual(routes.map(({ RouteResponseSelectionExpression }) => RouteResponseSelectionExpression).filter(Boolean), []);
  template.resourceCountIs("AWS::ApiGatewayV2::RouteResponse", 0);
  template.allResourcesProperties("AWS::Lambda::EventInvokeConfig", { MaximumRetryAttempts: 0 });
});

test("one URL serves HTTP and the sync protocol", () => {
  const behaviours = (template: ReturnType<typeof synthesize>) => {
    const [distribution] = Object.values(template.findResources("AWS::CloudFront::Distribution"));
    return distribution!["Properties"].DistributionConfig.CacheBehaviors.map((behaviour: { PathPattern: string }) => behaviour.PathPattern);
  };
  assert.deepEqual(behaviours(synthesize()), ["/api/*/sync"]);
  assert.deepEqual(behaviours(synthesize({ relay: "fargate", relayImage: IMAGE })), ["/api/*/sync", "/api/storage/*", "/api/lakewire/*"]);
  synthesize({ relay: "none" }).resourceCountIs("AWS::CloudFront::Distribution", 0);
});

test("there are no more alarms than are free, and they tell whom was said", () => {
  const topic = "arn:aws:sns:us-east-1:123456789012:alarms";
  for (const relay of ["none", "socket-api", "fargate"] as const) {
    const template = synthesize({ relay, alarmTopicArn: topic, ...(relay === "fargate" ? { relayImage: IMAGE } : {}) });
    const alarms = Object.values(template.findResources("AWS::CloudWatch::Alarm"));
    assert.ok(alarms.length <= 10, `${alarms.length} alarms with relay ${relay}`);
    for (const alarm of alarms) {
      assert.deepEqual(alarm["Properties"].AlarmActions, [topic]);
      // Each metric counts as an alarm.
      assert.equal(alarm["Properties"].Metrics, undefined);
    }
  }
});

test("host names of one's own take the place of those of AWS", () => {
  const domain = { name: "api.example.com", certificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/1" };
  const siteDomain = { name: "site.example.com", certificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/2" };
  const origins = { CONVEX_CLOUD_ORIGIN: "https://api.example.com", CONVEX_SITE_ORIGIN: "https://site.example.com" };
  for (const relay of ["none", "socket-api"] as const) {
    const template = synthesize({ relay, domain, siteDomain });
    template.hasResourceProperties("AWS::Lambda::Function", { FunctionName: "lakewire-http", Environment: { Variables: origins } });
    template.hasResourceProperties("AWS::ApiGatewayV2::DomainName", { DomainName: "site.example.com" });
    template.hasOutput("DomainTarget", {});
    template.hasOutput("SiteDomainTarget", {});
    template.resourceCountIs("AWS::ApiGatewayV2::DomainName", relay === "none" ? 2 : 1);
  }
  const edge = synthesize({ domain });
  edge.hasResourceProperties("AWS::CloudFront::Distribution", {
    DistributionConfig: { Aliases: ["api.example.com"], ViewerCertificate: { MinimumProtocolVersion: "TLSv1.2_2021" } },
  });
  const relayOrigin = { name: "relay.example.com", certificateArn: domain.certificateArn };
  const relay = synthesize({ relay: "fargate", relayImage: IMAGE, relayOrigin });
  relay.hasResourceProperties("AWS::ElasticLoadBalancingV2::Listener", { Port: 443, Protocol: "HTTPS" });
  relay.hasOutput("RelayOriginTarget", {});
});
