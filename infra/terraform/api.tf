# Two HTTP APIs that give every request to `http`: `api` for clients and the CLI, `site` for HTTP actions.

locals {
  # With CloudFront in front, a domain of the API is CloudFront's.
  api_domains = { for api, domain in { api = local.edge ? null : var.domain, site = var.site_domain } : api => domain if domain != null }
  api_hosts   = { for api, made in aws_apigatewayv2_api.http : api => "${made.id}.execute-api.${local.region}.${local.dns_suffix}" }
  api_urls    = { for api, host in local.api_hosts : api => "https://${try(local.api_domains[api].name, host)}" }

  cloud_origin = local.edge ? "https://${try(var.domain.name, aws_cloudfront_distribution.edge[0].domain_name)}" : local.api_urls.api
  site_origin  = local.api_urls.site
}

resource "aws_apigatewayv2_api" "http" {
  for_each = toset(["api", "site"])

  name          = "${var.name}-${each.key}"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "http" {
  for_each = aws_apigatewayv2_api.http

  api_id      = each.value.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.rate_limit
    throttling_burst_limit = var.burst_limit
  }
}

resource "aws_apigatewayv2_integration" "http" {
  for_each = aws_apigatewayv2_api.http

  api_id                 = each.value.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.part["http"].arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "http" {
  for_each = aws_apigatewayv2_api.http

  api_id    = each.value.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.http[each.key].id}"
}

resource "aws_lambda_permission" "http" {
  for_each = aws_apigatewayv2_api.http

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.part["http"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${each.value.execution_arn}/*/$default"
}

resource "aws_apigatewayv2_domain_name" "http" {
  for_each = local.api_domains

  domain_name = each.value.name

  domain_name_configuration {
    certificate_arn = each.value.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "http" {
  for_each = local.api_domains

  api_id      = aws_apigatewayv2_api.http[each.key].id
  domain_name = aws_apigatewayv2_domain_name.http[each.key].id
  stage       = aws_apigatewayv2_stage.http[each.key].id
}
