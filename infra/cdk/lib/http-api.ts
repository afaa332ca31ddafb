// An HTTP API that gives every request to one function.

import { Stack } from "aws-cdk-lib";
import { CfnApi, CfnApiMapping, CfnDomainName, CfnIntegration, CfnRoute, CfnStage } from "aws-cdk-lib/aws-apigatewayv2";
import { CfnPermission, type IFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";

import type { Domain, Settings } from "./props.js";

export class HttpApi extends Construct {
  /** Id of the API. */
  readonly apiId: string;
  /** Host of the API as AWS names it. */
  readonly host: string;
  /** The URL without a slash at its end: of the domain, if there is one. */
  readonly url: string;
  /** What a CNAME record of the domain has to point to. */
  readonly domainTarget?: string;

  /** @param purpose `api` or `site`, part of the API's name */
  constructor(scope: Construct, id: string, settings: Settings, purpose: string, domain: Domain | undefined) {
    super(scope, id);
    const { region, urlSuffix } = Stack.of(this);
    const api = new CfnApi(this, "Api", { name: `${settings.name}-${purpose}`, protocolType: "HTTP" });
    const stage = new CfnStage(this, "Stage", {
      apiId: api.ref,
      stageName: "$default",
      autoDeploy: true,
      defaultRouteSettings: { throttlingRateLimit: settings.rateLimit, throttlingBurstLimit: settings.burstLimit },
    });
    this.apiId = api.ref;
    this.host = `${api.ref}.execute-api.${region}.${urlSuffix}`;
    this.url = domain === undefined ? `https://${this.host}` : `https://${domain.name}`;
    if (domain === undefined) return;
    const name = new CfnDomainName(this, "Domain", {
      domainName: domain.name,
      domainNameConfigurations: [{ certificateArn: domain.certificateArn, endpointType: "REGIONAL", securityPolicy: "TLS_1_2" }],
    });
    const mapping = new CfnApiMapping(this, "Mapping", { apiId: api.ref, domainName: name.ref, stage: stage.ref });
    mapping.addResourceDependency(stage);
    this.domainTarget = name.attrRegionalDomainName;
  }

  /** Gives every request to `handler`. */
  serve(handler: IFunction) {
    const integration = new CfnIntegration(this, "Integration", {
      apiId: this.apiId,
      integrationType: "AWS_PROXY",
      integrationUri: handler.functionArn,
      payloadFormatVersion: "2.0",
    });
    new CfnRoute(this, "Route", { apiId: this.apiId, routeKey: "$default", target: `integrations/${integration.ref}` });
    new CfnPermission(this, "Permission", {
      action: "lambda:InvokeFunction",
      functionName: handler.functionName,
      principal: "apigateway.amazonaws.com",
      sourceArn: Stack.of(this).formatArn({ service: "execute-api", resource: `${this.apiId}/*/$default` }),
    });
  }
}
