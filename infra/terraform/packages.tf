# Packages are too large for a request: they go through a bucket of their own, which no part can write to.

locals {
  package      = coalesce(var.package, "lakewire-lambda-${var.architecture}.zip")
  package_hash = filesha256(local.package)
  node_hash    = filesha256(var.node_package)
}

resource "aws_s3_bucket" "packages" {
  bucket        = "${var.name}-packages-${local.account}-${local.region}"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "packages" {
  bucket                  = aws_s3_bucket.packages.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "package" {
  bucket      = aws_s3_bucket.packages.id
  key         = "worker-${local.package_hash}.zip"
  source      = local.package
  source_hash = local.package_hash
}

resource "aws_s3_object" "node_package" {
  bucket      = aws_s3_bucket.packages.id
  key         = "node-${local.node_hash}.zip"
  source      = var.node_package
  source_hash = local.node_hash
}
