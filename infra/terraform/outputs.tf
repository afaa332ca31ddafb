output "deployment_name" {
  description = "Name of the deployment."
  value       = var.name
}

output "api_url" {
  description = "URL of the deployment, for clients and the CLI."
  value       = local.cloud_origin
}

output "site_url" {
  description = "URL of its HTTP actions."
  value       = local.site_origin
}

output "admin_key_command" {
  description = "Run this to make an admin key."
  value = join(" ", [
    "INSTANCE_NAME=${var.name}",
    "INSTANCE_SECRET=$(aws secretsmanager get-secret-value --region ${local.region} --secret-id ${aws_secretsmanager_secret.instance.arn} --query SecretString --output text)",
    "lakewire keys create",
  ])
}

output "secret_arn" {
  description = "The secret that admin keys are made from."
  value       = aws_secretsmanager_secret.instance.arn
}

output "bucket_name" {
  description = "The bucket of the deployment."
  value       = aws_s3_bucket.data.id
}

output "table_name" {
  description = "The table of its log."
  value       = aws_dynamodb_table.log.name
}

output "domain_targets" {
  description = "What CNAME records of your host names have to point to."
  value = merge(
    { for api, domain in local.api_domains : domain.name => aws_apigatewayv2_domain_name.http[api].domain_name_configuration[0].target_domain_name },
    local.edge && var.domain != null ? { (var.domain.name) = aws_cloudfront_distribution.edge[0].domain_name } : {},
    local.fargate && var.relay_origin != null ? { (var.relay_origin.name) = aws_lb.relay[0].dns_name } : {},
  )
}
