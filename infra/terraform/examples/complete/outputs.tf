output "deployment_name" {
  description = "Name of the deployment."
  value       = module.lakewire.deployment_name
}

output "api_url" {
  description = "URL of the deployment, for clients and the CLI."
  value       = module.lakewire.api_url
}

output "site_url" {
  description = "URL of its HTTP actions."
  value       = module.lakewire.site_url
}

output "admin_key_command" {
  description = "Run this to make an admin key."
  value       = module.lakewire.admin_key_command
}
