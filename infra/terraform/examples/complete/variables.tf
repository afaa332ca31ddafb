variable "region" {
  description = "Region of AWS."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "Name of the deployment."
  type        = string
  default     = "lakewire"
}

variable "package" {
  description = "The zip of the worker; `lakewire-lambda-ARCHITECTURE.zip` if absent."
  type        = string
  default     = null
}

variable "node_package" {
  description = "The zip of the Node function."
  type        = string
  default     = "lakewire-node.zip"
}

variable "architecture" {
  description = "What the packages were made for."
  type        = string
  default     = "arm64"
}

variable "relay" {
  description = "Where live subscriptions are served: `none`, `socket-api` or `fargate`."
  type        = string
  default     = "socket-api"
}

variable "relay_image" {
  description = "Image of the relay, with relay `fargate`."
  type        = string
  default     = null
}

variable "retain_data" {
  description = "Whether data are protected."
  type        = bool
  default     = true
}
