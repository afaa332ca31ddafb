# A deployment of its own: `terraform init`, then `terraform apply`, beside the packages that `lakewire package` makes.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { application = "lakewire" }
  }
}

module "lakewire" {
  source = "../.."

  name         = var.name
  package      = var.package
  node_package = var.node_package
  architecture = var.architecture
  relay        = var.relay
  relay_image  = var.relay_image
  retain_data  = var.retain_data
}
