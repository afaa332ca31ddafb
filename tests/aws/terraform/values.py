"""What AWS would say of a resource that it made: names and ARNs that follow from what was asked for."""

REGION, ACCOUNT = "us-east-1", "123456789012"

DATA = {
    "aws_caller_identity": {"account_id": ACCOUNT, "id": ACCOUNT},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com", "id": "aws"},
    "aws_region": {"region": REGION, "name": REGION, "id": REGION},
    "aws_availability_zones": {"names": [f"{REGION}{zone}" for zone in "abc"], "id": REGION},
}


def arn(service, resource, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def made(type_, asked):
    """Computed attributes of a new resource, as far as something looks at them."""
    names = [asked.get(attribute) for attribute in ("name", "name_prefix", "bucket", "key")]
    name = next((name for name in names if isinstance(name, str)), "made")
    known = {
        "aws_s3_bucket": lambda: {"id": name, "arn": f"arn:aws:s3:::{name}"},
        "aws_dynamodb_table": lambda: {"id": name, "arn": arn("dynamodb", f"table/{name}")},
        "aws_secretsmanager_secret": lambda: ids(arn("secretsmanager", f"secret:{name}-AbCdEf")),
        "aws_secretsmanager_secret_version": lambda: ids(asked.get("secret_id")),
        "aws_iam_role": lambda: {"id": name, "arn": arn("iam", f"role/{name}", region="")},
        "aws_cloudwatch_log_group": lambda: {"id": name, "arn": arn("logs", f"log-group:{name}")},
        "aws_lambda_function": lambda: function(asked["function_name"]),
        "aws_apigatewayv2_api": lambda: {"id": name, "execution_arn": arn("execute-api", name)},
        "aws_cloudfront_distribution": lambda: {"id": "edge", "domain_name": "edge.cloudfront.net"},
        "aws_lb": lambda: {**ids(arn("elasticloadbalancing", f"loadbalancer/app/{name}")), "dns_name": f"{name}.elb", "arn_suffix": f"app/{name}"},
        "aws_lb_target_group": lambda: {**ids(arn("elasticloadbalancing", f"targetgroup/{name}")), "arn_suffix": f"targetgroup/{name}"},
        "aws_ecs_task_definition": lambda: ids(arn("ecs", f"task-definition/{asked['family']}:1")),
    }
    return known.get(type_, lambda: {"id": f"{type_}-{name}", "arn": arn("stub", f"{type_}/{name}")})()


def ids(value):
    return {"id": value, "arn": value}


def function(name):
    value = arn("lambda", f"function:{name}")
    path = f"path/2015-03-31/functions/{value}/invocations"
    return {"id": name, "arn": value, "invoke_arn": f"arn:aws:apigateway:{REGION}:lambda:{path}"}
