# A WebSocket API in front of the function `socket`: a relay that costs nothing while nobody is connected.

locals {
  socket_host = one([for api in aws_apigatewayv2_api.socket : "${api.id}.execute-api.${local.region}.${local.dns_suffix}"])
}

resource "aws_apigatewayv2_api" "socket" {
  count = local.socket ? 1 : 0

  name          = "${var.name}-socket"
  protocol_type = "WEBSOCKET"
  # Every message takes the route `$default`.
  route_selection_expression = "$request.body.type"
}

resource "aws_apigatewayv2_stage" "socket" {
  count = local.socket ? 1 : 0

  api_id      = aws_apigatewayv2_api.socket[0].id
  name        = local.socket_stage
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.rate_limit
    throttling_burst_limit = var.burst_limit
  }
}

resource "aws_apigatewayv2_integration" "socket" {
  count = local.socket ? 1 : 0

  api_id           = aws_apigatewayv2_api.socket[0].id
  integration_type = "AWS_PROXY"
  integration_uri  = aws_lambda_function.part["socket"].invoke_arn
}

resource "aws_apigatewayv2_route" "socket" {
  for_each = toset(local.socket ? ["$connect", "$default", "$disconnect"] : [])

  api_id             = aws_apigatewayv2_api.socket[0].id
  route_key          = each.key
  authorization_type = "NONE"
  target             = "integrations/${aws_apigatewayv2_integration.socket[0].id}"
}

resource "aws_lambda_permission" "socket" {
  count = local.socket ? 1 : 0

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.part["socket"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.socket[0].execution_arn}/${local.socket_stage}/*"
}
