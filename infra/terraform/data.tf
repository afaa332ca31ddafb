# What holds data: the bucket, the table of the log, and the secret that admin keys are made from.

resource "aws_s3_bucket" "data" {
  bucket        = "${var.name}-${local.account}-${local.region}"
  force_destroy = !var.retain_data
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  bucket                  = aws_s3_bucket.data.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "data" {
  bucket     = aws_s3_bucket.data.id
  depends_on = [aws_s3_bucket_public_access_block.data]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = { AWS = "*" }
      Resource  = [aws_s3_bucket.data.arn, "${aws_s3_bucket.data.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    id     = "temporary"
    status = "Enabled"

    filter {
      prefix = "tmp/"
    }

    expiration {
      days = 1
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_cors_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  # Presigned downloads come from pages of any origin, and by a redirect, whose origin is `null`.
  cors_rule {
    allowed_methods = ["GET", "HEAD"]
    allowed_origins = ["*"]
    allowed_headers = ["*"]
    max_age_seconds = 3600
  }
}

resource "aws_dynamodb_table" "log" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  deletion_protection_enabled = var.retain_data

  attribute {
    name = "pk"
    type = "S"
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_secretsmanager_secret" "instance" {
  name                    = "${var.name}/instance-secret"
  description             = "Admin keys and tokens of the deployment are made from this"
  recovery_window_in_days = var.retain_data ? 30 : 0
}

# 64 hexadecimal digits, drawn anew in every run and written in the first one only; they are in no state and no plan.
ephemeral "aws_secretsmanager_random_password" "instance" {
  password_length            = 64
  exclude_punctuation        = true
  exclude_uppercase          = true
  exclude_characters         = "ghijklmnopqrstuvwxyz"
  require_each_included_type = false
}

resource "aws_secretsmanager_secret_version" "instance" {
  secret_id                = aws_secretsmanager_secret.instance.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.instance.random_password
  secret_string_wo_version = 1
}
