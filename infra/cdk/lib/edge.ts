// CloudFront, so that one URL serves HTTP and `/api/VERSION/sync`.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Duration } from "aws-cdk-lib";
import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  Function,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  PriceClass,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
  type AddBehaviorOptions,
} from "aws-cdk-lib/aws-cloudfront";
import { HttpOrigin } from "aws-cdk-lib/aws-cloudfront-origins";
import { Construct } from "constructs";

import { ORIGIN_HEADER, type Balancer } from "./balancer.js";
import { SOCKET_STAGE } from "./parts.js";
import type { Settings } from "./props.js";
import type { SocketApi } from "./socket-api.js";

/** Seconds that an origin may take to answer: as long as CloudFront waits without a raised quota. */
const READ_TIMEOUT = 60;

/** The code for viewers' requests to the WebSocket API; beside `lib` in the sources, and beside `dist` when built. */
function syncCode(): string {
  return readFileSync(fileURLToPath(new URL("../../edge/sync.js", import.meta.url)), "utf8");
}

export class Edge extends Construct {
  readonly host: string;
  /** Without a slash at its end. */
  readonly url: string;

  constructor(scope: Construct, id: string, settings: Settings, apiHost: string, relay: SocketApi | Balancer) {
    super(scope, id);
    // Nothing is cached; only the host is not the viewer's, since the origins go by theirs.
    const behaviour: AddBehaviorOptions = {
      allowedMethods: AllowedMethods.ALLOW_ALL,
      cachePolicy: CachePolicy.CACHING_DISABLED,
      originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
      viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      compress: false,
    };
    const readTimeout = Duration.seconds(READ_TIMEOUT);
    const domain = settings.domain;
    const distribution = new Distribution(this, "Distribution", {
      comment: `Lakewire ${settings.name}`,
      httpVersion: HttpVersion.HTTP2_AND_3,
      priceClass: PriceClass.PRICE_CLASS_100,
      defaultBehavior: { ...behaviour, origin: new HttpOrigin(apiHost, { originId: "api", readTimeout }) },
      ...(domain === undefined
        ? {}
        : {
            domainNames: [domain.name],
            certificate: Certificate.fromCertificateArn(this, "Certificate", domain.certificateArn),
            minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
          }),
    });
    if ("tls" in relay) {
      const origin = new HttpOrigin(relay.host, {
        originId: "relay",
        protocolPolicy: relay.tls ? OriginProtocolPolicy.HTTPS_ONLY : OriginProtocolPolicy.HTTP_ONLY,
        customHeaders: { [ORIGIN_HEADER]: relay.originSecret },
        readTimeout,
      });
      distribution.addBehavior("/api/*/sync", origin, behaviour);
      // Files of any size pass through the relay; an answer of Lambda has a limit. So do what actions in `node` ask for, and news of
      // commits where the load balancer takes nothing but from here.
      distribution.addBehavior("/api/storage/*", origin, behaviour);
      distribution.addBehavior("/api/lakewire/*", origin, behaviour);
    } else {
      const code = new Function(this, "Sync", {
        functionName: `${settings.name}-sync`,
        runtime: FunctionRuntime.JS_2_0,
        code: FunctionCode.fromInline(syncCode()),
      });
      const origin = new HttpOrigin(relay.host, { originId: "relay", originPath: `/${SOCKET_STAGE}`, readTimeout });
      distribution.addBehavior("/api/*/sync", origin, {
        ...behaviour,
        functionAssociations: [{ function: code, eventType: FunctionEventType.VIEWER_REQUEST }],
      });
    }
    this.host = distribution.distributionDomainName;
    this.url = `https://${domain?.name ?? this.host}`;
  }
}
