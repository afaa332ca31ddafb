# CloudFront, so that one URL serves HTTP and `/api/VERSION/sync`.

locals {
  # Managed policies: nothing is cached, and only the host is not the viewer's, since the origins go by theirs.
  caching_disabled              = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_viewer_except_host_header = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

  # Files of any size pass through the relay on Fargate; an answer of Lambda has a limit. So do what actions in `node` ask for, and
  # news of commits where the load balancer takes nothing but from here.
  relayed_paths = local.fargate ? ["/api/*/sync", "/api/storage/*", "/api/lakewire/*"] : ["/api/*/sync"]
  # Seconds that an origin may take to answer: as long as CloudFront waits without a raised quota.
  read_timeout = 60
}

resource "aws_cloudfront_function" "sync" {
  count = local.socket ? 1 : 0

  name    = "${var.name}-sync"
  runtime = "cloudfront-js-2.0"
  code    = file("${path.module}/edge/sync.js")
}

resource "aws_cloudfront_distribution" "edge" {
  count = local.edge ? 1 : 0

  comment         = "Lakewire ${var.name}"
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = "PriceClass_100"
  aliases         = var.domain == null ? [] : [var.domain.name]

  origin {
    origin_id   = "api"
    domain_name = local.api_hosts.api

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
      origin_read_timeout    = local.read_timeout
    }
  }

  origin {
    origin_id   = "relay"
    domain_name = local.fargate ? local.relay_host : local.socket_host
    origin_path = local.fargate ? "" : "/${local.socket_stage}"

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = local.fargate && var.relay_origin == null ? "http-only" : "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
      origin_read_timeout    = local.read_timeout
    }

    dynamic "custom_header" {
      for_each = local.fargate ? [local.origin_secret] : []

      content {
        name  = local.origin_header
        value = custom_header.value
      }
    }
  }

  default_cache_behavior {
    target_origin_id         = "api"
    allowed_methods          = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
    cached_methods           = ["GET", "HEAD"]
    viewer_protocol_policy   = "redirect-to-https"
    cache_policy_id          = local.caching_disabled
    origin_request_policy_id = local.all_viewer_except_host_header
    compress                 = false
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.relayed_paths

    content {
      path_pattern             = ordered_cache_behavior.value
      target_origin_id         = "relay"
      allowed_methods          = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
      cached_methods           = ["GET", "HEAD"]
      viewer_protocol_policy   = "redirect-to-https"
      cache_policy_id          = local.caching_disabled
      origin_request_policy_id = local.all_viewer_except_host_header
      compress                 = false

      dynamic "function_association" {
        for_each = aws_cloudfront_function.sync

        content {
          event_type   = "viewer-request"
          function_arn = function_association.value.arn
        }
      }
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = try(var.domain.certificate_arn, null)
    ssl_support_method             = var.domain == null ? null : "sni-only"
    minimum_protocol_version       = var.domain == null ? "TLSv1" : "TLSv1.2_2021"
  }
}
