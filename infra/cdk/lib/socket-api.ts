// A WebSocket API in front of the function `socket`: a relay that costs nothing while nobody is connected.

import { Stack } from "aws-cdk-lib";
import { CfnApi, CfnIntegration, CfnRoute, CfnStage } from "aws-cdk-lib/aws-apigatewayv2";
import { CfnPermission, type IFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";

import { SOCKET_STAGE } from "./parts.js";
import type { Settings } from "./props.js";
import { capital } from "./roles.js";

export class SocketApi extends Construct {
  readonly apiId: string;
  readonly host: string;
  /** Where connections are written to. */
  readonly endpoint: string;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const { region, urlSuffix } = Stack.of(this);
    const api = new CfnApi(this, "Api", {
      name: `${settings.name}-socket`,
      protocolType: "WEBSOCKET",
      // Every message takes the route `$default`.
      routeSelectionExpression: "$request.body.type",
    });
    new CfnStage(this, "Stage", {
      apiId: api.ref,
      stageName: SOCKET_STAGE,
      autoDeploy: true,
      defaultRouteSettings: { throttlingRateLimit: settings.rateLimit, throttlingBurstLimit: settings.burstLimit },
    });
    this.apiId = api.ref;
    this.host = `${api.ref}.execute-api.${region}.${urlSuffix}`;
    this.endpoint = `https://${this.host}/${SOCKET_STAGE}`;
  }

  /** Gives connections and messages to `handler`. */
  serve(handler: IFunction) {
    const { partition, region } = Stack.of(this);
    const integration = new CfnIntegration(this, "Integration", {
      apiId: this.apiId,
      integrationType: "AWS_PROXY",
      integrationUri: `arn:${partition}:apigateway:${region}:lambda:path/2015-03-31/functions/${handler.functionArn}/invocations`,
    });
    for (const event of ["connect", "default", "disconnect"]) {
      new CfnRoute(this, capital(event), {
        apiId: this.apiId,
        routeKey: `$${event}`,
        authorizationType: "NONE",
        target: `integrations/${integration.ref}`,
      });
    }
    new CfnPermission(this, "Permission", {
      action: "lambda:InvokeFunction",
      functionName: handler.functionName,
      principal: "apigateway.amazonaws.com",
      sourceArn: Stack.of(this).formatArn({ service: "execute-api", resource: `${this.apiId}/${SOCKET_STAGE}/*` }),
    });
  }
}
